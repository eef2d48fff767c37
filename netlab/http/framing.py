"""
How long a message's body is, and how its octets are taken from the stream (RFC 9112 §6, §7).

A decoder takes from the front of a buffer what is complete, and leaves the rest. Whatever is
ambiguous is refused, since two readers who disagree on a length can be set against each other.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from netlab.errors import WireError
from netlab.http.message import Fields

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;%b(?:=(?:%b|%b))?)*" % (_TOKEN, _TOKEN, _QUOTED))
_FIELD_NAME = re.compile(_TOKEN)
_FIELD_LINE = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]++):([\t -~\x80-\xff]*+)\r\n")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,18}")
_KNOWN_CODINGS = frozenset({"compress", "deflate", "gzip", "identity", "x-compress", "x-gzip"})

CHUNKED = -1  # a body that tells its own end


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a head a peer may send; all in octets but `fields`."""

    start_line: int = 16_384
    line: int = 16_384  # one field line, or the line before a chunk
    head: int = 65_536  # all field lines together
    fields: int = 100
    chunk_line: int = 1_024


class Malformed(WireError):
    """A message that breaks RFC 9112; `status` is what a server answers to it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class LineReader:
    """
    Take lines that end in CRLF from a buffer, each within its limit.

    The outcome depends on the octets up to the first offence alone, never on how they were split:
    a length is judged before a content, and an incomplete line like a complete one.
    """

    __slots__ = ("_buffer", "_scanned")

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self._scanned = 0

    def take(self, limit: int, status: int, name: str) -> bytes | None:
        """
        Take one line without its CRLF; None: it is not complete yet.

        Raises:
            Malformed: with *status* when longer than *limit* octets; with 400 when LF alone ends it.
        """
        end = self._buffer.find(b"\n", self._scanned)
        length = (len(self._buffer) if end < 0 else end) - 1  # without the CR
        if length > limit:
            raise Malformed(status, f"{name} is longer than {limit} octets")
        if end < 0:
            self._scanned = len(self._buffer)
            return None
        self._scanned = 0
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n"):
            raise Malformed(400, f"{name} ends in LF alone")
        return line[:-2]


class FieldReader:
    """Take field lines up to the empty line that ends them: a header or a trailer section."""

    __slots__ = ("_fields", "_limits", "_lines", "_octets")

    def __init__(self, lines: LineReader, limits: Limits) -> None:
        self._lines = lines
        self._limits = limits
        self._octets = 0
        self._fields: list[tuple[str, str]] = []

    def take(self) -> Fields | None:
        """Take the section; None: it is not complete yet. Raises: Malformed."""
        while True:
            room = min(self._limits.line, self._limits.head - self._octets)
            line = self._lines.take(room, 431, "the header section or a line of it")
            if line is None:
                return None
            if not line:
                fields, self._fields, self._octets = Fields(tuple(self._fields)), [], 0
                return fields
            self._octets += len(line) + 2
            if len(self._fields) == self._limits.fields:
                raise Malformed(431, f"more than {self._limits.fields} fields")
            self._fields.append(_field(line))


def read_fields(octets: bytes, limits: Limits) -> Fields | None:
    """Read whole field lines in one pass; None: one of them is not valid, or may be past the limits."""
    if len(octets) > min(limits.line, limits.head):
        return None
    lines = _FIELD_LINE.findall(octets.decode("latin-1"))
    if sum(len(name) + len(value) + 3 for name, value in lines) != len(octets) or len(lines) > limits.fields:
        return None
    return Fields(tuple((name, value.strip(" \t")) for name, value in lines))


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise Malformed(400, "a field line without a colon")
    if not _FIELD_NAME.fullmatch(name):
        raise Malformed(400, "a field name that is not a token")
    value = value.strip(b" \t")
    if _BAD_VALUE.search(value):
        raise Malformed(400, f"a control character in the field {name.decode('ascii')}")
    return name.decode("ascii"), value.decode("latin-1")


class BodyDecoder(Protocol):
    """Take a body's octets from a buffer."""

    finished: bool

    def take(self) -> bytes:
        """Take what is there: body octets, perhaps none. Raises: Malformed."""
        ...


