"""
The monitor: a datagram machine that knows which clients are alive.

A client is a source address. Its deadline moves with every new beat; a client whose deadline
passes has stopped, until its next beat. A duplicate or a late beat proves nothing about now, so
neither moves the deadline.
"""

from collections import OrderedDict
from dataclasses import dataclass

from netlab.arguments import Address
from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.heartbeat import wire
from netlab.heartbeat.ledger import Entry, Ledger


@dataclass(frozen=True, slots=True)
class Beaten:
    """A beat came; `difference` is its arrival less its sending, seconds; None: it names no time."""

    peer: Address
    beat: wire.Beat
    difference: float | None
    entry: Entry


@dataclass(frozen=True, slots=True)
class Up:
    """A client is alive: it is new (`silence` None), or was silent for so many seconds."""

    peer: Address
    silence: float | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A client's beats have been missing for `silence` seconds."""

    peer: Address
    silence: float
    ledger: Ledger


Event = Beaten | Up | Stopped


class _Client:
    __slots__ = ("heard", "ledger")

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.heard = 0.0  # monotonic seconds of the last beat that proved it alive


class Monitor:
    """Watch at most *max_clients* clients; one silent for *timeout* seconds has stopped."""

    def __init__(self, timeout: float = 5.0, max_clients: int = 10_000) -> None:
        if timeout <= 0 or max_clients < 1:
            raise ValueError("timeout is more than 0 seconds and max_clients at least 1")
        self.timeout = timeout
        self.beats = 0  # of all clients together, late and duplicate ones included
        self._max_clients = max_clients
        # Both in the order of the last proof of life, so the first to expire stands first.
        self._alive: OrderedDict[Address, _Client] = OrderedDict()
        self._stopped: OrderedDict[Address, _Client] = OrderedDict()

    def receive(self, datagram: bytes, peer: Address, now: Instant) -> list[Event]:
        """
        Take in one beat.

        Raises:
            WireError: it is no heartbeat, or there is no room for one more client.
        """
        beat = wire.decode(datagram)
        client = self._alive.get(peer) or self._stopped.get(peer) or self._admit(peer)
        entry = client.ledger.enter(beat, now)
        self.beats += 1
        events: list[Event] = []
        if entry.alive:
            if peer not in self._alive:
                returned = self._stopped.pop(peer, None)
                events.append(Up(peer, now.monotonic - client.heard if returned else None))
                self._alive[peer] = client
            client.heard = now.monotonic
            self._alive.move_to_end(peer)
        difference = None if beat.sent_ns is None else (now.wall_ns - beat.sent_ns) / 1e9
        events.append(Beaten(peer, beat, difference, entry))
        return events

    def outgoing(self, now: Instant) -> tuple[()]:
        """The monitor only listens."""
        return ()

    def deadline(self) -> float | None:
        """When the next client would have been silent for too long, on the monotonic clock."""
        return next((client.heard + self.timeout for client in self._alive.values()), None)

    def expire(self, now: Instant) -> list[Event]:
        """Call those stopped whose beats have been missing for the timeout."""
        events: list[Event] = []
        while self._alive:
            peer, client = next(iter(self._alive.items()))
            silence = now.monotonic - client.heard
            if silence < self.timeout:
                break
            self._stopped[peer] = self._alive.pop(peer)
            events.append(Stopped(peer, silence, client.ledger))
        return events

    def _admit(self, peer: Address) -> _Client:
        if len(self._alive) + len(self._stopped) >= self._max_clients:
            if not self._stopped:
                raise WireError(f"no room: {self._max_clients} clients are alive already")
            self._stopped.popitem(last=False)
        return _Client()
