"""Open a connection: through a Unix socket, a proxy's tunnel, TLS; every step is timed."""

from dataclasses import dataclass
from typing import Any

from twisted.internet import defer, error
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from netlab.errors import TimedOut, Unreachable
from netlab.http.connection import Connection, Sink, Trace
from netlab.http.location import Location
from netlab.http.message import ResponseHead
from netlab.http.outgoing import basic
from netlab.http.timing import Marks


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a client gives up."""

    connect: float = 30.0  # until there is a connection, and again until TLS is agreed on
    first_byte: float = 30.0  # from the request until the response begins
    stall: float = 30.0  # between two pieces of a response
    whole: float | None = None  # everything, redirects included


@dataclass(frozen=True, slots=True)
class Route:
    """How a location is reached; connections of one route may stand in for each other."""

    host: str
    port: int
    secure: bool
    proxy: Location | None = None
    unix_socket: str | None = None

    @property
    def peer(self) -> Location:
        """Who accepts the TCP connection."""
        return self.proxy or Location(self.host, self.port, "/", self.secure)

    @property
    def name(self) -> str:
        """The peer, as a complaint names it."""
        return self.unix_socket or self.peer.address


def endpoint(reactor: Any, route: Route, seconds: float) -> IStreamClientEndpoint:
    """Where to connect for a route; a host's addresses are raced (RFC 8305)."""
    if route.unix_socket is not None:
        return UNIXClientEndpoint(reactor, route.unix_socket, seconds)
    return HostnameEndpoint(reactor, route.peer.host, route.peer.port, timeout=seconds)


async def connect(place: IStreamClientEndpoint, clock: Any, route: Route, timeouts: Timeouts) -> Connection:
    """Connect. Raises: Unreachable, TimedOut."""
    where = route.name
    factory = Factory.forProtocol(lambda: Connection(clock, where, timeouts.first_byte, timeouts.stall))
    factory.noisy = False
    try:
        connection: Any = await place.connect(factory).addTimeout(timeouts.connect, clock, _too_late)
    except error.DNSLookupError:
        raise Unreachable(f"no such host: {route.peer.host}") from None
    except error.ConnectionRefusedError:
        hint = "" if route.unix_socket else ": nothing listens on that TCP port"
        raise Unreachable(f"{where} refused{hint}") from None
    except (error.TimeoutError, defer.TimeoutError):
        raise TimedOut(f"{where} did not accept a connection for {timeouts.connect:g} s") from None
    except error.ConnectingCancelledError:
        raise CancelledError from None
    except (error.ConnectError, OSError, UnicodeError) as failure:
        raise Unreachable(f"{where} cannot be reached: {failure}") from None
    found: Connection = connection
    return found


def _too_late(result: Any, seconds: float) -> Any:
    """What becomes of an attempt whose time is over: endpoints have a word of their own for cancelled."""
    if isinstance(result, Failure) and result.check(CancelledError, error.ConnectingCancelledError):
        raise defer.TimeoutError(seconds, "connect")
    return result


async def open_tunnel(connection: Connection, route: Route, trace: Trace) -> None:
    """Ask the proxy at the connection's other end for a tunnel (RFC 9110 §9.3.6). Raises: Unreachable."""
    assert route.proxy is not None
    target = f"[{route.host}]:{route.port}" if ":" in route.host else f"{route.host}:{route.port}"
    fields = [("Host", target), ("User-Agent", "netlab")]
    if route.proxy.userinfo is not None:
        fields.append(("Proxy-Authorization", basic(route.proxy.userinfo)))
    head = await connection.exchange("CONNECT", target, tuple(fields), b"", _Nowhere(), Marks(0), trace)
    if head.status >= 300:
        raise Unreachable(f"the proxy {route.name} refuses a tunnel: {head.status} {head.reason}".rstrip())


class _Nowhere(Sink):
    def begin(self, head: ResponseHead) -> None:
        pass

    def write(self, octets: bytes) -> None:
        pass


@implementer(IReactorPluggableNameResolver, IReactorTime, IReactorTCP, IHostnameResolver)
class TimedLookup:
    """A reactor whose name lookups are timed; all else is the reactor's own."""

    def __init__(self, reactor: Any, marks: Marks) -> None:
        self._reactor = reactor
        self._marks = marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    @property
    def nameResolver(self) -> Any:
        return self

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        timed = _Receiver(resolutionReceiver, self._ended)
        return self._reactor.nameResolver.resolveHostName(
            timed, hostName, portNumber, addressTypes, transportSemantics
        )

    def _ended(self) -> None:
        self._marks.ended("lookup", self._reactor.seconds())


@implementer(IResolutionReceiver)
class _Receiver:
    def __init__(self, receiver: Any, ended: Any) -> None:
        self._ended = ended
        self.resolutionBegan = receiver.resolutionBegan
        self.addressResolved = receiver.addressResolved
        self._complete = receiver.resolutionComplete

    def resolutionComplete(self) -> None:
        self._ended()
        self._complete()


async def dial(
    reactor: Any,
    route: Route,
    place: IStreamClientEndpoint,
    timeouts: Timeouts,
    tls: Any,
    marks: Marks,
    trace: Trace,
) -> Connection:
    """
    Open a connection that requests may be sent on; *tls* are its options, where it is secure.

    Raises:
        Unreachable, Untrusted, TimedOut.
    """
    marks.ready(reactor.seconds())
    connection = await connect(place, reactor, route, timeouts)
    try:
        marks.ended("connect", reactor.seconds())
        trace.note(f"connected to {route.name}")
        if route.secure:
            if route.proxy is not None:
                await open_tunnel(connection, route, trace)
                trace.note(f"tunnel to {route.host}:{route.port}")
            marks.ready(reactor.seconds())
            await connection.secure(tls, timeouts.connect)
            marks.ended("tls", reactor.seconds())
            trace.note("TLS agreed on")
    except BaseException:
        connection.close()
        raise
    return connection
