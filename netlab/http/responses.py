"""
HTTP/1.1 responses from a stream of octets (RFC 9112): strict, without I/O, the same for every split.

The octets of a body whose end needs no search go around the buffer, uncopied: that is what makes a
large download cheap.
"""

import re

from netlab.http.framing import (
    BodyDecoder,
    ChunkedBody,
    EndlessBody,
    LengthBody,
    Limits,
    Malformed,
    declared_length,
)
from netlab.http.message import BODILESS, Fields, ResponseHead
from netlab.http.parse import END, End, MessageParser

_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-5][0-9][0-9])(?: ([\t -~\x80-\xff]*))?")
_MAX_INTERIM = 20  # responses before the final one


class ResponseParser(MessageParser):
    """The responses of one connection; tell `expect` each request's method before its response."""

    __slots__ = ("_around", "_interim", "_line", "_method", "_seen", "trailers")

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - an immutable value
        super().__init__(limits)
        self._method = "GET"
        self._line: tuple[tuple[int, int], int, str] | None = None
        self._interim = 0
        self._around = b""  # octets of the body that never were in the buffer
        self._seen = bytearray()  # octets since the last message's end, until the head is complete
        self.trailers = Fields()  # of the last message, when its body was chunked

    def expect(self, method: str) -> None:
        """The next response answers a request with *method*: to HEAD it has no body."""
        self._method = method

    def feed(self, octets: bytes) -> None:
        body = self._body
        if body is None:
            self._seen += octets
        elif not self._buffer and not self._around:
            if isinstance(body, LengthBody):
                self._around, octets = octets[: body.remaining], octets[body.remaining :]
                body.remaining -= len(self._around)
                body.finished = body.remaining == 0
            elif isinstance(body, EndlessBody):
                self._around, octets = octets, b""
        self._buffer += octets

    @property
    def buffered(self) -> int:
        return len(self._buffer) + len(self._around)

    @property
    def head_octets(self) -> bytes:
        """The present head, and interim ones before it, as far as they were read, as on the wire."""
        return bytes(self._seen)

    @property
    def endless(self) -> bool:
        """The present body ends with the connection."""
        return isinstance(self._body, EndlessBody)

    @property
    def expected(self) -> int | None:
        """Octets of the present body still to come; None where nobody said."""
        return self._body.remaining if isinstance(self._body, LengthBody) else None

    def close(self) -> None:
        """
        The peer has closed.

        Raises:
            Malformed: in the middle of a message.
        """
        match self._body:
            case None if self._line is not None or self._buffer:
                raise Malformed(400, "the header section ends too early")
            case EndlessBody():
                self._body.finished = True
            case LengthBody(finished=False, remaining=missing):
                raise Malformed(400, f"the body ends {missing} octets too early")
            case ChunkedBody(finished=False):
                raise Malformed(400, "the body ends before its last chunk")

    def next_event(self) -> ResponseHead | bytes | End | None:
        """
        The next event, or None: it is not complete yet. Interim responses (1xx) are passed over.

        Raises:
            Malformed: the octets are no response, ambiguous, or longer than the limits.
        """
        if self._around:
            octets, self._around = self._around, b""
            return octets
        if self._body is not None:
            return self._take_rest(self._body)
        while self._line is not None or self._take_status_line():
            fields = self._fields.take()
            if fields is None or self._line is None:
                return None
            head = ResponseHead(*self._line, fields)
            self._line = None
            if head.status >= 200:
                return self._begin(head)
            if head.status == 101:
                raise Malformed(400, "an upgrade that nobody asked for")
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                raise Malformed(400, f"more than {_MAX_INTERIM} interim responses")
        return None

    def _begin(self, head: ResponseHead) -> ResponseHead:
        del self._seen[len(self._seen) - len(self._buffer) :]
        self._interim = 0
        self._body = self._body_of(head)
        return head

    def _take_rest(self, body: BodyDecoder) -> bytes | End | None:
        event = self._take_body(body)
        if event is END:
            self.trailers = body.trailers if isinstance(body, ChunkedBody) else Fields()
            self._seen[:] = self._buffer
        return event

    def _take_status_line(self) -> bool:
        line = self._lines.take(self._limits.start_line, 400, "the status line")
        if line is None:
            return False
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise Malformed(400, f"not an HTTP/1.1 status line: {line[:60]!r}")
        minor, status, reason = match.groups()
        self._line = (1, min(int(minor), 1)), int(status), (reason or b"").decode("latin-1")
        return True

    def _body_of(self, head: ResponseHead) -> BodyDecoder:
        tunnel = self._method == "CONNECT" and head.status < 300
        if self._method == "HEAD" or tunnel or head.status in BODILESS:  # RFC 9112 §6.3
            return LengthBody(self._buffer, 0)
        length = declared_length(head.fields, head.version)
        return EndlessBody(self._buffer) if length is None else self._framed(length)
