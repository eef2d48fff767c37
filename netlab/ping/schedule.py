"""
When the next ping is to leave: never a pause after the last one, always a moment on the clock.

A pause adds up with the time that each sending takes; absolute moments do not drift, and a moment
that was missed is known as missed.
"""

from collections.abc import Callable
from typing import Protocol


class Schedule(Protocol):
    """Moments on the monotonic clock, seconds."""

    def begin(self, now: float) -> float:
        """The first moment."""
        ...

    def after(self, due: float, now: float) -> tuple[float, int]:
        """The moment after *due*, and how many were missed, since it is *now* already."""
        ...


class Periodic:
    """Every *interval* seconds (RFC 3432)."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._start = 0.0
        self._count = 0

    def begin(self, now: float) -> float:
        self._start, self._count = now, 0
        return now

    def after(self, due: float, now: float) -> tuple[float, int]:
        """A moment is missed when the one after it has come as well."""
        self._count += 1
        missed = max(0, int((now - self._start) / self._interval) - self._count)
        self._count += missed
        return self._start + self._count * self._interval, missed


class Poisson:
    """
    After pauses that are exponentially distributed, *interval* seconds in the mean (RFC 2330 §11.1.1).

    Such pings meet the network in its average state, where periodic ones may keep step with it.
    """

    def __init__(self, interval: float, expovariate: Callable[[float], float]) -> None:
        self._interval = interval
        self._expovariate = expovariate

    def begin(self, now: float) -> float:
        return now

    def after(self, due: float, now: float) -> tuple[float, int]:
        """A moment is missed when a mean interval has passed since."""
        missed = -1
        while True:
            due += self._expovariate(1 / self._interval)
            missed += 1
            if due > now - self._interval:
                return due, missed
