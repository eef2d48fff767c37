"""
The ledger: which of one client's beats came, told from their numbers alone.

Numbers that a later beat skips are lost; one of them that comes after all is late, and no longer
lost. Only the last 1,024 numbers are remembered, as a bitmap, so that a client costs the same
whatever it sends.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from netlab.clocks import Instant
from netlab.heartbeat.wire import Beat

WINDOW = 1024  # numbers remembered below the highest
MAX_GAP = 100_000  # a longer jump is a new count, not that many losses: at one a second it is a day
_MASK = (1 << WINDOW) - 1


class Place(Enum):
    """Where a beat stands among those that came before it."""

    NEXT = auto()  # higher than all before; what it skipped is lost
    RESTART = auto()  # the client counts anew
    LATE = auto()  # overtaken by a higher one
    DUPLICATE = auto()  # came before, or is too old to tell
    REPLAYED = auto()  # of an older incarnation, or maybe heard before our own restart


class Entry(NamedTuple):
    """What the ledger says of one beat."""

    place: Place
    lost: Sequence[int] = range(0)  # the numbers that this beat shows to be lost, lowest first
    found: bool = False  # it was called lost until now
    extent: int = 0  # how many beats with higher numbers had come before it (RFC 4737, section 4.2.1)
    unsent: int = 0  # beats that the sender, silent by itself, left out: a gap in time, not in numbers
    stepped: float = 0.0  # seconds by which the sender's wall clock was set, forward positive

    @property
    def alive(self) -> bool:
        """It proves that the client is alive now; the late, the double and the replayed prove nothing."""
        return self.place is Place.NEXT or self.place is Place.RESTART


ORDINARY = Entry(Place.NEXT)  # this very object is returned for a beat of which there is nothing to say

State = tuple[int | float, ...]  # plain numbers, each int below 2**64


class Ledger:
    """The account of one client; `enter` every beat in the order of arrival."""

    __slots__ = (
        "_first",
        "_highest",
        "_newest_ns",
        "_window",
        "beats",
        "duplicates",
        "inc",
        "interval",
        "jitter",
        "late",
        "lost",
        "replayed",
        "unsent",
    )

    def __init__(self) -> None:
        self.beats = 0  # received, duplicates and replays left out
        self.lost = 0
        self.late = 0  # the reordered; what was lost and came after all is among them
        self.duplicates = 0
        self.replayed = 0
        self.unsent = 0
        self.inc: int | None = None  # the sender's incarnation
        self.interval = 0.0  # seconds from one number to the next, smoothed as seen; 0: not known yet
        self.jitter = 0.0  # seconds (RFC 3550, section 6.4.1)
        self._first = -1
        self._highest = -1
        self._newest_ns = 0  # when the highest was sent
        self._window = 0  # bit n set: highest - n was received

    @property
    def delay(self) -> float | None:
        """One-way delay of the newest beat above the least one seen, seconds; None: not known."""
        raise NotImplementedError

    @property
    def skew(self) -> float | None:
        """How much faster the sender's clock runs than ours, seconds a second; None: not known yet."""
        raise NotImplementedError

    @property
    def loss_rate(self) -> float:
        """The part of the last 1,024 numbers that did not come, 0..1."""
        raise NotImplementedError

    @property
    def mean_burst(self) -> float:
        """How many numbers in a row were lost on average, among the last 1,024; 1.0 where none was."""
        raise NotImplementedError

    def state(self) -> State:
        """All that a restart of the monitor must not forget, the replay window included."""
        raise NotImplementedError

    @classmethod
    def restore(cls, state: State, now: Instant) -> "Ledger":
        """
        Take up an account where *state* left it; *now* is the moment of the monitor's start.

        What came after the state was taken is unknown: a verified beat counts only if it was
        sent after *now*, as far as the state's last beat tells the sender's time.

        Raises:
            ValueError: that is no state of a ledger.
        """
        raise NotImplementedError

    def enter(self, beat: Beat, now: Instant, verified: bool = False) -> Entry:
        """
        Account for one beat; *verified* where its signature was checked and is right.

        A verified client counts anew with a higher incarnation only, and never wraps.
        """
        if beat.sequence is None or beat.sent_ns is None:
            return ORDINARY
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
