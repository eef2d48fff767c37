"""One connection to a web server: an exchange at a time, its body handed on as fast as it is taken."""

from typing import Any, Protocol

from OpenSSL import SSL
from service_identity.exceptions import VerificationError
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from netlab.errors import ConnectionLost, TimedOut, Untrusted, WireError
from netlab.http.framing import Malformed
from netlab.http.message import ResponseHead
from netlab.http.parse import END
from netlab.http.responses import ResponseParser
from netlab.http.serialize import request_head
from netlab.http.timing import Marks

READ_SIZE = 262_144  # octets at a time: of a long body, a quarter of the system calls of Twisted's 64 KiB
_LINGER = 1.0  # seconds that a connection may take to close


class Sink(Protocol):
    """Takes a response as it comes."""

    def begin(self, head: ResponseHead) -> None:
        """The head is there; the body follows."""
        ...

    def write(self, octets: bytes) -> Deferred[None] | None:
        """Take a piece of the body; a Deferred holds the server back until it fires."""
        ...


class Trace:
    """Told what an exchange does on the wire; this one does not care."""

    def note(self, text: str) -> None:
        """Something happened that is not on the wire itself: a connection, a redirect."""

    def sent(self, octets: bytes) -> None:
        """A request's head, as on the wire."""

    def received(self, octets: bytes) -> None:
        """A response's head and interim ones before it, or what came in their place, as on the wire."""


