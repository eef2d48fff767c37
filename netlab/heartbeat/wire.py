"""
The course's heartbeat: one line of ASCII in one datagram.

    Heartbeat SEQ TIME      SEQ 0..2**64-1, TIME in seconds since 1970, such as 1795358159.498196

Course implementations also send ``Ping SEQ TIME``, ``SEQ TIME`` and ``SEQ,TIME``; the decoder reads
those too.
"""

import re
from dataclasses import dataclass

from netlab.clocks import seconds_text
from netlab.errors import WireError

MAX_LINE = 512  # octets
MAX_SEQUENCE = 2**64 - 1

_LINE = re.compile(
    rb"(?:(?:heartbeat|ping)[ ,]+)?"
    rb"(?P<sequence>[0-9]{1,20})[ ,]+(?P<seconds>[0-9]{1,12})(?:\.(?P<fraction>[0-9]{1,30}))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Beat:
    sequence: int  # 0..2**64-1; one more per beat
    sent_ns: int  # sender's wall clock, nanoseconds since 1970-01-01 UTC


def encode(beat: Beat) -> bytes:
    """Write a beat, its time to the microsecond."""
    return f"Heartbeat {beat.sequence} {seconds_text(beat.sent_ns)}".encode("ascii")


def decode(datagram: bytes) -> Beat:
    """
    Read a beat from a stranger's octets.

    Raises:
        WireError: not a line of at most 512 octets with a number and a time. Nothing else.
    """
    if len(datagram) > MAX_LINE:
        raise WireError(f"{len(datagram)} octets, at most {MAX_LINE} are read")
    line = _LINE.fullmatch(datagram.rstrip(b"\0\r\n\t "))
    if line is None:
        raise WireError(f"not a heartbeat with a number and a time: {datagram[:40]!r}")
    sequence = int(line["sequence"])
    if sequence > MAX_SEQUENCE:
        raise WireError(f"number {sequence} does not fit in 64 bits")
    fraction = (line["fraction"] or b"")[:9].ljust(9, b"0")
    return Beat(sequence, int(line["seconds"]) * 1_000_000_000 + int(fraction))
