"""
`HTTPProtocol`: one connection of HTTP/1.1, over any stream transport.

The way of a request: dataReceived -> parser -> Request -> answers -> Response -> head and body to the
transport -> access record. One request is answered at a time; those behind it wait in the parser,
and when much waits there, or the client does not read, reading stops.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netlab.http import respond
from netlab.http.access import Exchange
from netlab.http.body import BodySender, ConnectionBody, FileChanged, WantedBody
from netlab.http.deadline import ANSWER, BODY, HEAD, IDLE, LINGER, STALL, Phase, PhaseTimer
from netlab.http.framing import Malformed
from netlab.http.message import BODILESS, NO_FIELDS, Request, Response
from netlab.http.parse import END, RequestParser
from netlab.http.serialize import end_of_head, response_head

if TYPE_CHECKING:
    from netlab.http.factory import HTTPFactory

_BUSY = (STALL, ANSWER)
READ_AHEAD = 65_536  # octets of later requests kept while one is answered
MAX_DISCARDED = 65_536  # octets of an unwanted body worth reading to keep a connection
_exchange: Callable[[Any], Exchange] = partial(tuple.__new__, Exchange)  # a call less for each request
_SECOND = 1_000_000_000  # nanoseconds
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@implementer(IHalfCloseableProtocol, IPushProducer)
class HTTPProtocol(Protocol):
    """One connection; a push producer of its transport, so that it knows when the client falls behind."""

    log = Logger()
    transport: Any

    def __init__(self, factory: "HTTPFactory", number: int) -> None:
        self.factory: HTTPFactory = factory
        self.answered = False  # at least one request was
        self._number = number
        self._peer = ""  # unknown yet
        self._parser = RequestParser(factory.limits, factory.known)
        self._timer = PhaseTimer(factory.wheel, self._too_late)
        self._advancing = False
        self._choked = False  # the transport's buffer is full
        self._paused = False  # reading is
        self._read_closed = False  # the client has said all it wants to say
        self._last = False  # the connection closes after this response
        self._begun: float | None = None  # when the request that is answered began
        self._read_at: float | None = None  # when the octets before the next request's end were
        self._request: Request | None = None  # the one that is answered, if it could be read
        self._answer: Deferred[Response] | None = None  # it is being made
        self._wanted: WantedBody | None = None  # the answer waits for the request's body
        self._received = 0  # octets of the request's body
        self._sending: BodySender | None = None
        self._status = 0
        self._octets = 0
        self._answered_ns = 0
        self._lost = False
        self._broken = False  # what the client sends has no meaning any more

    # What the transport tells.

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # a Unix socket is a TCP transport to Twisted, and has no such option
                self.transport.setTcpNoDelay(True)
        self._turn = getattr(self.transport, "turn", self.factory.monotonic)
        self._tls = bool(ISSLTransport.providedBy(self.transport))
        self.transport.registerProducer(self, True)
        self._timer.enter(IDLE)

    def dataReceived(self, octets: bytes) -> None:
        timer = self._timer
        if timer.phase is LINGER:
            return
        self._read_at = now = self._turn()
        if self._begun is None:
            self._begun = now
        request = self._parser.take_whole(octets) if timer.phase is IDLE and not self._advancing else None
        if request is None:
            self._parser.feed(octets)
            self._advance()
            return
        # The short way, which nearly all requests take: one that comes whole while nothing else is
        # under way. What the long way would look for besides is not there.
        self._advancing = True
        try:
            self._begin(request)
        finally:
            self._advancing = False
        if timer.phase is not IDLE or self._last or self._choked or self._answer or self._sending:
            self._advance()
        else:
            timer.enter(IDLE)

    def readConnectionLost(self) -> None:
        self._read_closed = True
        if self._timer.phase is LINGER:
            self.transport.loseConnection()
        else:
            self._advance()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._timer.phase = LINGER
        self._timer.cancel()
        if self._sending is not None:
            self._record()
        if self._answer is not None:
            self._answer.cancel()
        self.factory.left(self)

    def pauseProducing(self) -> None:
        self._choked = True

    def resumeProducing(self) -> None:
        self._choked = False
        if self._timer.phase is not LINGER:
            self._timer.enter(self._timer.phase)
            self._advance()

    def stopProducing(self) -> None:
        """The connection is lost; `connectionLost` follows."""

    # One request after the other.

    def _advance(self) -> None:
        """Read and send as far as possible. Either may call back in here: the outer call goes on."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while not self._choked and self._timer.phase is not LINGER:
                if self._sending is not None:
                    self._send_piece(self._sending)
                elif self._answer is not None and self._wanted is None:
                    break
                elif self._last and self._answer is None:
                    self._linger() if self._broken or self._parser.awaits_body else self._close()
                elif not self._read_event():
                    break
        finally:
            self._advancing = False
        self._wait()

    def _read_event(self) -> bool:
        """Take one event from the parser; False: there is none."""
        try:
            event = self._parser.next_event()
            if event is None and not self._read_closed:
                return False
            if isinstance(event, Request):
                self._begin(event)
            elif event is None:
                self._end_early()
            elif event is END:
                self._end_body()
            else:
                self._take_body(event)
        except Malformed as error:
            self._refuse(error)
        return True

    def _begin(self, request: Request) -> None:
        """Have a request answered."""
        factory = self.factory
        if factory.once and not factory.take():
            self._close()
            return
        self._received = 0
        if self._parser.awaits_body:
            request = request._replace(body=ConnectionBody(self._read_body))
        self._request = request
        # A second request may have been sent after the first was read, and with it.
        factory.asked = factory.monotonic() if self._read_at is None else self._read_at
        self._read_at = None
        answer = factory.respond(request)
        if isinstance(answer, Response):
            self._respond(answer)
        else:
            self._answer = answer
            answer.addCallbacks(self._respond, lambda failure: failure.trap(CancelledError))

    def _read_body(self, body: ConnectionBody, limit: int) -> Deferred[bytes]:
        """Read the present request's body for its answer."""
        request = self._request
        if request is None or request.body is not body or self._wanted is not None or self._received:
            return fail(ValueError("a body can be read once, while its request is answered"))
        if self._parser.body_length > limit:
            return fail(Malformed(413, f"the body is longer than {limit} octets"))
        self._wanted = wanted = WantedBody(limit)
        if self._waits_for_continue(request):
            self.transport.write(CONTINUE)
        self._advance()
        return wanted.done

    def _take_body(self, octets: bytes) -> None:
        self._received += len(octets)
        if self._wanted is not None:
            self._wanted.take(octets)
        elif self._received > MAX_DISCARDED:
            self._linger()

    def _end_body(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.end()

    def _end_early(self) -> None:
        """The client has closed, and what it said last is not complete."""
        if self._wanted is not None:
            self._refuse(Malformed(400, "the body ends too early"))
        else:
            self._close()

    def _refuse(self, error: Malformed) -> None:
        """Answer what is no request, and close: what follows it has no meaning."""
        self.log.debug("refused {peer}: {error}", peer=self._peer, error=error)
        self.factory.refused("deadline" if error.status == 408 else "malformed")
        self._last = self._broken = True
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            wanted.done.errback(error)  # its answer, which waits for it, says so
        elif self._parser.awaits_body or (
            self.factory.once and not self.factory.take()
        ):  # the head was answered already
            self._linger()
        else:
            self._request = None
            self._respond(respond.error(error.status, f"This request cannot be understood: {error}."))

    # Responses.

    def _respond(self, response: Response) -> None:
        """Write the head, and a body that is at hand; any other body follows piece by piece."""
        self._answer = self._wanted = None
        if self._lost:
            response.close()
            return
        request, body = self._request, response.body
        option = ""
        if (
            self._last
            or self.factory.closing
            or request is None
            or not request.persistent
            or (self._parser.awaits_body and self._leaves_body(request))
        ):
            self._last, option = True, "close"
        elif request.version < (1, 1):
            option = "keep-alive"
        bodiless = response.status in BODILESS or (request is not None and request.method == "HEAD")
        self._status = response.status
        self._octets = 0
        self._answered_ns = now = self.factory.wall_ns()
        head = (response.head or response_head(response)) + end_of_head(now // _SECOND, option)
        if isinstance(body, bytes):
            if not bodiless:
                self._octets = len(body)
                head += body
            self.transport.write(head)
            self._record()
        else:
            self._sending = BodySender(head, response, self.transport)
            if bodiless:
                self.transport.write(head)
                self._record()
        if not self._advancing:
            self._advance()

    def _leaves_body(self, request: Request) -> bool:
        """The client has not sent all of its request's body, and what is left is not worth reading."""
        return self._waits_for_continue(request) or self._parser.body_length > MAX_DISCARDED

    def _waits_for_continue(self, request: Request) -> bool:
        """The client may not send the body before it is told to (RFC 9110 §10.1.1)."""
        expects = "100-continue" in request.fields.tokens("expect") and request.version >= (1, 1)
        return expects and not self._received and not self._parser.buffered

    def _send_piece(self, body: BodySender) -> None:
        try:
            more = body.send()
        except FileChanged as error:
            self.log.warn("connection aborted, a file has changed while it was sent: {why}", why=error)
            self._timer.phase = LINGER
            self.transport.abortConnection()
            return
        if not more:
            self._record()

    def _record(self) -> None:
        """The response is written, or the connection lost."""
        if self._sending is not None:
            self._octets = self._sending.octets
            self._sending.close()
            self._sending = None
        now = self.factory.monotonic()
        parser, request, begun = self._parser, self._request, now if self._begun is None else self._begun
        self.answered = True
        self._request = None
        self._begun = now if parser.buffered else None
        if self._timer.phase is not LINGER:
            self._timer.phase = IDLE  # whatever comes next has a deadline of its own
        if not self._peer:  # behind a proxy, it is known only once octets have come
            self._peer = getattr(self.transport.getPeer(), "host", "-")
        self.factory.record(
            _exchange(
                (
                    self._peer,
                    self._number,
                    self._tls,
                    self._answered_ns,
                    now - begun,
                    request.method if request else "",
                    parser.start_line,
                    request.fields if request else NO_FIELDS,
                    self._status,
                    self._octets,
                )
            )
        )

    # How it ends.

    def drain(self) -> None:
        """Close now if nothing is under way; else after the response that is."""
        if self._timer.phase is IDLE:
            self._close()

    def _close(self) -> None:
        """Close once all is written; the client has nothing more to say, or nothing that counts."""
        self._leave(self.factory.deadlines.stall)
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
        self._leave(self.factory.deadlines.linger)
        self.transport.loseWriteConnection()

    def _leave(self, seconds: float) -> None:
        self._timer.enter(LINGER, seconds)
        self.transport.unregisterProducer()
        self._resume_reading()

    # Waiting.

    def _wait(self) -> None:
        """Set the deadline for what is waited for now, and read only where there is room."""
        timer, parser = self._timer, self._parser
        if timer.phase is LINGER:
            return
        phase = self._phase_now()
        if phase is IDLE and self.factory.draining:
            self._close()
            return
        if phase is IDLE or phase is not timer.phase:
            timer.enter(phase)
        if self._paused:
            if parser.buffered <= READ_AHEAD:
                self._resume_reading()
        elif phase in _BUSY and parser.buffered > READ_AHEAD:
            self._paused = True
            self.transport.pauseProducing()

    def _phase_now(self) -> Phase:
        if self._choked or self._sending is not None:
            return STALL
        if self._answer is not None:
            return ANSWER if self._wanted is None else BODY
        if self._parser.quiet:
            return IDLE
        return BODY if self._parser.awaits_body else HEAD

    def _resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def _too_late(self) -> None:
        match self._timer.phase:
            case Phase.IDLE:
                self._close()
            case Phase.HEAD:
                self._refuse(Malformed(408, "it took too long"))
            case Phase.BODY if self._timer.extend_body(self._received):
                pass
            case Phase.BODY if self._wanted is not None:
                self._refuse(Malformed(408, "its body took too long"))
            case Phase.BODY:
                self.factory.refused("deadline")
                self._linger()
            case _:
                self.transport.abortConnection()


def _can_half_close(transport: object) -> bool:
    # What wraps TLS claims to provide what the TCP below it does.
    return bool(ITCPTransport.providedBy(transport) and not ISSLTransport.providedBy(transport))
