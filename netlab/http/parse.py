"""
HTTP/1.1 requests from a stream of octets (RFC 9112): strict, without I/O, the same for every split.

A parser is fed octets and pulled for events, so that a server can leave pipelined requests unread
while it answers the first. The events of a message are its head, pieces of its body (`bytes`), and
`END`.
"""

import re
from enum import Enum, auto
from typing import Final, Literal

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
)
from netlab.http.message import Request


class _End(Enum):
    END = auto()


END: Final = _End.END
End = Literal[_End.END]

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/([0-9])\.([0-9])")
# RFC 3986 §3.2.2, the characters of each form; an IPv6 address is judged by who connects to it.
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?")


class _Parser:
    """What requests and responses share: the buffer, the fields, the body."""

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


class RequestParser(_Parser):
    """
    The requests of one connection.

    After `Malformed` the stream has lost its meaning: answer with its status and close.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - an immutable value
        super().__init__(limits)
        self._line: tuple[str, str, tuple[int, int]] | None = None
        self._empty_line_skipped = False
        self.start_line = b""  # of the present or last request, as far as it was read

    @property
    def begun(self) -> bool:
        """Part of a request's head is there, and its end is not."""
        return self._line is not None or bool(self._buffer)

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
        if self._line is None and not self._take_request_line():
            return None
        fields = self._fields.take()
        if fields is None or self._line is None:
            return None
        request = Request(*self._line, fields)
        self._line = None
        _require_host(request)
        self._body = self._framed(declared_length(fields, request.version))
        return request

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


def _require_host(request: Request) -> None:
    hosts = request.fields.all("host")
    if len(hosts) > 1 or (not hosts and request.version >= (1, 1)):
        raise Malformed(400, "HTTP/1.1 needs exactly one Host")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise Malformed(400, "Host is not a host and a port")
