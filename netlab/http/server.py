"""
`HTTPProtocol` and `HTTPFactory`: HTTP/1.1 over any stream transport.

The way of a request: dataReceived -> parser -> Request -> answers -> Response -> head and body to the
transport -> access record. One request is answered at a time; those behind it wait in the parser,
and when much waits there, or the client does not read, reading stops.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netlab.clocks import Clocks, Instant, read_clocks
from netlab.http import respond
from netlab.http.access import Exchange
from netlab.http.body import FileChanged, FileReader
from netlab.http.dates import imf_fixdate
from netlab.http.framing import Limits, Malformed
from netlab.http.message import Answer, Fields, FileSlice, Request, Response
from netlab.http.parse import END, RequestParser
from netlab.http.serialize import require_sendable, response_head

READ_AHEAD = 65_536  # octets of later requests kept while one is answered
MAX_DISCARDED = 65_536  # octets of an unwanted body worth reading to keep a connection


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a silent or slow client is waited for, seconds."""

    idle: float = 60.0  # between two requests
    head: float = 15.0  # from a request's first octet to the end of its head
    body: float = 15.0  # for the rest of a body that nobody wants
    stall: float = 60.0  # for the client to take what was written
    linger: float = 2.0  # for the client to see the last response and close


class Phase(Enum):
    """What the connection waits for; each has a deadline of the same name."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    STALL = auto()
    LINGER = auto()


@implementer(IHalfCloseableProtocol, IPushProducer)
class HTTPProtocol(Protocol):
    """One connection; a push producer of its transport, so that it knows when the client falls behind."""

    log = Logger()
    transport: Any

    def __init__(self, factory: "HTTPFactory") -> None:
        self.factory: HTTPFactory = factory
        self.answered = False  # at least one request was
        self._peer = "-"
        self._parser = RequestParser(factory.limits)
        self._phase = Phase.IDLE
        self._timer: Any = None
        self._advancing = False
        self._choked = False  # the transport's buffer is full
        self._paused = False  # reading is
        self._read_closed = False  # the client has said all it wants to say
        self._discarded = 0
        self._begun: Instant | None = None  # when the request that is answered began
        self._request: Request | None = None  # the one that is answered, if it could be read
        self._body: FileReader | None = None
        self._status = 0
        self._octets = 0
        self._last = False  # the connection closes after this response

    # What the transport tells.

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # a Unix socket is a TCP transport to Twisted, and has no such option
                self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timer = self.factory.clock.callLater(self.factory.deadlines.idle, self._too_late)

    def dataReceived(self, octets: bytes) -> None:
        if self._phase is Phase.LINGER:
            return
        if self._begun is None:
            self._begun = self.factory.clocks()
            self._peer = getattr(self.transport.getPeer(), "host", "-")  # behind a proxy, known only now
        self._parser.feed(octets)
        self._advance()

    def readConnectionLost(self) -> None:
        self._read_closed = True
        if self._phase is Phase.LINGER:
            self.transport.loseConnection()
        else:
            self._advance()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._body is not None:
            self._answered()
        self.factory.left(self)

    def pauseProducing(self) -> None:
        self._choked = True

    def resumeProducing(self) -> None:
        self._choked = False
        if self._phase is not Phase.LINGER:
            self._restart_timer()
            self._advance()

    def stopProducing(self) -> None:
        """The connection is lost; `connectionLost` follows."""

    # One request after the other.

    def _advance(self) -> None:
        """Send and read as far as possible. Sending may call back in here: the outer call goes on."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while not self._choked and self._phase is not Phase.LINGER:
                if self._body is not None:
                    self._send_piece(self._body)
                elif self._last:
                    self._linger() if self._parser.awaits_body else self._close()
                elif not self._read_event():
                    break
        finally:
            self._advancing = False
        self._wait()

    def _read_event(self) -> bool:
        """Take one event from the parser; False: there is none."""
        try:
            event = self._parser.next_event()
        except Malformed as error:
            self._refuse(error)
            return True
        match event:
            case None if self._read_closed:
                self._close()
            case None:
                return False
            case Request():
                self._answer(event)
            case bytes():
                self._discard(len(event))
            case _ if event is END:
                self._discarded = 0
        return True

    def _answer(self, request: Request) -> None:
        if not self.factory.take():
            self._close()
            return
        self._request = request
        expects = "100-continue" in request.fields.tokens("expect")
        self._last = (
            self.factory.once
            or not request.persistent
            or (self._parser.awaits_body and (expects or self._parser.body_length > MAX_DISCARDED))
        )
        self._respond(self.factory.respond(request))

    def _respond(self, response: Response) -> None:
        request = self._request
        head = response_head(response.status, self._all_fields(response))
        self._status = response.status
        self._octets = 0
        bodiless = request is not None and request.method == "HEAD"
        if isinstance(response.body, FileSlice):
            self._body = FileReader(response.body)
            self.transport.write(head)
            if bodiless or not response.length:
                self._answered()
        else:
            body = b"" if bodiless else response.body
            self._octets = len(body)
            self.transport.writeSequence([head, body])
            self._answered()

    def _all_fields(self, response: Response) -> Fields:
        now = self.factory.clocks()
        fields = [("Date", imf_fixdate(now.wall_ns // 1_000_000_000)), ("Server", "netlab"), *response.fields]
        if response.status >= 200 and response.status not in (204, 304):
            fields.append(("Content-Length", str(response.length)))
        if self._last:
            fields.append(("Connection", "close"))
        elif self._request is not None and self._request.version < (1, 1):
            fields.append(("Connection", "keep-alive"))
        return Fields(tuple(fields))

    def _send_piece(self, body: FileReader) -> None:
        try:
            piece = body.read()
        except FileChanged as error:
            self.log.warn("connection aborted, a file has changed while it was sent: {why}", why=error)
            self.transport.abortConnection()
            self._phase = Phase.LINGER
            return
        if piece:
            self._octets += len(piece)
            self.transport.write(piece)
        else:
            self._answered()

    def _answered(self) -> None:
        """The response is written, or the connection lost: record the exchange."""
        self.answered = True
        if self._phase is not Phase.LINGER:
            self._phase = Phase.IDLE  # whatever comes next has a deadline of its own
        if self._body is not None:
            self._body.close()
            self._body = None
        request, begun = self._request, self._begun or self.factory.clocks()
        self._request = None
        self._begun = self.factory.clocks() if self._parser.buffered else None
        self.factory.record(
            Exchange(
                peer=self._peer,
                begun_ns=begun.wall_ns,
                start_line=self._parser.start_line,
                status=self._status,
                octets=self._octets,
                referer=request.fields.get("referer") if request else None,
                agent=request.fields.get("user-agent") if request else None,
            )
        )

    def _refuse(self, error: Malformed) -> None:
        """Answer what is no request, and close: what follows it has no meaning."""
        self.log.debug("refused {peer}: {error}", peer=self._peer, error=error)
        if not self._parser.awaits_body and self.factory.take():  # else its head was answered already
            self._last = True
            self._respond(respond.error(error.status, f"This request cannot be understood: {error}."))
        self._linger()

    def _discard(self, octets: int) -> None:
        self._discarded += octets
        if self._discarded > MAX_DISCARDED:
            self._linger()

    # How it ends.

    def _close(self) -> None:
        """Close once all is written; the client has nothing more to say, or nothing that counts."""
        self._phase = Phase.LINGER
        self._restart_timer(self.factory.deadlines.stall)
        self.transport.unregisterProducer()
        self._resume_reading()
        self.transport.loseConnection()

    def _linger(self) -> None:
        """
        Close for writing, and read on for a while what the client still sends.

        A close with octets unread would reset the connection, and the reset may overtake the last
        response (RFC 9112 §9.6).
        """
        if not _can_half_close(self.transport):
            self._close()
            return
        self._phase = Phase.LINGER
        self._restart_timer()
        self.transport.unregisterProducer()
        self._resume_reading()
        self.transport.loseWriteConnection()

    # Waiting.

    def _wait(self) -> None:
        """Set the deadline for what is waited for now, and read only where there is room."""
        if self._phase is Phase.LINGER:
            return
        phase = self._phase_now()
        if phase is not self._phase or phase is Phase.IDLE:
            self._phase = phase
            self._restart_timer()
        full = phase is Phase.STALL and self._parser.buffered > READ_AHEAD
        if full and not self._paused:
            self._paused = True
            self.transport.pauseProducing()
        elif not full:
            self._resume_reading()

    def _phase_now(self) -> Phase:
        if self._choked or self._body is not None:
            return Phase.STALL
        if self._parser.awaits_body:
            return Phase.BODY
        return Phase.HEAD if self._parser.begun else Phase.IDLE

    def _resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def _restart_timer(self, seconds: float | None = None) -> None:
        if seconds is None:
            seconds = getattr(self.factory.deadlines, self._phase.name.lower())
        if self._timer.active():
            self._timer.reset(seconds)
        else:
            self._timer = self.factory.clock.callLater(seconds, self._too_late)

    def _too_late(self) -> None:
        match self._phase:
            case Phase.IDLE:
                self._close()
            case Phase.HEAD:
                self._refuse(Malformed(408, "it took too long"))
            case Phase.BODY:
                self._linger()
            case Phase.STALL | Phase.LINGER:
                self.transport.abortConnection()


def _can_half_close(transport: object) -> bool:
    # What wraps TLS claims to provide what the TCP below it does.
    return bool(ITCPTransport.providedBy(transport) and not ISSLTransport.providedBy(transport))


class HTTPFactory(Factory):
    """
    Serve HTTP: each request goes to the *answers* in turn, and the first response is sent.

    *clock* (a reactor) times the deadlines; *record* takes every `Exchange`, for an access log.
    With *once*, exactly one request is answered; `done` fires when its connection has closed.
    """

    noisy = False
    log = Logger()

    def __init__(
        self,
        clock: Any,
        answers: Sequence[Answer],
        *,
        record: Callable[[Exchange], object] = lambda exchange: None,
        once: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - an immutable value
        deadlines: Deadlines = Deadlines(),
        max_connections: int = 10_000,
        clocks: Clocks = read_clocks,
    ) -> None:
        self.clock = clock
        self.clocks = clocks
        self.limits = limits
        self.deadlines = deadlines
        self.once = once
        self.record = record
        self.connections: set[HTTPProtocol] = set()
        self.refused_connections = 0
        self.done: Deferred[None] = Deferred()
        self._answers = tuple(answers)
        self._max_connections = max_connections
        self._taken = False

    def buildProtocol(self, addr: IAddress | None) -> HTTPProtocol | None:  # type: ignore[override]
        """Take a connection; past the limit it is closed at once, and counted."""
        if len(self.connections) >= self._max_connections:
            self.refused_connections += 1
            return None
        protocol = HTTPProtocol(self)
        self.connections.add(protocol)
        return protocol

    def take(self) -> bool:
        """A request is about to be answered; False: with *once*, another was already."""
        first, self._taken = not self._taken, True
        return first or not self.once

    def left(self, protocol: HTTPProtocol) -> None:
        """A connection is gone."""
        self.connections.discard(protocol)
        if self.once and protocol.answered and not self.done.called:
            self.done.callback(None)

    def respond(self, request: Request) -> Response:
        """Ask the answers; a mistake in one of them is a 500 and is logged."""
        try:
            for answer in self._answers:
                response = answer(request)
                if response is not None:
                    require_sendable(response.fields)
                    return response
            return respond.error(404, "There is nothing of that name here.")
        except Malformed as error:
            return respond.error(error.status, f"This request cannot be answered: {error}.")
        except Exception:
            self.log.failure("no answer to {method} {target}", method=request.method, target=request.target)
            return respond.error(500, "Something is wrong with this server; its log says what.")
