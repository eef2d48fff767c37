"""`HTTPClient`: requests as Deferreds, over a bounded pool of connections."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IStreamClientEndpoint

from netlab.errors import BadRedirect, ConnectionLost, TimedOut, TooLong
from netlab.http import decode, dial
from netlab.http.connection import Connection, Sink, Trace
from netlab.http.dial import Route, Timeouts
from netlab.http.location import Location, location_of_url
from netlab.http.message import ResponseHead
from netlab.http.outgoing import IDEMPOTENT, Outgoing, Redirects, basic
from netlab.http.pool import Pool
from netlab.http.proxy import proxy_for
from netlab.http.serialize import require_sendable
from netlab.http.timing import Marks, Timing
from netlab.http.tls import TLS

MAX_COLLECTED = 16_777_216  # octets of a body that nobody streams
_MAX_DROPPED = 1_048_576  # octets of a redirect's own body
_SILENT = Trace()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response whose body is complete."""

    head: ResponseHead
    body: bytes  # where a sink took it: nothing
    location: Location  # where it came from in the end
    timing: Timing


class Collected:
    """A sink that keeps a body of at most *limit* octets."""

    def __init__(self, limit: int = MAX_COLLECTED) -> None:
        self.body = bytearray()
        self._limit = limit

    def begin(self, head: ResponseHead) -> None:
        self.body.clear()

    def write(self, octets: bytes) -> None:
        self.body += octets
        if len(self.body) > self._limit:
            raise TooLong(f"the body is longer than {self._limit} octets")


