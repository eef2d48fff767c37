"""What there is to tell of the monitor and its clients, for the API, the store and Prometheus."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from netlab.arguments import address_text
from netlab.clocks import Clocks, Instant
from netlab.heartbeat.client import Client
from netlab.heartbeat.events import Event
from netlab.heartbeat.monitor import Monitor
from netlab.heartbeat.sinks import Recent

ACTIONS = ("pause", "maintenance", "resume")


class Status:
    """
    Tell of *monitor*, whose last events stand in *recent*; *tell* takes new ones.
    """

    def __init__(
        self,
        monitor: Monitor,
        recent: Recent,
        tell: Callable[[Iterable[Event]], object],
        clocks: Clocks,
    ) -> None:
        self.draining = False  # the monitor is about to stop
        self._monitor = monitor
        self._recent = recent
        self._tell = tell
        self._clocks = clocks

    # For the API.

    def clients(self) -> Collection[Client]:
        """All of them."""
        return self._monitor.clients()

    def rows(self, clients: Sequence[Client]) -> list[dict[str, Any]]:
        """What there is to tell of some of them; moments are in seconds since 1970."""
        now = self._clocks()
        return [self._row(client, now) for client in clients]

    def events(self) -> Sequence[dict[str, Any]]:
        """The last of them, the oldest first."""
        return self._recent.told()

    def act(self, action: str, identity: str) -> str:
        """
        Do one of `ACTIONS` with a client; the result is its state from now on.

        Raises:
            KeyError: there is no such client, or no such action.
        """
        now, monitor = self._clocks(), self._monitor
        acts = {"pause": monitor.pause, "maintenance": monitor.maintenance, "resume": monitor.resume}
        self._tell(acts[action](identity, now))
        return next(monitor.state_of(one).value for one in monitor.clients() if one.id == identity)

    def _row(self, client: Client, now: Instant) -> dict[str, Any]:
        monitor, ledger = self._monitor, client.ledger
        deadline = monitor.deadline_of(client)
        return {
            "id": client.id,
            "address": None if client.address is None else address_text(client.address),
            "state": monitor.state_of(client).value,
            "since": client.since_ns / 1e9,
            "cause": client.cause,
            "beats": ledger.beats,
            "lost": ledger.lost,
            "late": ledger.late,
            "duplicates": ledger.duplicates,
            "reordered": ledger.late,
            "delay": ledger.delay,
            "jitter": ledger.jitter,
            "interval": client.interval or None,
            "deadline": None if deadline is None else now.wall_ns / 1e9 + deadline - now.monotonic,
        }

    # For the store.

    def dump(self, clients: Sequence[Client]) -> list[tuple[Any, ...]]:
        """Some clients, written down."""
        now, dump = self._clocks(), self._monitor.dump
        return [dump(client, now) for client in clients]

    def load(self, clients: Iterable[Any], events: Iterable[Any], saved_ns: int, final: bool) -> None:
        """
        Take up what was written down.

        Raises:
            ValueError: this is nothing that was ever written down.
        """
        events = list(events)
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is no object")
        self._recent.restore(events)
        self._tell(self._monitor.load(clients, saved_ns, final, self._clocks()))

    # For those who look after the monitor.

    def read(self) -> Monitor:
        """Everything that is counted."""
        return self._monitor

    def state(self) -> str:
        """``ok``, or why no judgement comes from here now."""
        if self.draining:
            return "draining"
        return "blind" if self._monitor.sight.blind else "ok"
