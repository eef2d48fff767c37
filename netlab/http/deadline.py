"""How long a connection waits for what: the phases, and one wheel that times them for all connections."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, auto
from math import ceil
from typing import Any

from twisted.logger import Logger

BODY_RATE = 1_024  # octets a second that a body has to come at, once its start is over
STEP = 0.25  # seconds between two places of the wheel: how late a deadline may be noticed
_EPSILON = 1e-6  # seconds; what floating point may lose


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a silent or slow client is waited for, seconds."""

    idle: float = 60.0  # between two requests
    head: float = 15.0  # from a request's first octet to the end of its head
    body: float = 15.0  # for a body's start; after it, `BODY_RATE` counts
    stall: float = 60.0  # for the client to take what was written
    linger: float = 2.0  # for the client to see the last response and close


class Phase(IntEnum):
    """What a connection waits for; each but the answer has a deadline of the same name."""

    IDLE = 0
    HEAD = auto()
    BODY = auto()
    STALL = auto()
    LINGER = auto()
    ANSWER = auto()


IDLE, HEAD, BODY, STALL, LINGER, ANSWER = Phase


class Wheel:
    """
    The timers of all connections: each stands at the place of its deadline, and is looked at then.

    A deadline that is put off, as most are by each request, moves only when it is looked at. So
    entering a phase costs next to nothing, and the reactor has one delayed call for all.
    """

    log = Logger()

    def __init__(self, clock: Any, deadlines: Deadlines) -> None:
        self.seconds: Callable[[], float] = clock.seconds
        self.limits = (deadlines.idle, deadlines.head, deadlines.body, deadlines.stall, deadlines.linger)
        self._clock = clock
        self._places: dict[int, set[PhaseTimer]] = {}
        self._call: Any = None
        self._next = 0  # the place that the call is for

    def put(self, timer: "PhaseTimer") -> int:
        """Put *timer* where its deadline is; the answer is the place."""
        place = ceil(timer.deadline / STEP)
        self._places.setdefault(place, set()).add(timer)
        if self._call is None or place < self._next:
            self._turn_to(place)
        return place

    def take(self, timer: "PhaseTimer", place: int) -> None:
        """Take *timer* away."""
        timers = self._places.get(place)
        if timers is not None:
            timers.discard(timer)
            if not timers:
                del self._places[place]
        if not self._places and self._call is not None:
            self._call.cancel()
            self._call = None

    def _turn_to(self, place: int) -> None:
        if self._call is not None:
            self._call.cancel()
        self._next = place
        self._call = self._clock.callLater(max(place * STEP - self.seconds(), 0), self._turn)

    def _turn(self) -> None:
        self._call = None
        now = self.seconds()
        for place in sorted(place for place in self._places if place * STEP <= now + _EPSILON):
            for timer in self._places.pop(place, ()):
                try:
                    timer.look(now)
                except Exception:
                    self.log.failure("a connection's deadline could not be kept")
        if self._places:
            self._turn_to(min(self._places))


class PhaseTimer:
    """The phase that a connection is in; when its deadline has passed *too_late* is called."""

    __slots__ = ("_begun", "_place", "_too_late", "_wheel", "deadline", "phase")

    def __init__(self, wheel: Wheel, too_late: Callable[[], None]) -> None:
        self.phase = IDLE
        self.deadline = 0.0
        self._wheel = wheel
        self._too_late = too_late
        self._begun = 0.0
        self._place: int | None = None  # on the wheel

    def enter(self, phase: Phase, seconds: float | None = None) -> None:
        """Begin *phase* anew; it lasts *seconds*, or as long as the deadlines say."""
        wheel = self._wheel
        self.phase = phase
        self._begun = begun = wheel.seconds()
        if phase is ANSWER:  # for our own answers we wait
            self.cancel()
        else:
            self._wait(begun + (wheel.limits[phase] if seconds is None else seconds))

    def extend_body(self, received: int) -> bool:
        """Give a body the time that its *received* octets are worth; False: that has passed."""
        deadline = self._begun + self._wheel.limits[BODY] + received / BODY_RATE
        if deadline - self._wheel.seconds() < 0.001:
            return False
        self._wait(deadline)
        return True

    def cancel(self) -> None:
        """No more deadline."""
        if self._place is not None:
            self._wheel.take(self, self._place)
            self._place = None

    def look(self, now: float) -> None:
        """The wheel has come to the place: is it too late, or was the deadline put off?"""
        if self._place is None:
            return
        self._place = None
        if self.deadline > now + _EPSILON:
            self._place = self._wheel.put(self)
        else:
            self._too_late()

    def _wait(self, deadline: float) -> None:
        self.deadline = deadline
        if self._place is None or self._place * STEP > deadline:
            self.cancel()
            self._place = self._wheel.put(self)
