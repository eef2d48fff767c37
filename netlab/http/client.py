"""`HTTPClient`: one GET as a Deferred, its body handed on piece by piece."""

import re
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

from netlab.arguments import address_text
from netlab.errors import NetlabError, TimedOut, Unreachable, WireError
from netlab.http.message import ResponseHead
from netlab.http.parse import END, ResponseParser
from netlab.http.serialize import request_head

# What a request target may hold (RFC 3986 §3.3, §3.4); a percent sign is kept, as part of %C3 and the like.
_TARGET_CHARACTERS = "/?:@!$&'()*+,;=-._~%[]"
_LONELY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORTS = {"http": 80, "https": 443}


class Sink(Protocol):
    """Takes a response as it comes."""

    def begin(self, head: ResponseHead) -> None:
        """The head is there; the body follows."""
        ...

    def write(self, octets: bytes) -> None:
        """Take a piece of the body."""
        ...


@dataclass(frozen=True, slots=True)
class Location:
    """Where a resource is."""

    host: str
    port: int
    target: str  # begins with a slash
    secure: bool = False

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        if self.port == _PORTS["https" if self.secure else "http"]:
            return f"[{self.host}]" if ":" in self.host else self.host
        return address_text((self.host, self.port))


def location_of_file(host: str, port: int, name: str) -> Location:
    """A file on a server; what may not stand in a target is percent-encoded."""
    return Location(host, port, "/" + _quoted(name.lstrip("/")))


def location_of_url(url: str) -> Location:
    """Read an http or https URL. Raises: ValueError: it is none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL such as http://127.0.0.1:8080/index.html")
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    return Location(parts.hostname, port, _quoted(target), parts.scheme == "https")


class _Get(StreamProtocol):
    """One connection, one GET, one response."""

    transport: Any

    def __init__(self, location: Location, sink: Sink, clock: Any, timeout: float) -> None:
        self.done: Deferred[ResponseHead] = Deferred(lambda done: self.transport.abortConnection())
        self._location = location
        self._sink = sink
        self._clock = clock
        self._timeout = timeout
        self._parser = ResponseParser()
        self._head: ResponseHead | None = None
        self._timer: Any = None

    def connectionMade(self) -> None:
        fields = (
            ("Host", self._location.authority),
            ("User-Agent", "netlab"),
            ("Accept", "*/*"),
            ("Connection", "close"),
        )
        self.transport.write(request_head("GET", self._location.target, fields))
        self._timer = self._clock.callLater(self._timeout, self._silent)

    def dataReceived(self, octets: bytes) -> None:
        if self.done.called:
            return
        self._timer.reset(self._timeout)
        self._parser.feed(octets)
        self._advance()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self.done.called:
            return
        if not reason.check(error.ConnectionDone):
            self._fail(Unreachable(f"the connection was lost: {reason.getErrorMessage()}"))
            return
        try:
            self._parser.close()
        except WireError as failure:
            self._fail(Unreachable(f"the connection was lost: {failure}"))
            return
        self._advance()
        if not self.done.called:
            self._fail(Unreachable("the connection was lost: the server closed it without a response"))

    def _advance(self) -> None:
        try:
            while not self.done.called and (event := self._parser.next_event()) is not None:
                match event:
                    case ResponseHead():
                        self._head = event
                        self._sink.begin(event)
                    case bytes():
                        self._sink.write(event)
                    case _ if event is END and self._head is not None:
                        self.done.callback(self._head)
                        self.transport.loseConnection()
        except WireError as failure:
            self._fail(WireError(f"the server broke HTTP: {failure}"))
        except Exception:  # the sink's: a full disk, a closed pipe
            self._fail(Failure())

    def _silent(self) -> None:
        self._fail(TimedOut(f"{self._location.authority} was silent for {self._timeout:g} s"))

    def _fail(self, failure: NetlabError | Failure) -> None:
        self.done.errback(failure)
        self.transport.abortConnection()


class HTTPClient:
    """Fetch from web servers on *reactor*; *timeout* seconds of silence, at any point, are too many."""

    def __init__(self, reactor: Any, timeout: float = 30.0) -> None:
        self._reactor = reactor
        self._timeout = timeout

    def get(self, location: Location, sink: Sink) -> Deferred[ResponseHead]:
        """
        GET *location* into *sink*; the result is the response's head, once its body is complete.

        Raises:
            Unreachable: no such host, refused, or the connection was lost before the body's end.
            TimedOut: the server was silent for too long.
            WireError: what came is no HTTP response.
        """
        return Deferred.fromCoroutine(self._get(location, sink))

    async def _get(self, location: Location, sink: Sink) -> ResponseHead:
        where = address_text((location.host, location.port))
        factory = Factory.forProtocol(lambda: _Get(location, sink, self._reactor, self._timeout))
        factory.noisy = False
        try:
            protocol: Any = await self._endpoint(location).connect(factory)
        except error.DNSLookupError:
            raise Unreachable(f"no such host: {location.host}") from None
        except error.ConnectionRefusedError:
            raise Unreachable(f"{where} refused: nothing listens on that TCP port") from None
        except (error.TimeoutError, error.ConnectingCancelledError) as failure:
            if isinstance(failure, error.TimeoutError):
                raise TimedOut(f"{where} did not accept a connection for {self._timeout:g} s") from None
            raise CancelledError from None
        except (error.ConnectError, OSError) as failure:
            raise Unreachable(f"{where} cannot be reached: {failure}") from None
        head: ResponseHead = await protocol.done
        return head

    def _endpoint(self, location: Location) -> IStreamClientEndpoint:
        endpoint = HostnameEndpoint(self._reactor, location.host, location.port, timeout=self._timeout)
        if location.secure:
            return wrapClientTLS(optionsForClientTLS(location.host), endpoint)
        return endpoint


def _quoted(text: str) -> str:
    """Percent-encode what may not stand in a target, and a percent sign that encodes nothing."""
    return quote(_LONELY_PERCENT.sub("%25", text), safe=_TARGET_CHARACTERS)
