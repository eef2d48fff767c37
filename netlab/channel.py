"""
What two processes at the ends of a pipe tell each other, as lines or as frames.

    frame = length of the payload, 4 octets | kind, 1 octet | payload           all in network order
"""

from collections.abc import Iterator
from struct import Struct

from netlab.errors import WireError

MAX_LINE = 262_144  # octets
MAX_FRAME = 2**26  # octets of a payload
_HEAD = Struct("!IB")


class Lines:
    """Octets in, lines out, without their ends; a line longer than *limit* is cut there."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._begun = b""

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The lines that end within *octets*; take them all before the next call."""
        *ended, rest = octets.split(b"\n")
        for line in ended:
            yield (self._begun + line)[: self._limit]
            self._begun = b""
        self._begun = (self._begun + rest)[: self._limit]

    def close(self) -> Iterator[bytes]:
        """The last line, if it had no end."""
        if self._begun:
            yield self._begun
        self._begun = b""


def encode_frame(kind: int, payload: bytes = b"") -> bytes:
    """Write a frame. Raises: ValueError: the kind is not 0..255, or the payload is longer than 64 MiB."""
    if not (0 <= kind <= 255 and len(payload) <= MAX_FRAME):
        raise ValueError(f"no frame: kind {kind}, {len(payload)} octets")
    return _HEAD.pack(len(payload), kind) + payload


class Frames:
    """Octets in, frames out."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, octets: bytes) -> Iterator[tuple[int, bytes]]:
        """
        The frames, kind and payload, that end within *octets*; take them all before the next call.

        Raises:
            WireError: a frame is longer than any that `encode_frame` writes. Feed no more then.
        """
        self._octets += octets
        begin = 0
        while len(self._octets) - begin >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._octets, begin)
            if length > MAX_FRAME:
                raise WireError(f"a frame of {length} octets, at most {MAX_FRAME} are read")
            end = begin + _HEAD.size + length
            if len(self._octets) < end:
                break
            yield kind, bytes(self._octets[begin + _HEAD.size : end])
            begin = end
        del self._octets[:begin]
