"""
`HTTPProtocol`: one connection of HTTP/1.1, over any stream transport.

The way of a request: dataReceived -> parser -> Request -> answers -> Response -> head and body to the
transport -> access record. One request is answered at a time; those behind it wait in the parser,
and when much waits there, or the client does not read, reading stops.
"""

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netlab.clocks import Instant
from netlab.http import respond
from netlab.http.access import Exchange
from netlab.http.body import BodyReader, ConnectionBody, FileChanged, WantedBody
from netlab.http.deadline import Phase, PhaseTimer
from netlab.http.framing import Malformed
from netlab.http.message import BODILESS, Request, Response
from netlab.http.parse import END, RequestParser
from netlab.http.serialize import response_head

if TYPE_CHECKING:
    from netlab.http.factory import HTTPFactory

READ_AHEAD = 65_536  # octets of later requests kept while one is answered
MAX_DISCARDED = 65_536  # octets of an unwanted body worth reading to keep a connection
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
        self._peer = "-"
        self._parser = RequestParser(factory.limits)
        self._timer = PhaseTimer(factory.clock, factory.deadlines, self._too_late)
        self._advancing = False
        self._choked = False  # the transport's buffer is full
        self._paused = False  # reading is
        self._read_closed = False  # the client has said all it wants to say
        self._last = False  # the connection closes after this response
        self._begun: Instant | None = None  # when the request that is answered began
        self._request: Request | None = None  # the one that is answered, if it could be read
        self._answer: Deferred[Response] | None = None  # it is being made
        self._wanted: WantedBody | None = None  # the answer waits for the request's body
        self._received = 0  # octets of the request's body
        self._sending: BodyReader | None = None
        self._status = 0
        self._octets = 0
        self._lost = False
        self._broken = False  # what the client sends has no meaning any more

    # What the transport tells.

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            with suppress(OSError):  # a Unix socket is a TCP transport to Twisted, and has no such option
                self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._timer.enter(Phase.IDLE)

    def dataReceived(self, octets: bytes) -> None:
        if self._timer.phase is Phase.LINGER:
            return
        if self._begun is None:
            self._begun = self.factory.clocks()
            self._peer = getattr(self.transport.getPeer(), "host", "-")  # behind a proxy, known only now
        self._parser.feed(octets)
        self._advance()

    def readConnectionLost(self) -> None:
        self._read_closed = True
        if self._timer.phase is Phase.LINGER:
            self.transport.loseConnection()
        else:
            self._advance()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._timer.phase = Phase.LINGER
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
        if self._timer.phase is not Phase.LINGER:
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
            while not self._choked and self._timer.phase is not Phase.LINGER and self._step():
                pass
        finally:
            self._advancing = False
        self._wait()

    def _step(self) -> bool:
        """Do the next thing; False: something has to be waited for."""
        if self._sending is not None:
            self._send_piece(self._sending)
            return True
        if self._answer is not None and self._wanted is None:
            return False
        if self._last and self._answer is None:
            self._linger() if self._broken or self._parser.awaits_body else self._close()
            return True
        return self._read_event()

    def _read_event(self) -> bool:
        """Take one event from the parser; False: there is none."""
        try:
            event = self._parser.next_event()
            if event is None and not self._read_closed:
                return False
            if event is None:
                self._end_early()
            elif isinstance(event, Request):
                self._begin(event)
            elif event is END:
                self._end_body()
            else:
                self._take_body(event)
        except Malformed as error:
            self._refuse(error)
        return True

    def _begin(self, request: Request) -> None:
        """Have a request answered."""
        if not self.factory.take():
            self._close()
            return
        self._received = 0
        self._request = (
            replace(request, body=ConnectionBody(self._read_body)) if self._parser.awaits_body else request
        )
        answer = self.factory.respond(self._request)
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
        elif self._parser.awaits_body or not self.factory.take():  # the head was answered already
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
        request = self._request
        self._last = self._last or self._must_close(request)
        seconds = self.factory.clocks().wall_ns // 1_000_000_000
        head = response_head(response.status, respond.sent_fields(response, request, self._last, seconds))
        self._status = response.status
        self._octets = 0
        bodiless = response.status in BODILESS or (request is not None and request.method == "HEAD")
        if isinstance(response.body, bytes):
            body = b"" if bodiless else response.body
            self._octets = len(body)
            self.transport.writeSequence([head, body])
            self._record()
        else:
            self._sending = BodyReader(response)
            self.transport.write(head)
            if bodiless:
                self._record()
        self._advance()

    def _must_close(self, request: Request | None) -> bool:
        """The connection cannot or shall not go on after the response to *request*."""
        if request is None or self.factory.draining or self.factory.once or not request.persistent:
            return True
        if not self._parser.awaits_body:
            return False
        return self._waits_for_continue(request) or self._parser.body_length > MAX_DISCARDED

    def _waits_for_continue(self, request: Request) -> bool:
        """The client may not send the body before it is told to (RFC 9110 §10.1.1)."""
        expects = "100-continue" in request.fields.tokens("expect") and request.version >= (1, 1)
        return expects and not self._received and not self._parser.buffered

    def _send_piece(self, body: BodyReader) -> None:
        try:
            piece = body.read()
        except FileChanged as error:
            self.log.warn("connection aborted, a file has changed while it was sent: {why}", why=error)
            self._timer.phase = Phase.LINGER
            self.transport.abortConnection()
            return
        if piece:
            self._octets += len(piece)
            self.transport.write(piece)
        else:
            self._record()

    def _record(self) -> None:
        """The response is written, or the connection lost."""
        if self._sending is not None:
            self._sending.close()
            self._sending = None
        now = self.factory.clocks()
        request, begun = self._request, self._begun or now
        self.answered = True
        self._request = None
        self._begun = now if self._parser.buffered else None
        if self._timer.phase is not Phase.LINGER:
            self._timer.phase = Phase.IDLE  # whatever comes next has a deadline of its own
        self.factory.record(
            Exchange(
                peer=self._peer,
                connection=self._number,
                tls=bool(ISSLTransport.providedBy(self.transport)),
                begun_ns=begun.wall_ns,
                seconds=now.monotonic - begun.monotonic,
                method=request.method if request else "",
                start_line=self._parser.start_line,
                status=self._status,
                octets=self._octets,
                referer=request.fields.get("referer") if request else None,
                agent=request.fields.get("user-agent") if request else None,
            )
        )

    # How it ends.

    def drain(self) -> None:
        """Close now if nothing is under way; else after the response that is."""
        if self._timer.phase is Phase.IDLE:
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
        self._timer.enter(Phase.LINGER, seconds)
        self.transport.unregisterProducer()
        self._resume_reading()

    # Waiting.

    def _wait(self) -> None:
        """Set the deadline for what is waited for now, and read only where there is room."""
        if self._timer.phase is Phase.LINGER:
            return
        phase = self._phase_now()
        if phase is Phase.IDLE and self.factory.draining:
            self._close()
            return
        if phase is not self._timer.phase or phase is Phase.IDLE:
            self._timer.enter(phase)
        if self._parser.buffered <= READ_AHEAD:
            self._resume_reading()
        elif phase in (Phase.STALL, Phase.ANSWER) and not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _phase_now(self) -> Phase:
        if self._choked or self._sending is not None:
            return Phase.STALL
        if self._answer is not None:
            return Phase.ANSWER if self._wanted is None else Phase.BODY
        if self._parser.awaits_body:
            return Phase.BODY
        return Phase.HEAD if self._parser.begun else Phase.IDLE

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
