"""
HTTP/1.1 requests from a stream of octets (RFC 9112): strict, without I/O, the same for every split.

A parser is fed octets and pulled for events, so that a server can leave pipelined requests unread
while it answers the first. The events of a message are its head, pieces of its body (`bytes`), and
`END`; those of a request without a body are its head alone.
"""

import re
from enum import Enum, auto
from typing import Final, Literal, NamedTuple, TypeVar

from netlab.http.framing import (
    CHUNKED,
    BodyDecoder,
    ChunkedBody,
    FieldReader,
    LengthBody,
    Limits,
    LineReader,
    Malformed,
    declared_length,
    read_fields,
)
from netlab.http.message import Fields, Request


class _End(Enum):
    END = auto()


Known = TypeVar("Known")

END: Final = _End.END
End = Literal[_End.END]

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
# RFC 3986 §3.2.2, the characters of each form; an IPv6 address is judged by who connects to it.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")


class Line(NamedTuple):
    """A request line of HTTP/1.1."""

    octets: bytes  # without its CRLF
    method: str
    target: str


class Head(NamedTuple):
    """A header section of a request of HTTP/1.1."""

    fields: Fields
    length: int | None  # of the body, as `declared_length` has it


class KnownHeads:
    """
    Heads that were valid, and their parts: clients repeat theirs from request to request.

    Each is known by its octets, so that nothing is taken for another. What is long is not kept, and
    where there would be too many they begin anew: some MiB at most.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: dict[bytes, tuple[bytes, Request]] = {}
        self._strange = 0  # requests that came while there was no room for them
        self._lines: dict[bytes, Line] = {}
        self._sections: dict[bytes, Head] = {}

    def whole(self, octets: bytes) -> tuple[bytes, Request] | None:
        """The start line and the request that *octets* are, without a body, if both its parts are known."""
        known = self._requests.get(octets)
        if known is not None:
            return known
        start, _, rest = octets.partition(b"\r\n")
        line, head = self._lines.get(start), self._sections.get(rest)
        if line is None or head is None or head.length:
            return None
        start, method, target = line
        known = start, Request(method, target, (1, 1), head.fields)
        self._meet(octets, known)
        return known

    def _meet(self, octets: bytes, request: tuple[bytes, Request]) -> None:
        """
        Remember a request while there is room. Of more different ones than that, to replace one by the
        next would cost more than it saves: they begin anew only now and then.
        """
        if len(self._requests) < 128:
            self._requests[octets] = request
        else:
            self._strange += 1
            if self._strange >= 8_192:
                self._strange = 0
                self._requests.clear()

    def line(self, octets: bytes) -> Line | None:
        """What a request line of HTTP/1.1, without its CRLF, says; None: it is none."""
        known = self._lines.get(octets)
        if known is not None:
            return known
        match = _REQUEST_LINE.fullmatch(octets) if len(octets) <= self._limits.start_line else None
        if match is None or match[3] != b"1" or match[4] == b"0":
            return None
        line = Line(octets, match[1].decode("ascii"), match[2].decode("ascii"))
        if len(octets) <= 256:
            _remember(self._lines, octets, line, 2_048)
        return line

    def section(self, octets: bytes) -> Head | None:
        """The header section that these octets are, with its empty line; None: a line of it is not valid."""
        known = self._sections.get(octets)
        if known is not None:
            return known
        fields = read_fields(octets[:-2], self._limits)
        if fields is None:
            return None
        head = Head(fields, require_framing(Request("", "", (1, 1), fields)))
        if len(octets) <= 2_048:
            _remember(self._sections, octets, head, 512)
        return head


def _remember(known: dict[bytes, Known], octets: bytes, value: Known, most: int) -> None:
    if len(known) >= most:
        known.clear()
    known[octets] = value


class MessageParser:
    """What requests and responses share: the buffer, the fields, the body."""

    __slots__ = ("_body", "_buffer", "_fields", "_limits", "_lines")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._lines = LineReader(self._buffer)
        self._fields = FieldReader(self._lines, limits)
        self._body: BodyDecoder | None = None

    def feed(self, octets: bytes) -> None:
        """Take octets from the stream; `next_event` makes something of them."""
        self._buffer += octets

    @property
    def buffered(self) -> int:
        """Octets fed and not yet made an event of."""
        return len(self._buffer)

    @property
    def awaits_body(self) -> bool:
        """The present message's head was given, and the end of its body is not there yet."""
        return self._body is not None and not self._body.finished

    def _framed(self, length: int | None) -> BodyDecoder:
        if length == CHUNKED:
            return ChunkedBody(self._buffer, self._lines, self._limits)
        return LengthBody(self._buffer, length or 0)

    def _take_body(self, body: BodyDecoder) -> bytes | End | None:
        octets = body.take()
        if octets:
            return octets
        if body.finished:
            self._body = None
            return END
        return None


