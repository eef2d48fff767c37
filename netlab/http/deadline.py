"""How long a connection waits for what: one timer, and the phases that it times."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

BODY_RATE = 1_024  # octets a second that a body has to come at, once its start is over


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a silent or slow client is waited for, seconds."""

    idle: float = 60.0  # between two requests
    head: float = 15.0  # from a request's first octet to the end of its head
    body: float = 15.0  # for a body's start; after it, `BODY_RATE` counts
    stall: float = 60.0  # for the client to take what was written
    linger: float = 2.0  # for the client to see the last response and close


class Phase(StrEnum):
    """What a connection waits for; each but the answer has a deadline of the same name."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"
    STALL = "stall"
    LINGER = "linger"


class PhaseTimer:
    """The phase that a connection is in, and the timer that ends it: *too_late* is called then."""

    def __init__(self, clock: Any, deadlines: Deadlines, too_late: Callable[[], None]) -> None:
        self.phase = Phase.IDLE
        self._clock = clock
        self._deadlines = deadlines
        self._too_late = too_late
        self._begun = 0.0
        self._call: Any = None

    def enter(self, phase: Phase, seconds: float | None = None) -> None:
        """Begin *phase* anew; it lasts *seconds*, or as long as the deadlines say."""
        self.phase = phase
        self._begun = self._clock.seconds()
        self.cancel()
        if seconds is None and phase is not Phase.ANSWER:  # for our own answers we wait
            seconds = getattr(self._deadlines, phase)
        if seconds is not None:
            self._call = self._clock.callLater(seconds, self._too_late)

    def extend_body(self, received: int) -> bool:
        """Give a body the time that its *received* octets are worth; False: that has passed."""
        allowed = self._deadlines.body + received / BODY_RATE
        left = self._begun + allowed - self._clock.seconds()
        if left < 0.001:
            return False
        self._call = self._clock.callLater(left, self._too_late)
        return True

    def cancel(self) -> None:
        """No more deadline."""
        if self._call is not None and self._call.active():
            self._call.cancel()
