"""
The ledger: which of one client's beats came, told from their numbers alone.

Numbers that a later beat skips are lost; one of them that comes after all is late, and no longer
lost. Only the last 1,024 numbers are remembered, as a bitmap, so that a client costs the same
whatever it sends.
"""

from dataclasses import dataclass
from enum import Enum, auto

from netlab.heartbeat.wire import Beat

WINDOW = 1024  # numbers remembered below the highest
MAX_GAP = 100_000  # a longer jump is a new count, not that many losses: at one a second it is a day
_MASK = (1 << WINDOW) - 1


class Place(Enum):
    """Where a beat stands among those that came before it."""

    NEXT = auto()  # higher than all before; what it skipped is lost
    LATE = auto()  # overtaken by a higher one
    DUPLICATE = auto()  # came before
    RESTART = auto()  # the client counts anew


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger says of one beat."""

    place: Place
    lost: range = range(0)  # the numbers that this beat shows to be lost
    found: bool = False  # it was called lost until now


class Ledger:
    """The account of one client; `enter` every beat in the order of arrival."""

    __slots__ = ("_first", "_highest", "_newest_ns", "_window", "beats", "duplicates", "late", "lost")

    def __init__(self) -> None:
        self.beats = 0  # received, duplicates left out
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self._first = -1
        self._highest = -1
        self._newest_ns = 0  # when the highest was sent
        self._window = 0  # bit n set: highest - n was received

    def enter(self, beat: Beat) -> Entry:
        """Account for one beat."""
        if self._highest < 0:
            return self._begin(beat, Place.NEXT)
        step = beat.sequence - self._highest
        if step > MAX_GAP:
            return self._begin(beat, Place.RESTART)
        if step > 0:
            return self._advance(beat, step)
        bit = 1 << -step if -step < WINDOW else 0
        if bit and not self._window & bit:
            return self._fill(beat, bit)
        if beat.sent_ns > self._newest_ns:  # a number heard before, but sent later than the highest
            return self._begin(beat, Place.RESTART)
        self.duplicates += 1
        return Entry(Place.DUPLICATE)

    def _begin(self, beat: Beat, place: Place) -> Entry:
        self.beats += 1
        self._first = self._highest = beat.sequence
        self._newest_ns = beat.sent_ns
        self._window = 1
        return Entry(place)

    def _advance(self, beat: Beat, step: int) -> Entry:
        lost = range(self._highest + 1, beat.sequence)
        self.beats += 1
        self.lost += len(lost)
        self._window = (self._window << step | 1) & _MASK if step < WINDOW else 1
        self._highest = beat.sequence
        self._newest_ns = beat.sent_ns
        return Entry(Place.NEXT, lost)

    def _fill(self, beat: Beat, bit: int) -> Entry:
        found = beat.sequence > self._first  # before the first one heard, nothing was called lost
        if beat.sequence < self._first and beat.sent_ns > self._newest_ns:
            return self._begin(beat, Place.RESTART)
        self._window |= bit
        self.beats += 1
        self.late += 1
        self.lost -= found
        return Entry(Place.LATE, found=found)
