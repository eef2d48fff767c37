"""A bounded pool of connections: so many a host, so many altogether; idle ones end in time."""

from collections import Counter
from collections.abc import Hashable
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime


class Pooled(Protocol):
    """What a pool asks of a connection."""

    @property
    def reusable(self) -> bool:
        """Another exchange may follow on it."""
        ...

    def close(self) -> None:
        """End it; `Pool.ended` is called once it has."""
        ...


C = TypeVar("C", bound=Pooled)


class Pool(Generic[C]):
    """
    Connections by the key of where they lead.

    A place is taken from `take` until `ended`: idle connections and those that are about to end count.
    """

    def __init__(self, clock: IReactorTime, per_host: int = 6, total: int = 60, idle: float = 15.0) -> None:
        """At most *per_host* connections with one key and *total* in all; *idle* seconds unused, one ends."""
        self._clock = clock
        self._per_host = per_host
        self._total = total
        self._idle_seconds = idle
        self._places: Counter[Hashable] = Counter()
        self._idle: dict[C, tuple[Hashable, Any]] = {}  # the longest unused first
        self._waiting: dict[Deferred[C | None], Hashable] = {}  # the longest waiting first

    @property
    def open(self) -> int:
        """Places taken."""
        return self._places.total()

    def take(self, key: Hashable) -> Deferred[C | None]:
        """An idle connection, or None: there is a place for a new one. Both come when there is room."""
        for connection in reversed(self._idle):
            if self._idle[connection][0] == key:
                self._wake(connection)
                return succeed(connection)
        if self._reserve(key):
            return succeed(None)
        waiting: Deferred[C | None] = Deferred(self._forget)
        self._waiting[waiting] = key
        return waiting

    def give_back(self, key: Hashable, connection: C) -> None:
        """An exchange is over: keep the connection for the next one, or end it."""
        if not connection.reusable:
            connection.close()
            return
        for waiting, wanted in self._waiting.items():
            if wanted == key:
                del self._waiting[waiting]
                waiting.callback(connection)
                return
        timer = self._clock.callLater(self._idle_seconds, self._expire, connection)
        self._idle[connection] = key, timer
        self._serve()

    def ended(self, key: Hashable, connection: C | None = None) -> None:
        """A connection has ended, or never came to be: its place is free."""
        if connection in self._idle:
            self._wake(connection)
        self._places[key] -= 1
        if not self._places[key]:
            del self._places[key]
        self._serve()

    def close(self) -> None:
        """End what is idle."""
        for connection in list(self._idle):
            self._expire(connection)

    def _forget(self, waiting: Deferred[C | None]) -> None:
        del self._waiting[waiting]

    def _serve(self) -> None:
        for waiting, key in list(self._waiting.items()):
            if waiting in self._waiting and self._reserve(key):
                del self._waiting[waiting]
                waiting.callback(None)

    def _reserve(self, key: Hashable) -> bool:
        if self._places[key] >= self._per_host:
            return False
        if self.open >= self._total:
            if self._idle:  # its end is told later, and somebody is served then
                self._expire(next(iter(self._idle)))
            if self.open >= self._total:
                return False
        self._places[key] += 1
        return True

    def _wake(self, connection: C) -> None:
        _, timer = self._idle.pop(connection)
        if timer.active():
            timer.cancel()

    def _expire(self, connection: C) -> None:
        self._wake(connection)
        connection.close()
