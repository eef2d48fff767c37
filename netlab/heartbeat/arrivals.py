"""When the beats of one client came of late, as phi accrual wants to know it."""

from collections import deque
from math import sqrt
from statistics import NormalDist

KEPT = 100  # intervals remembered
LEAST = 3  # below which they tell nothing
MIN_DEVIATION = 0.1  # of the mean; a deviation of nothing would call the next moment too late
_NORMAL = NormalDist()


class Arrivals:
    """The last intervals between beats, with their mean and standard deviation."""

    __slots__ = ("_intervals", "_last", "_squares", "_sum")

    def __init__(self) -> None:
        self._intervals: deque[float] = deque(maxlen=KEPT)
        self._last: float | None = None
        self._sum = self._squares = 0.0

    @property
    def known(self) -> bool:
        """There were enough of them."""
        return len(self._intervals) >= LEAST

    def heard(self, now: float) -> None:
        """A beat came at *now*, monotonic seconds."""
        if self._last is not None:
            interval = now - self._last
            if len(self._intervals) == KEPT:
                old = self._intervals[0]
                self._sum -= old
                self._squares -= old * old
            self._intervals.append(interval)
            self._sum += interval
            self._squares += interval * interval
        self._last = now

    def forget_last(self) -> None:
        """The time until the next beat is no interval of the client's: the monitor was blind meanwhile."""
        self._last = None

    def silence(self, threshold: float) -> float:
        """Seconds after which an interval this long has a probability of 10 ** -threshold."""
        count = len(self._intervals)
        mean = self._sum / count
        deviation = sqrt(max(0.0, self._squares / count - mean * mean))
        part = max(10.0**-threshold, 1e-300)
        return mean - _NORMAL.inv_cdf(part) * max(deviation, MIN_DEVIATION * mean)
