"""What there is to tell of the monitor and its clients, for the API, the store and Prometheus."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from netlab.arguments import address_text
from netlab.clocks import Clocks, Instant
from netlab.heartbeat.client import Client
from netlab.heartbeat.events import Event
from netlab.heartbeat.monitor import Monitor
from netlab.heartbeat.sinks import Recent
from netlab.heartbeat.slices import in_slices

ACTIONS = ("pause", "maintenance", "resume")


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that monitors have counted."""

    clients: Mapping[str, int]  # by state
    beats: int
    refused: Mapping[str, int]  # datagrams by reason
    unverified: int
    blind: int  # monitors that judge nobody now

    @classmethod
    def of(cls, monitor: Monitor) -> "Reading":
        """What one monitor has counted."""
        clients = {state.value: count for state, count in monitor.counts().items()}
        refused = dict(monitor.refused)
        return cls(clients, monitor.beats, refused, monitor.unverified, int(monitor.sight.blind))

    @classmethod
    def total(cls, readings: Iterable["Reading"]) -> "Reading":
        """What several have counted together."""
        clients, refused = Counter[str](), Counter[str]()
        beats = unverified = blind = 0
        for one in readings:
            clients.update(one.clients)
            refused.update(one.refused)
            beats, unverified, blind = beats + one.beats, unverified + one.unverified, blind + one.blind
        return cls(dict(clients), beats, dict(refused), unverified, blind)


class Status:
    """
    Tell of *monitor*, whose last events stand in *recent*; *tell* takes new ones.

    *clock* is the reactor whose turns long answers are spread over.
    """

    def __init__(
        self,
        monitor: Monitor,
        recent: Recent,
        tell: Callable[[Iterable[Event]], object],
        clocks: Clocks,
        clock: Any,
    ) -> None:
        self.draining = False  # the monitor is about to stop
        self._monitor = monitor
        self._recent = recent
        self._tell = tell
        self._clocks = clocks
        self._clock = clock

    # For the API.

    async def parts(self) -> list[bytes]:
        """All clients as JSON objects with commas between, in some parts."""

        def write(clients: Sequence[Client]) -> bytes:
            return msgspec.json.encode(self.rows(clients))[1:-1]

        return await in_slices(self._clock, list(self.clients()), write, 0.0)

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

    async def act(self, action: str, identity: str) -> str:
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
            "reordered": ledger.reordered,
            "delay": ledger.delay,
            "jitter": ledger.jitter,
            "interval": client.interval or None,
            "deadline": None if deadline is None else now.wall_ns / 1e9 + deadline - now.monotonic,
        }

    # For the store.

    def newcomers(self) -> int:
        """How many clients have come since the start."""
        return self._monitor.admitted

    async def pages(self, within: float | None) -> list[bytes]:
        """All clients, written down in MessagePack; see `in_slices`."""

        def write(clients: Sequence[Client]) -> bytes:
            now, dump = self._clocks(), self._monitor.dump
            return msgspec.msgpack.encode([dump(client, now) for client in clients])

        return await in_slices(self._clock, list(self.clients()), write, within)

    def load(self, pages: Sequence[bytes], events: Iterable[Any], saved_ns: int, final: bool) -> None:
        """
        Take up what was written down.

        Raises:
            ValueError: this is nothing that was ever written down.
        """
        events = list(events)
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is no object")
        self._recent.restore(events)
        self._tell(self._monitor.load(dumped(pages), saved_ns, final, self._clocks()))

    # For those who look after the monitor.

    def read(self) -> Reading:
        """Everything that is counted."""
        return Reading.of(self._monitor)

    def drain(self) -> None:
        """The monitor is about to stop."""
        self.draining = True

    def state(self) -> str:
        """``ok``, or why no judgement comes from here now."""
        if self.draining:
            return "draining"
        return "blind" if self._monitor.sight.blind else "ok"


def dumped(pages: Iterable[bytes]) -> list[Any]:
    """Read the clients of some pages. Raises: ValueError: a page is none."""
    try:
        return [client for page in pages for client in msgspec.msgpack.decode(page)]
    except TypeError as error:
        raise ValueError(f"no page of clients: {error}") from error
