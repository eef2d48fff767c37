"""
The monitor's own sight: what keeps it from judging others.

It cannot judge when it was itself held up, when its machine slept, when its own queue overflowed or is
not read in time, or when nobody at all is heard: then the fault is its own, or the network's next to it.
"""

from math import inf

from netlab.clocks import Instant

STALL = 0.5  # seconds between two looks that are too long: beats may have been dropped meanwhile
BEHIND = 1.0  # seconds that a datagram waits in the queue: too long to speak of now
CALM = 1.0  # seconds without a new drop after which the queue is trusted again
STEP = 0.5  # seconds by which the wall clock leaves the monotonic one at once: it was set
EVERYBODY = 8  # clients; so many do not die in one interval, fewer may


class Sight:
    """Whether the monitor can judge; all times are monotonic seconds."""

    def __init__(self) -> None:
        self.since: float | None = None  # when it went blind
        self.judging_from = -inf  # no silence before this moment counts
        self._looked: float | None = None
        self._dropped = -inf  # when the queue last overflowed
        self._read_until: float | None = None  # what came to the queue by then was read
        self._behind = False
        self._silent_from: float | None = None  # nobody at all is heard since
        self._offset_ns: int | None = None

    @property
    def blind(self) -> bool:
        """Nobody is judged now."""
        return self.since is not None

    def stall(self, now: Instant) -> float:
        """Look, again and again; the answer is for how long there was no look, where that is too long."""
        looked, self._looked = self._looked, now.monotonic
        gap = 0.0 if looked is None else now.monotonic - looked
        return gap if gap > STALL else 0.0

    def step(self, now: Instant) -> float:
        """By how many seconds the wall clock was set since the last look, forward positive; 0: it was not."""
        offset_ns = now.wall_ns - round(now.monotonic * 1e9)
        before, self._offset_ns = self._offset_ns, offset_ns
        stepped = 0.0 if before is None else (offset_ns - before) / 1e9
        return stepped if abs(stepped) > STEP else 0.0

    def slept(self, seconds: float) -> None:
        """The machine has slept, and the wall clock has gone on: that is no step of it."""
        if self._offset_ns is not None:
            self._offset_ns += round(seconds * 1e9)

    def lose(self, since: float) -> None:
        """Go blind, from *since* on, if not earlier."""
        self.since = since if self.since is None else min(self.since, since)

    def overflowed(self, now: float) -> bool:
        """The queue has dropped datagrams; the answer tells whether that is news."""
        news = now - self._dropped > CALM
        self._dropped = now
        return news

    def behind(self, now: float, read_until: float) -> float:
        """What came by *read_until* was read; the answer is for how long not, where too long and news."""
        self._read_until = max(read_until, now if self._read_until is None else self._read_until)
        before, self._behind = self._behind, now - self._read_until > BEHIND
        return now - self._read_until if self._behind and not before else 0.0

    def everybody_silent(self, now: float) -> None:
        """Nobody is heard."""
        self._silent_from = now

    def regain(self, now: float, heard: float) -> float | None:
        """
        See again, if nothing is in the way; the answer is for how long it was blind.

        *heard* is when anybody was, last.
        """
        if self._silent_from is not None and heard > self._silent_from:
            self._silent_from = None
        dark = self._behind or self._silent_from is not None or now - self._dropped < CALM
        if self.since is None or dark:
            return None
        seconds, self.since = now - self.since, None
        self.judging_from = now
        return seconds