@implementer(IHandshakeListener)
class Connection(StreamProtocol):
    """One connection; *where* names its peer in a complaint."""

    transport: Any

    def __init__(self, clock: Any, where: str, first_byte: float, stall: float) -> None:
        """*first_byte* is how long a response may let wait for itself, *stall* how long within; seconds."""
        self._clock = clock
        self._where = where
        self._first_byte = first_byte
        self._stall = stall
        self._parser = ResponseParser()
        self._timer: Any = None
        self._done: Deferred[Any] | None = None  # of the exchange or handshake under way
        self._handshaking = False
        self._held = False
        self._lost: Failure | None = None
        self._head: ResponseHead | None = None
        self._answered = False
        self._tunnel = False
        self._closing: Any = None
        self.reusable = False
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.bufferSize = READ_SIZE
        if hasattr(self.transport, "setTcpNoDelay"):
            self.transport.setTcpNoDelay(True)

    def secure(self, options: Any, seconds: float) -> Deferred[None]:
        """
        Begin TLS; *options* judge the certificate.

        Raises:
            Untrusted: it does not fit. ConnectionLost, TimedOut: there was no handshake.
        """
        self._handshaking = True
        done = self._begin(seconds)
        self.transport.startTLS(options)
        return done

    def handshakeCompleted(self) -> None:
        if self._handshaking:
            self._handshaking = False
            self._end(None)

    def exchange(
        self,
        method: str,
        target: str,
        fields: tuple[tuple[str, str], ...],
        body: bytes,
        sink: Sink,
        marks: Marks,
        trace: Trace,
    ) -> Deferred[ResponseHead]:
        """
        Send a request and hand its response to *sink*; the result is the head, once the body is complete.

        Raises:
            ConnectionLost: before the body's end. TimedOut: the server was silent for too long.
            WireError: what came is no HTTP response. What *sink* raises comes out as well.
        """
        self._sink, self._marks, self._trace = sink, marks, trace
        self._tunnel = method == "CONNECT"
        self._answered, self._head, self.reusable = False, None, False
        self._parser.expect(method)
        done = self._begin(self._first_byte)
        octets = request_head(method, target, fields)
        trace.sent(octets)
        marks.ready(self._clock.seconds())
        self.transport.write(octets + body)
        return done

    def dataReceived(self, octets: bytes) -> None:
        if self._done is None:  # an answer that nobody asked for must not be taken for the next one's
            self.reusable = False
            self.transport.abortConnection()
            return
        if not self._answered:
            self._answered = True
            self._marks.ended("first_byte", self._clock.seconds())
        self._parser.feed(octets)
        if not self._held:
            self._advance()
        if self._timer.active():  # from now on: the sink may have taken its time
            self._timer.reset(self._stall)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = reason
        self.reusable = False
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        if self._done is not None and not self._held:
            self._cut_off(reason)
        self.ended.callback(None)

    def close(self) -> None:
        """End the connection, soon or at once."""
        self.reusable = False
        if self._lost is None and self._closing is None:
            self.transport.loseConnection()
            if self._lost is None:
                self._closing = self._clock.callLater(_LINGER, self.transport.abortConnection)

    def _begin(self, seconds: float) -> Deferred[Any]:
        if self._lost is not None:
            return self._never(ConnectionLost(f"the connection to {self._where} was lost", unanswered=True))
        self._done = Deferred(self._cancelled)
        self._timer = self._clock.callLater(seconds, self._silent, seconds)
        return self._done

    def _never(self, why: Exception) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        done.errback(Failure(why))
        return done

    def _advance(self) -> None:
        try:
            while self._done is not None and not self._held:
                event = self._parser.next_event()
                if event is None:
                    break
                if event is END:
                    self._complete()
                elif isinstance(event, ResponseHead):
                    self._head = event
                    self._trace.received(self._parser.head_octets)
                    self._sink.begin(event)
                else:
                    held = self._sink.write(event)
                    if held is not None and not (held.called and not held.paused and held.result is None):
                        self._hold(held)
        except WireError as failure:
            if self._head is None:
                self._trace.received(self._parser.head_octets)
            self._fail(_as_wire_error(failure) if isinstance(failure, Malformed) else failure)
        except Exception:  # the sink's: a full disk, a closed pipe
            self._fail(Failure())

    def _complete(self) -> None:
        head = self._head
        assert head is not None
        self._marks.ended("transfer", self._clock.seconds())
        self.reusable = self._lost is None and head.persistent and not self._parser.buffered
        over = not self.reusable and not (self._tunnel and head.status < 300)
        self._end(head)  # which may begin the next exchange at once
        if over:
            self.close()

    def _hold(self, held: Deferred[None]) -> None:
        """The sink is slow: read no more, and let no timer run, until it has taken what it was given."""
        self._held = True
        self._timer.cancel()
        self.transport.pauseProducing()
        held.addCallbacks(self._go_on, self._refused)

    def _go_on(self, _: None) -> None:
        self._held = False
        if self._done is None:
            return
        self._timer = self._clock.callLater(self._stall, self._silent, self._stall)
        if self._lost is None:
            self.transport.resumeProducing()
        self._advance()
        if self._lost is not None and self._done is not None and not self._held:
            self._cut_off(self._lost)

    def _refused(self, why: Failure) -> None:
        self._held = False
        if self._done is not None:
            self._timer = self._clock.callLater(self._stall, self._silent, self._stall)
            self._fail(why)

    def _cut_off(self, reason: Failure) -> None:
        """The connection ended within an exchange: perhaps that is the body's end."""
        if self._handshaking:
            self._fail(_no_handshake(self._where, reason, self.transport))
            return
        why = _of_the_end(reason)
        try:
            if reason.check(error.ConnectionDone):
                why = "the server closed it without a response"
                self._parser.close()
                self._advance()
        except WireError as failure:
            why = str(failure)
        if self._done is not None and not self._held:
            if self._head is None and self._answered:
                self._trace.received(self._parser.head_octets)
            self._fail(ConnectionLost(f"the connection was lost: {why}", unanswered=not self._answered))

    def _silent(self, seconds: float) -> None:
        if self._handshaking:
            self._fail(TimedOut(f"{self._where} did not complete the TLS handshake within {seconds:g} s"))
        else:
            self._fail(TimedOut(f"{self._where} was silent for {seconds:g} s"))

    def _cancelled(self, done: Deferred[Any]) -> None:
        self._done = None
        self._stop_timer()
        self.transport.abortConnection()

    def _fail(self, failure: Exception | Failure) -> None:
        done, self._done = self._done, None
        self._stop_timer()
        self.transport.abortConnection()
        assert done is not None
        done.errback(failure)

    def _end(self, result: ResponseHead | None) -> None:
        done, self._done = self._done, None
        self._stop_timer()
        assert done is not None
        done.callback(result)

    def _stop_timer(self) -> None:
        if self._timer.active():
            self._timer.cancel()


def _as_wire_error(failure: WireError) -> WireError:
    return WireError(f"the server broke HTTP: {failure}")


def _of_the_end(reason: Failure) -> str:
    match reason.value:
        case error.ConnectionLost():
            return "it was broken off, not closed"
        case SSL.Error(args=([(_, _, why), *_],)):  # an alert, such as that it wants a certificate
            return str(why)
        case _:
            return reason.getErrorMessage()


def _no_handshake(where: str, reason: Failure, transport: Any) -> Exception:
    match reason.value:
        case VerificationError():
            return Untrusted(f"the certificate of {where} is for another name")
        case SSL.Error(args=([(_, _, why), *_],)):
            if "certificate verify failed" in why:
                return Untrusted(f"the certificate of {where} is not trusted: {_fault(transport)}")
            return Untrusted(f"no TLS with {where}: {why}")
        case _:
            return ConnectionLost(f"the connection to {where} was lost in the TLS handshake")


def _fault(transport: Any) -> str:
    """What is wrong with a certificate that was refused: it is only looked at, and judged no more."""
    chain = transport.getHandle().get_peer_cert_chain() or []
    if any(certificate.has_expired() for certificate in chain):
        return "it has expired, or one that vouches for it"
    return "no authority known here vouches for it now"
