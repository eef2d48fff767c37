"""`HTTPFactory`: the connections of one server, and who answers their requests."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from zope.interface import implementer

from netlab.http import respond
from netlab.http.access import Exchange
from netlab.http.deadline import Deadlines, Wheel
from netlab.http.framing import Limits, Malformed
from netlab.http.message import Answer, Fields, Request, Response
from netlab.http.parse import KnownHeads
from netlab.http.serialize import require_sendable
from netlab.http.server import HTTPProtocol


@implementer(IProtocolNegotiationFactory)
class HTTPFactory(Factory):
    """
    Serve HTTP: each request goes to the *answers* in turn, and the first response is sent.

    *clock* (a reactor) times the deadlines, *monotonic* (seconds) measures how long an exchange took,
    and *wall_ns* (since 1970) says when it was; *record* takes every `Exchange`, for an access log, and
    *refused* the reason of every refusal: "malformed", "deadline", "connections" or "address". With
    *once*, exactly one request is answered; `done` fires when its connection has closed. No limit for
    one address holds for the machine's own, where a proxy may speak for many.
    """

    noisy = False
    log = Logger()

    def __init__(
        self,
        clock: Any,
        answers: Sequence[Answer],
        *,
        record: Callable[[Exchange], object] = lambda exchange: None,
        refused: Callable[[str], object] = lambda reason: None,
        once: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - an immutable value
        deadlines: Deadlines = Deadlines(),  # noqa: B008
        max_connections: int = 20_000,
        max_per_address: int = 512,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.wall_ns = wall_ns
        self.limits = limits
        self.known = KnownHeads(limits)
        self.deadlines = deadlines
        self.wheel = Wheel(clock, deadlines)
        self.once = once
        self.record = record
        self.refused = refused
        self.asked = 0.0  # when the request that is answered now was there, monotonic seconds
        self.draining = False
        self.closing = once  # each connection closes after the response that is sent next
        self.connections: dict[HTTPProtocol, str] = {}  # and the address of each
        self.done: Deferred[None] = Deferred()
        self._answers = tuple(answers)
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._per_address: Counter[str] = Counter()
        self._numbers = 0
        self._taken = False
        self._drained: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> HTTPProtocol | None:  # type: ignore[override]
        """Take a connection; past a limit it is closed at once, and counted."""
        host = str(getattr(addr, "host", ""))
        own = not host or host == "::1" or host.startswith("127.")
        if self.draining or len(self.connections) >= self._max_connections:
            self.refused("connections")
            return None
        if self._per_address[host] >= self._max_per_address and not own:
            self.refused("address")
            return None
        self._numbers += 1
        protocol = HTTPProtocol(self, self._numbers)
        self.connections[protocol] = host
        self._per_address[host] += 1
        return protocol

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS may agree on (ALPN, RFC 7301)."""
        return [b"http/1.1"]

    def left(self, protocol: HTTPProtocol) -> None:
        """A connection is gone."""
        host = self.connections.pop(protocol)
        self._per_address[host] -= 1
        if not self._per_address[host]:
            del self._per_address[host]
        if self.once and protocol.answered and not self.done.called:
            self.done.callback(None)
        if self._drained is not None and not self.connections and not self._drained.called:
            self._drained.callback(None)

    def take(self) -> bool:
        """A request is about to be answered; False: with *once*, another was already."""
        first, self._taken = not self._taken, True
        return first or not self.once

    def drain(self, grace: float) -> Deferred[None]:
        """
        Take no more connections, close idle ones, and let the others finish for *grace* seconds.

        The result comes when no connection is left; those still there after the grace are aborted.
        """
        self.draining = self.closing = True
        for connection in list(self.connections):
            connection.drain()
        if not self.connections:
            return succeed(None)
        self._drained = Deferred()
        late = self.clock.callLater(grace, self._abort)
        return self._drained.addCallback(lambda drained: late.cancel() if late.active() else None)

    def _abort(self) -> None:
        self.log.warn("{count} connections cut after the grace", count=len(self.connections))
        for connection in list(self.connections):
            connection.transport.abortConnection()

    def respond(self, request: Request, first: int = 0) -> Response | Deferred[Response]:
        """Ask the answers, from the *first* on; a mistake in one of them is a 500 and is logged."""
        if request.fields.derive(_expects_more):
            return respond.error(417, "Nothing but 100-continue can be expected here.")
        for number in range(first, len(self._answers)):
            try:
                response = self._answers[number](request)
            except Exception as error:
                return self._mistake(request, error)
            if isinstance(response, Response):
                return response if response.head else self._checked(request, response)
            if response is not None:
                return Deferred.fromCoroutine(self._wait_for(request, response, number))
        return respond.error(404, "There is nothing of that name here.")

    async def _wait_for(self, request: Request, later: Awaitable[Response | None], number: int) -> Response:
        try:
            response = await later
        except CancelledError:
            raise
        except Exception as error:
            return self._mistake(request, error)
        if response is not None:
            return self._checked(request, response)
        asked = self.respond(request, number + 1)
        return asked if isinstance(asked, Response) else await asked

    def _checked(self, request: Request, response: Response) -> Response:
        try:
            require_sendable(response.fields)
            if not 200 <= response.status <= 599:
                raise ValueError(f"{response.status} is no final status")
        except ValueError as error:
            response.close()
            return self._mistake(request, error)
        return response

    def _mistake(self, request: Request, error: Exception) -> Response:
        if isinstance(error, Malformed):
            return respond.error(error.status, f"This request cannot be answered: {error}.")
        self.log.failure("no answer to {method} {target}", method=request.method, target=request.target)
        return respond.error(500, "Something is wrong with this server; its log says what.")


def _expects_more(fields: Fields) -> bool:
    return bool(fields.tokens("expect") - {"100-continue"})
