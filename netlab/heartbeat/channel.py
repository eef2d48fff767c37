"""
What the parent of the monitor's workers and a worker tell each other: frames (`netlab.channel`).

    PAGE   to a worker     some of its clients, as a checkpoint has them
    START  to a worker     when those were written down (0: never), whether as the last thing of all
    READY  from a worker   it has taken them up, and listens
    ASK    to a worker     number, what, and more that this needs; `QUESTIONS` are what
    PART   from a worker   number, octets of the answer
    END    from a worker   number, the rest of the answer
    EVENT  from a worker   wall clock, notable, the event as JSON has it, its lines
    BEAT   both ways       the owner, arrival on both clocks, the sender, the datagram

What a frame holds is a list in MessagePack.
"""

from enum import IntEnum
from typing import Any

import msgspec

from netlab.channel import encode_frame
from netlab.errors import WireError

QUESTIONS = ("rows", "pages", "farewell", "reading", "act")
UNASKED = 0  # number of a farewell that nobody has asked for


class Kind(IntEnum):
    """What a frame is."""

    PAGE = 1
    START = 2
    READY = 3
    ASK = 4
    PART = 5
    END = 6
    EVENT = 7
    BEAT = 8


def encode(kind: Kind, *values: Any) -> bytes:
    """Write a frame; `decode` reads what is in it."""
    return encode_frame(kind, msgspec.msgpack.encode(values))


def decode(payload: bytes, count: int) -> list[Any]:
    """Read the values of a frame. Raises: WireError: there are not so many of them."""
    try:
        values = msgspec.msgpack.decode(payload)
    except ValueError as error:
        raise WireError(f"not MessagePack: {error}") from None
    if not isinstance(values, list) or len(values) < count:
        raise WireError(f"not a list of {count} values")
    return values