class HTTPClient:
    """
    Fetch from web servers on *reactor*; what one client asks of one host shares a few connections.

    A location is a `Location` or a URL. Every call returns a Deferred that may be cancelled, and raises:

    - `Unreachable`: no such host, refused, or `ConnectionLost` before the body's end; `Untrusted`: its
      certificate does not fit;
    - `TimedOut`: see *timeouts*;
    - `WireError`: what came is no HTTP response, or its body not what it says;
    - `BadRedirect`: see *redirects*, which are followed where they are given;
    - `TooLong`: a body without a sink is longer than 16 MiB;
    - `ValueError`: the caller's mistake, such as a field that cannot be sent.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - an immutable value
        redirects: Redirects | None = None,
        codings: bool = True,
        tls: TLS = TLS(),  # noqa: B008 - an immutable value
        environment: Mapping[str, str] | None = None,
        unix_socket: str | None = None,
        per_host: int = 6,
        connections: int = 60,
        idle: float = 15.0,
        endpoint: Callable[[Any, Route, float], IStreamClientEndpoint] = dial.endpoint,
    ) -> None:
        """
        *codings*: offer gzip, br and zstd, and undo them. *environment* names the proxies: without it the
        process's own does. *unix_socket*: connect to that path, whatever the location. *per_host* and
        *connections* bound the pool, whose connections end after *idle* seconds. *endpoint* opens them.
        """
        self._reactor = reactor
        self._timeouts = timeouts
        self._redirects = redirects
        self._codings = codings
        self._tls = tls
        self._environment = os.environ if environment is None else environment
        self._unix_socket = unix_socket
        self._endpoint = endpoint
        self._pool: Pool[Connection] = Pool(reactor, per_host, connections, idle)

    def get(
        self, location: Location | str, sink: Sink | None = None, fields: Iterable[tuple[str, str]] = ()
    ) -> Deferred[Fetched]:
        """GET *location* into *sink*; without one, the result holds the body."""
        return self.request("GET", location, sink, fields)

    def head(self, location: Location | str, fields: Iterable[tuple[str, str]] = ()) -> Deferred[Fetched]:
        """Ask for the head alone."""
        return self.request("HEAD", location, None, fields)

    def request(
        self,
        method: str,
        location: Location | str,
        sink: Sink | None = None,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        trace: Trace = _SILENT,
    ) -> Deferred[Fetched]:
        """
        Send a request, follow its redirects where that is wanted, hand the last response to *sink*.

        An idempotent request that meets a connection which the server has just closed is sent again.
        """
        where = location_of_url(location) if isinstance(location, str) else location
        lines = tuple(fields)
        require_sendable((*lines, (method, "")))
        done = Deferred.fromCoroutine(self._request(Outgoing(method, where, lines, body), sink, trace))
        if self._timeouts.whole is not None:
            done.addTimeout(self._timeouts.whole, self._reactor, self._too_long)
        return done

    def close(self) -> None:
        """End the connections that wait for a next request; those in use end when they are done."""
        self._pool.close()

    def _too_long(self, result: Any, seconds: float) -> Any:
        if result.check(CancelledError, defer.TimeoutError):
            raise TimedOut(f"it was not complete after {seconds:g} s")
        return result

    async def _request(self, outgoing: Outgoing, sink: Sink | None, trace: Trace) -> Fetched:
        marks = Marks(self._reactor.seconds())
        policy = self._redirects or Redirects(0)
        for _ in range(policy.limit + 1):
            target = Collected() if sink is None else sink
            gate = _Gate(target, outgoing, None if self._redirects is None else policy)
            decoded = decode.Decoded(gate) if self._codings else None
            head = await self._exchange(outgoing, decoded or gate, marks, trace)
            if gate.following is None:
                if decoded is not None and outgoing.method != "HEAD":
                    decoded.finish()
                body = bytes(target.body) if isinstance(target, Collected) else b""
                return Fetched(head, body, outgoing.location, marks.timing(self._reactor.seconds()))
            outgoing = gate.following
            trace.note(f"redirected to {outgoing.location.url}")
            marks.restart(self._reactor.seconds())
        raise BadRedirect(f"more than {policy.limit} redirects, the last to {outgoing.location.url}")

    async def _exchange(self, outgoing: Outgoing, sink: Sink, marks: Marks, trace: Trace) -> ResponseHead:
        route = self._route(outgoing.location)
        lines = outgoing.lines(decode.OFFERED if self._codings else None)
        target = outgoing.location.target
        if route.proxy is not None and not route.secure:  # RFC 9112 §3.2.2
            target = outgoing.location.url
            if route.proxy.userinfo is not None:
                lines = (*lines, ("Proxy-Authorization", basic(route.proxy.userinfo)))
        while True:
            connection = await self._pool.take(route)
            used = connection is not None
            if connection is None:
                connection = await self._dial(route, marks, trace)
            try:
                return await connection.exchange(
                    outgoing.method, target, lines, outgoing.body, sink, marks, trace
                )
            except ConnectionLost as lost:
                if not (used and lost.unanswered and outgoing.method in IDEMPOTENT):
                    raise
                trace.note("the server had closed the idle connection: once more")
            finally:
                self._pool.give_back(route, connection)

    async def _dial(self, route: Route, marks: Marks, trace: Trace) -> Connection:
        try:
            tls = self._tls.options(route.host) if route.secure else None
            place = self._endpoint(dial.TimedLookup(self._reactor, marks), route, self._timeouts.connect)
            connection = await dial.dial(self._reactor, route, place, self._timeouts, tls, marks, trace)
        except BaseException:
            self._pool.ended(route)
            raise
        connection.ended.addCallback(lambda _: self._pool.ended(route, connection))
        return connection

    def _route(self, location: Location) -> Route:
        if self._unix_socket is not None:
            return Route(location.host, location.port, location.secure, None, self._unix_socket)
        proxy = proxy_for(location, self._environment)
        if proxy is not None and not location.secure:  # one connection serves every host behind it
            return Route(proxy.host, proxy.port, False, replace(proxy, target="/"))
        return Route(location.host, location.port, location.secure, proxy)


class _Gate:
    """Let through the response that the caller asked for, and none that a redirect is followed from."""

    def __init__(self, sink: Sink, outgoing: Outgoing, policy: Redirects | None) -> None:
        self._sink = sink
        self._outgoing = outgoing
        self._policy = policy
        self._dropped = 0
        self.following: Outgoing | None = None

    def begin(self, head: ResponseHead) -> None:
        if self._policy is not None:
            self.following = self._outgoing.redirected(head, self._policy)
        if self.following is None:
            self._sink.begin(head)

    def write(self, octets: bytes) -> Deferred[None] | None:
        if self.following is None:
            return self._sink.write(octets)
        self._dropped += len(octets)
        if self._dropped > _MAX_DROPPED:
            raise BadRedirect(f"a redirect with a body of more than {_MAX_DROPPED} octets")
        return None
