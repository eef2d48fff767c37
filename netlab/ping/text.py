"""
The course's ping: one line of ASCII in one datagram.

    Ping SEQ TIME       request: SEQ from 1, TIME any words
    Pong SEQ TIME       reply

Other implementations answer with the request in upper case or unchanged, with a bare ``pong``, or
pad with NULs; the decoders read those too.
"""

import re
from dataclasses import dataclass

from netlab.errors import WireError

_LINE = re.compile(rb"(?P<word>[Pp][Ii][Nn][Gg]|[Pp][Oo][Nn][Gg])(?:[ \t]+(?P<rest>[!-~].*))?", re.DOTALL)
_NUMBERED = re.compile(rb"(?P<sequence>[0-9]{1,20})(?:[ \t]+(?P<time>[!-~][ -~]*))?")
PADDING = b"\0\r\n\t "  # what may follow the line in a datagram


@dataclass(frozen=True, slots=True)
class Ping:
    sequence: int
    time: str  # the sender's words for when it was sent; empty: it did not say


@dataclass(frozen=True, slots=True)
class Pong:
    sequence: int | None  # None: the reply is a bare "pong"
    time: str
    copied: bool = False  # the reply is the request itself, perhaps in upper case


def encode_ping(ping: Ping) -> bytes:
    """Write a request; `decode_ping` is the inverse."""
    return f"Ping {ping.sequence} {ping.time}".rstrip().encode("ascii")


def encode_pong(ping: Ping) -> bytes:
    """Write the reply to *ping*: as long as the request, with one letter changed."""
    return f"Pong {ping.sequence} {ping.time}".rstrip().encode("ascii")


def decode_ping(datagram: bytes) -> Ping:
    """
    Read a request from a stranger's octets.

    Raises:
        WireError: not ``Ping SEQ TIME`` in ASCII on one line.
    """
    copied, sequence, time = _decode(datagram)
    if not copied or sequence is None:
        raise WireError(f"not a ping with a number: {datagram[:40]!r}")
    return Ping(sequence, time)


def decode_pong(datagram: bytes) -> Pong:
    """
    Read a reply, as any of the course's servers may have written it.

    Raises:
        WireError: neither ``pong`` nor ``ping``, or not ASCII on one line.
    """
    copied, sequence, time = _decode(datagram)
    if copied and sequence is None:
        raise WireError("a bare ping is no reply")
    return Pong(sequence, time, copied)


def _decode(datagram: bytes) -> tuple[bool, int | None, str]:
    line = _LINE.fullmatch(datagram.rstrip(PADDING))
    if line is None:
        raise WireError(f"neither ping nor pong: {datagram[:40]!r}")
    copied = line["word"].lower() == b"ping"
    if line["rest"] is None:
        return copied, None, ""
    numbered = _NUMBERED.fullmatch(line["rest"])
    if numbered is None:
        raise WireError(f"not a number and a time: {datagram[:40]!r}")
    return copied, int(numbered["sequence"]), (numbered["time"] or b"").decode("ascii")