class RequestParser(MessageParser):
    """
    The requests of one connection.

    A head that comes in one piece, as nearly all do, is read in one pass, with what is *known* from
    earlier heads; any other, and any that is not valid, line by line. The outcome is the same.

    After `Malformed` the stream has lost its meaning: answer with its status and close.
    """

    __slots__ = ("_empty_line_skipped", "_fresh", "_known", "_line", "start_line")

    def __init__(self, limits: Limits = Limits(), known: KnownHeads | None = None) -> None:  # noqa: B008
        super().__init__(limits)
        self._known = known or KnownHeads(limits)
        self._fresh = b""  # what has come while nothing else was kept
        self._line: tuple[str, str, tuple[int, int]] | None = None
        self._empty_line_skipped = False
        self.start_line = b""  # of the present or last request, as far as it was read

    def feed(self, octets: bytes) -> None:
        """Take octets from the stream; `next_event` makes something of them."""
        if self._buffer or self._fresh or self._line is not None or self._body is not None:
            self._keep()
            self._buffer += octets
        else:
            self._fresh = octets

    def _keep(self) -> None:
        self._buffer += self._fresh
        self._fresh = b""

    @property
    def buffered(self) -> int:
        """Octets fed and not yet made an event of."""
        return len(self._buffer) + len(self._fresh)

    @property
    def quiet(self) -> bool:
        """Nothing is there of a message whose end is not."""
        return not (self._fresh or self._buffer or self._line or self._body)

    @property
    def body_length(self) -> int:
        """Octets of the present body still to come, as far as they are known: none of a chunked one."""
        return self._body.remaining if isinstance(self._body, LengthBody) else 0

    def next_event(self) -> Request | bytes | End | None:
        """
        The next event, or None: it is not complete yet.

        Raises:
            Malformed: the octets are no request, ambiguous, or longer than the limits.
        """
        if self._body is not None:
            return self._take_body(self._body)
        if self._fresh:
            request = self._take_whole_head()
            if request is not None:
                return request
            self._keep()
        if self._line is None and not (self._buffer and self._take_request_line()):
            return None
        fields = self._fields.take()
        if fields is None or self._line is None:
            return None
        request = Request(*self._line, fields)
        self._line = None
        length = require_framing(request)
        if length:
            self._body = self._framed(length)
        return request

    def take_whole(self, octets: bytes) -> Request | None:
        """
        Read *octets* as just one request without a body, in place of `feed` and `next_event`.

        None: they are something else, something comes before them, or a part of them was never met:
        they are still to be fed.
        """
        if self._buffer or self._fresh or self._line or self._body:
            return None
        known = self._known.whole(octets)
        if known is None:
            return None
        self._empty_line_skipped = False
        self.start_line, request = known
        return request

    def _take_whole_head(self) -> Request | None:
        """Read a request of HTTP/1.1 whose head is at hand; None: it is not, or not valid."""
        octets = self._fresh
        end = octets.find(b"\r\n\r\n")
        start, _, section = octets[: end + 4].partition(b"\r\n")
        line = self._known.line(start) if end >= 0 else None
        if line is None:
            return None
        self.start_line = start
        head = self._known.section(section)
        if head is None:
            return None
        self._empty_line_skipped = False
        self._fresh = octets[end + 4 :]
        if head.length:
            self._keep()
            self._body = self._framed(head.length)
        return Request(line.method, line.target, (1, 1), head.fields)

    def _take_request_line(self) -> bool:
        self.start_line = bytes(self._buffer[:256])
        # Where the limit falls into the method, it is no long target that is the matter.
        long_method = b" " not in self._buffer[: self._limits.start_line]
        line = self._lines.take(self._limits.start_line, 400 if long_method else 414, "the request line")
        if line == b"" and not self._empty_line_skipped:  # RFC 9112 §2.2
            self._empty_line_skipped = True
            return self._take_request_line()
        if line is None:
            return False
        self.start_line = line
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise Malformed(400, "the request line is not METHOD TARGET HTTP/1.1")
        method, target, major, minor = match.groups()
        if major != b"1":
            raise Malformed(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
        self._empty_line_skipped = False
        self._line = method.decode("ascii"), target.decode("ascii"), (1, min(int(minor), 1))
        return True


def require_framing(request: Request) -> int | None:
    """
    Make sure that a request says where it goes and where it ends; the answer is as `declared_length`'s.

    Raises:
        Malformed: it does not, or not clearly.
    """
    hosts = request.fields.all("host")
    if len(hosts) > 1 or (not hosts and request.version >= (1, 1)):
        raise Malformed(400, "HTTP/1.1 needs exactly one Host")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise Malformed(400, "Host is not a host and a port")
    return declared_length(request.fields, request.version)
