"""
The heartbeat's line: one line of UTF-8 in one datagram, at most 512 octets, on three levels.

    classic   Heartbeat SEQ TIME
    tagged    Heartbeat SEQ TIME id=ID KEY=VALUE...
    signed    Heartbeat SEQ TIME id=ID KEY=VALUE... k=KEY mac=MAC

    SEQ  0..2**64-1        TIME  seconds since 1970, such as 1795358159.498196
"""

from typing import NamedTuple

from netlab.errors import WireError
from netlab.heartbeat.dialect import FORMATS, MAX_SEQUENCE

__all__ = ["FORMS", "MAX_LINE", "MAX_SEQUENCE", "Beat", "decode", "encode"]

MAX_LINE = 512  # octets
MAX_ID = 64  # characters
FORMS = (*FORMATS, "tagged")  # what `encode` writes


class Beat(NamedTuple):
    """What one line says; None where it does not."""

    sequence: int | None = None  # 0..2**64-1; one more per beat
    sent_ns: int | None = None  # sender's wall clock, nanoseconds since 1970-01-01 UTC
    id: str | None = None  # who sends; at most 64 printable characters, no blank
    inc: int | None = None  # incarnation, 0..2**64-1: grows with each start of the sender; hex on the wire
    mono_ns: int | None = None  # m=: sender's monotonic clock, nanoseconds since some fixed point
    interval: float | None = None  # int=: seconds from one beat to the next; milliseconds on the wire
    mult: int | None = None  # how many intervals of silence make it stopped, 1..255
    status: str | None = None  # st=: ok, bye, maint, or another word of the sender's
    exit: int | None = None  # how the program ended: its exit status, or a signal's number made negative
    lag: float | None = None  # seconds by which the sender was late; milliseconds on the wire
    tags: tuple[str, ...] = ()
    message: str | None = None  # msg=: for people
    key: int | None = None  # k=: which key signed
    mac: bytes | None = None  # 16 octets; see `netlab.heartbeat.signing`


def encode(beat: Beat, form: str = "classic") -> bytes:
    """
    Write a beat, its times to the microsecond, without its signature.

    *form* is one of `FORMS`; what the form has no place for is left out. A beat with an `id` in
    "classic" is written tagged. A message too long for the line is cut.

    Raises:
        ValueError: no such form, the form needs what the beat lacks, or a value cannot be written.
    """
    raise NotImplementedError


def decode(datagram: bytes) -> Beat:
    """
    Read a beat from a stranger's octets. Whether its signature is right is not asked here.

    Raises:
        WireError: not a line of at most 512 octets of one of the levels or dialects. Nothing else.
    """
    raise WireError("")
