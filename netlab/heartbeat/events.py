"""What the monitor tells, as frozen values."""

from dataclasses import dataclass
from typing import Any, ClassVar

from netlab.arguments import Address, address_text
from netlab.heartbeat.entry import ORDINARY, Entry
from netlab.heartbeat.states import State
from netlab.heartbeat.wire import Beat


@dataclass(frozen=True, slots=True)
class Event:
    """What all events have."""

    kind: ClassVar[str] = "event"

    at_ns: int  # wall clock, nanoseconds since 1970

    @property
    def notable(self) -> bool:
        """People want to know of it by itself: it is no ordinary beat."""
        return True

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON has it: `time` and durations in seconds."""
        return {"event": self.kind, "time": self.at_ns / 1e9, **self._figures()}

    def _figures(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class ClientEvent(Event):
    """One about a client: *client* is its identity, *peer* where it was heard last."""

    client: str
    peer: Address | None

    def _figures(self) -> dict[str, Any]:
        return {"client": self.client, "address": None if self.peer is None else address_text(self.peer)}


@dataclass(frozen=True, slots=True)
class Beaten(ClientEvent):
    """A beat came; `difference` is its arrival less its sending, seconds; None: it names no time."""

    kind: ClassVar[str] = "beat"

    beat: Beat
    difference: float | None
    entry: Entry

    @property
    def notable(self) -> bool:
        return self.entry != ORDINARY

    def _figures(self) -> dict[str, Any]:
        entry = self.entry
        return {
            **ClientEvent._figures(self),
            "sequence": self.beat.sequence,
            "difference": self.difference,
            "place": entry.place.name.lower(),
            "lost": len(entry.lost),
            "lost_from": entry.lost[0] if entry.lost else None,
            "lost_to": entry.lost[-1] if entry.lost else None,
            "extent": entry.extent,
            "unsent": entry.unsent,
            "stepped": entry.stepped,
        }


@dataclass(frozen=True, slots=True)
class Changed(ClientEvent):
    """A client is in another state; `cause` says why, for people."""

    kind: ClassVar[str] = "state"

    before: State
    after: State
    cause: str
    silence: float | None = None  # seconds since its last beat; None: it was never heard
    beats: int = 0
    lost: int = 0
    deadline_ns: int | None = None  # when its silence became too long, wall clock

    @property
    def notable(self) -> bool:
        return State.LATE not in (self.before, self.after) or self.after is State.DOWN

    def _figures(self) -> dict[str, Any]:
        return {
            **ClientEvent._figures(self),
            "before": self.before.value,
            "state": self.after.value,
            "cause": self.cause,
            "silence": self.silence,
            "beats": self.beats,
            "lost": self.lost,
            "deadline": None if self.deadline_ns is None else self.deadline_ns / 1e9,
        }


@dataclass(frozen=True, slots=True)
class Moved(ClientEvent):
    """A client sends from another address than before."""

    kind: ClassVar[str] = "address"

    before: Address | None

    def _figures(self) -> dict[str, Any]:
        before = None if self.before is None else address_text(self.before)
        return {**ClientEvent._figures(self), "before": before}


@dataclass(frozen=True, slots=True)
class Blinded(Event):
    """The monitor cannot judge, or could not for a while: nobody is called down because of it."""

    kind: ClassVar[str] = "blind"

    cause: str
    clients: int  # that were alive

    def _figures(self) -> dict[str, Any]:
        return {"cause": self.cause, "clients": self.clients}


@dataclass(frozen=True, slots=True)
class Sighted(Event):
    """The monitor judges again: every client has its whole deadline from now on."""

    kind: ClassVar[str] = "sighted"

    seconds: float  # that it was blind

    def _figures(self) -> dict[str, Any]:
        return {"seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class ClockStepped(Event):
    """The monitor's wall clock was set; deadlines, which are not read from it, hold."""

    kind: ClassVar[str] = "clock"

    seconds: float  # forward positive

    def _figures(self) -> dict[str, Any]:
        return {"seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Restored(Event):
    """The monitor has started and knows its clients from before."""

    kind: ClassVar[str] = "restored"

    clients: int
    away: float | None  # seconds since the last checkpoint, by the wall clock; None: that cannot be told
    final: bool  # it had stopped as it was told to

    def _figures(self) -> dict[str, Any]:
        return {"clients": self.clients, "away": self.away, "clean": self.final}


@dataclass(frozen=True, slots=True)
class Told(Event):
    """An event as another process has told it: in the words of JSON, and in lines for people."""

    kind: ClassVar[str] = "told"

    worthy: bool
    figures: dict[str, Any]
    lines: tuple[str, ...]

    @property
    def notable(self) -> bool:
        return self.worthy

    def as_dict(self) -> dict[str, Any]:
        return self.figures