class LengthBody:
    """A body of a known number of octets."""

    def __init__(self, buffer: bytearray, length: int) -> None:
        self._buffer = buffer
        self.remaining = length
        self.finished = length == 0

    def take(self) -> bytes:
        octets = bytes(self._buffer[: self.remaining])
        del self._buffer[: len(octets)]
        self.remaining -= len(octets)
        self.finished = self.remaining == 0
        return octets


class EndlessBody:
    """A body that ends when the peer closes."""

    finished = False

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer

    def take(self) -> bytes:
        octets = bytes(self._buffer)
        self._buffer.clear()
        return octets


class ChunkedBody:
    """A chunked body (RFC 9112 §7.1): extensions are checked and ignored, trailers read and kept."""

    def __init__(self, buffer: bytearray, lines: LineReader, limits: Limits) -> None:
        self._buffer = buffer
        self._lines = lines
        self._limits = limits
        self._trailer_reader = FieldReader(lines, limits)
        self._remaining = 0  # octets of the present chunk
        self._step = self._size
        self.trailers = Fields()
        self.finished = False

    def take(self) -> bytes:
        octets = bytearray()
        while not self.finished and self._step(octets):
            pass
        return bytes(octets)

    def _size(self, octets: bytearray) -> bool:
        line = self._lines.take(self._limits.chunk_line, 400, "the line before a chunk")
        if line is None:
            return False
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise Malformed(400, "a chunk without a proper size")
        self._remaining = int(match[1], 16)
        self._step = self._content if self._remaining else self._trailers
        return True

    def _content(self, octets: bytearray) -> bool:
        piece = self._buffer[: self._remaining]
        del self._buffer[: len(piece)]
        octets += piece
        self._remaining -= len(piece)
        if self._remaining:
            return False
        self._step = self._end_of_chunk
        return True

    def _end_of_chunk(self, octets: bytearray) -> bool:
        line = self._lines.take(0, 400, "what follows a chunk")
        if line is None:
            return False
        self._step = self._size
        return True

    def _trailers(self, octets: bytearray) -> bool:
        trailers = self._trailer_reader.take()
        if trailers is None:
            return False
        self.trailers = trailers
        self.finished = True
        return False


def declared_length(fields: Fields, version: tuple[int, int]) -> int | None:
    """
    The length that the fields declare: octets, `CHUNKED`, or None where they are silent.

    Raises:
        Malformed: 400 for what is ambiguous (RFC 9112 §6.3), 501 for a transfer coding unknown to us.
    """
    codings = fields.all("transfer-encoding")
    lengths = fields.all("content-length")
    if codings:
        if version < (1, 1):
            raise Malformed(400, "Transfer-Encoding in HTTP/1.0")
        if lengths:
            raise Malformed(400, "both Transfer-Encoding and Content-Length")
        _require_chunked(codings)
        return CHUNKED
    if not lengths:
        return None
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise Malformed(400, "Content-Length is not one number")
    return int(lengths[0])


def _require_chunked(codings: list[str]) -> None:
    if len(codings) > 1:
        raise Malformed(400, "more than one Transfer-Encoding")
    if codings[0].lower() == "chunked":
        return
    names = [name.strip(" \t").lower() for name in codings[0].split(",")]
    plain = all(_FIELD_NAME.fullmatch(name.encode("latin-1")) for name in names)
    framed = names.count("chunked") == 1 and names[-1] == "chunked"
    unknown = "chunked" not in names and not _KNOWN_CODINGS.issuperset(names)
    if plain and (framed or unknown):
        raise Malformed(501, f"the transfer coding {names[0]} is not implemented")
    raise Malformed(400, "Transfer-Encoding does not end in one chunked")
