"""
Where the monitor's events go. A sink is a function that takes one event.

A sink that takes its time is paced, so that it does not hold the monitor up.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from twisted.logger import Logger

from netlab.heartbeat.events import Event
from netlab.heartbeat.report import event_lines
from netlab.lines import LineFile

KEPT = 1_000  # events that the API can tell of
TURN = 0.002  # seconds of one turn of the reactor that a paced sink may take
REST = 0.018  # seconds until its next turn, where there are more events
WAITING = 200_000  # events that may wait for their turn

Sink = Callable[[Event], object]

_log = Logger()


def fan_out(sinks: Sequence[Sink]) -> Sink:
    """One sink that hands each event to all of *sinks*; a mistake of one is logged, and harms no other."""

    def sink(event: Event) -> None:
        for one in sinks:
            try:
                one(event)
            except Exception:
                _log.failure("an event was not taken: {event}", event=event)

    return sink


class Paced:
    """
    Hand events on to *sink* for a part of each turn of the reactor only, in their order.

    A line of the log takes as long as several beats, so that a thousand clients that appear at once
    would hold the judge up. Past `WAITING` events, the log says how many are left out.
    """

    def __init__(self, sink: Sink, clock: Any, monotonic: Callable[[], float]) -> None:
        self._sink = sink
        self._clock = clock
        self._monotonic = monotonic
        self._events: deque[Event] = deque()
        self._left_out = 0
        self._closed = self._paused = False
        self._call: Any = None

    def __call__(self, event: Event) -> None:
        if self._closed:
            return
        if len(self._events) >= WAITING:
            self._left_out += 1
            return
        self._events.append(event)
        self._go_on(0)

    def pause(self) -> None:
        """Hand on nothing until `resume`: who takes the events cannot keep up."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        self._go_on(0)

    def close(self) -> None:
        """Hand on what waits now, and nothing that comes later."""
        self._closed = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._hand_on(float("inf"))

    def _turn(self) -> None:
        self._call = None
        if not self._paused:
            self._hand_on(self._monotonic() + TURN)
        self._go_on(REST)

    def _go_on(self, delay: float) -> None:
        if self._events and self._call is None and not self._paused:
            self._call = self._clock.callLater(delay, self._turn)

    def _hand_on(self, until: float) -> None:
        while self._events:
            event = self._events.popleft()
            try:
                self._sink(event)
            except Exception:
                _log.failure("an event was not taken: {event}", event=event)
            if self._monotonic() >= until:
                break
        if self._left_out and not self._events:
            _log.warn("{count} more events were left out: too many at once", count=self._left_out)
            self._left_out = 0


class LogSink:
    """Write events to the daemon's log, as lines for people; ordinary beats only where *beats* is true."""

    def __init__(self, beats: bool = False) -> None:
        self._beats = beats

    def __call__(self, event: Event) -> None:
        for line in event_lines(event, self._beats):
            _log.info("{line}", line=line)


class Recent:
    """Remember the last `KEPT` events; `told` has them as values that JSON has."""

    def __init__(self) -> None:
        self._events: deque[Event | dict[str, Any]] = deque(maxlen=KEPT)

    def __call__(self, event: Event) -> None:
        if event.notable:
            self._events.append(event)

    def restore(self, events: Iterable[dict[str, Any]]) -> None:
        """Remember those from before a restart."""
        self._events.extend(events)

    def told(self) -> list[dict[str, Any]]:
        """The last events, the oldest first."""
        return [event if isinstance(event, dict) else event.as_dict() for event in self._events]


class JSONLines:
    """Write events to a file, a JSON object a line; ordinary beats only where *beats* is true."""

    def __init__(self, file: LineFile, beats: bool = False) -> None:
        self._file = file
        self._beats = beats

    def __call__(self, event: Event) -> None:
        if self._beats or event.notable:
            self._file.write([msgspec.json.encode(event.as_dict()).decode()])
