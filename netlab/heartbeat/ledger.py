"""
The ledger: which of one client's beats came, told from their numbers, incarnations and times.

Numbers that a later beat skips are lost; one of them that comes after all is late, and no longer
lost. The last 1,024 numbers are remembered, as a bitmap, so a client costs the same whatever it
sends. What is not plain from the numbers goes by these rules:

- A higher incarnation counts anew; a beat of a lower one is a replay. Without incarnations, a number
  that came before, or stands before the first one heard, and was sent later than the newest, counts
  anew. So does a jump by more than `MAX_GAP`.
- A number near 0 after one near the end of 16, 32 or 64 bits goes round (see `netlab.heartbeat.circle`).
- Where the times cannot tell (there are none, or the sender's clock was set back before it started
  again), `RUN` old beats in ascending order that come as far apart as they were sent, with nothing
  new between, count anew: a network that doubles beats does not hold back the new ones.
- Of verified beats none of this is believed but a higher incarnation: whoever could not sign them
  can at most repeat them.
"""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from netlab.clocks import Instant
from netlab.heartbeat.circle import WIDTHS, Wrapped, fits, step_round, width_round
from netlab.heartbeat.entry import ORDINARY, Entry, Place
from netlab.heartbeat.pace import Pace, Remark
from netlab.heartbeat.window import Window
from netlab.heartbeat.wire import Beat

__all__ = ["MAX_GAP", "ORDINARY", "Entry", "Ledger", "Place", "State"]

MAX_GAP = 100_000  # a longer jump is a new count, not that many losses: at one a second it is a day
RUN = 4  # old beats, one after the other, that are a new count
LIVELY = 0.25  # part of the time between two beats by which they may come earlier or later
STALE = 60.0  # seconds; when the monitor dies, its last checkpoint is not older

State = tuple[int | float, ...]  # each int is -2**63..2**64-1


class _Doubt(NamedTuple):
    """A run of old beats that may be a new count."""

    next: int  # of the count that is in doubt: the run ends where it goes on
    inc: int | None
    number: int  # of the run's newest
    length: int
    sent_ns: int | None  # when its newest was sent
    arrived: float  # and when it came, monotonic seconds


class Ledger(Window):
    """The account of one client; `enter` every beat in the order of arrival."""

    __slots__ = (
        "_doubt",
        "_hold",
        "_next",
        "_width",
        "beats",
        "duplicates",
        "inc",
        "late",
        "lost",
        "pace",
        "reordered",
        "replayed",
        "unsent",
    )

    def __init__(self) -> None:
        super().__init__()
        self.beats = 0  # received, duplicates and replays left out
        self.lost = 0
        self.late = 0  # called lost until they came after all
        self.reordered = 0  # overtaken by a higher number: those, and such as stand before the first
        self.duplicates = 0
        self.replayed = 0
        self.unsent = 0
        self.inc: int | None = None  # the sender's incarnation
        self.pace = Pace()
        self._next = -1  # one above the highest number; -1: no number was heard
        self._width = 0  # bits of the sender's numbers, once they went round
        self._hold: float | None = None  # seconds after the newest that a verified beat has to be sent
        self._doubt: _Doubt | None = None

    @property
    def interval(self) -> float:
        """Seconds from one number to the next, smoothed; 0: not known yet."""
        return self.pace.interval

    @property
    def jitter(self) -> float:
        """Seconds (RFC 3550, section 6.4.1)."""
        return self.pace.jitter

    @property
    def delay(self) -> float | None:
        """One-way delay of the newest beat above the least one of late, seconds; None: not known."""
        return self.pace.delay

    @property
    def skew(self) -> float | None:
        """Seconds a second that the sender's clock gains on ours; None: not known yet."""
        return self.pace.skew

    def enter(self, beat: Beat, now: Instant, verified: bool = False) -> Entry:
        """Account for one beat; *verified* where its signature was checked and is right."""
        number = beat.sequence
        if number is not None and number == self._next and beat.inc == self.inc and self._hold is None:
            self.beats += 1
            self._run += 1
            self._next = number + 1
            remark = self.pace.take(beat, now)
            return ORDINARY if remark is None else self._remarked(remark)
        if number is None:
            return self._enter_by_time(beat, now)
        if self._next < 0:
            return self._begin(beat, number, now, Place.NEXT)
        if verified and self._hold is not None and self._maybe_heard(beat, self._hold):
            return self._replayed()
        if beat.inc is not None and beat.inc != self.inc:
            if self.inc is None and not verified:
                self.inc = beat.inc
            elif self.inc is None or beat.inc > self.inc or (not verified and self._runs(beat, number, now)):
                return self._begin(beat, number, now, Place.RESTART)
            else:
                return self._replayed()
        step = number - self._next + 1 if verified else self._step(beat, number, now)
        if step > MAX_GAP:
            return self._begin(beat, number, now, Place.RESTART)
        if step > 0:
            return self._advance(beat, number, step, now)
        return self._enter_old(beat, number, -step, now, verified)

    def state(self, now: Instant) -> State:
        """All that a restart of the monitor must not forget, the replay window included."""
        heard_us = (now.wall_ns - round((now.monotonic - self.pace.arrived) * 1e9)) // 1000
        return (
            *(self.beats, self.lost, self.reordered, self.duplicates, self.replayed, self.unsent),
            *(-1 if self.inc is None else self.inc, self._next, self._width),
            *(self.pace.arrived, heard_us),
            *self.pace.state(),
            *self.words(),
        )

    @classmethod
    def restore(cls, state: State, now: Instant) -> "Ledger":
        """
        Take up an account where *state* left it; *now* is the moment of the monitor's start.

        What came after the state was taken is unknown. A verified beat is therefore a replay until
        one comes that was sent after *now*, as far as the state's newest beat tells the sender's
        time, or `STALE` seconds after that newest.

        Raises:
            ValueError: that is no state of a ledger.
        """
        ledger = cls()
        try:
            *counts, inc, next_, width = map(int, state[:9])
            arrived, heard_us = float(state[9]), int(state[10])
            ledger.pace = Pace.restore(float(state[11]), float(state[12]), *map(int, state[13:16]))
            ledger.take_words(*map(int, state[16:]))
            beats, lost, reordered, duplicates, replayed, unsent = counts
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            raise ValueError(f"no ledger's state: {state!r:.200}") from error
        if width not in (0, *WIDTHS) or not (
            -1 <= next_ <= 2**64 and -1 <= inc < 2**64 and isfinite(arrived)
        ):
            raise ValueError(f"no ledger's state: {state!r:.200}")
        ledger.beats, ledger.lost, ledger.reordered, ledger.duplicates = beats, lost, reordered, duplicates
        ledger.late = reordered  # unless who restores it knows better
        ledger.replayed, ledger.unsent, ledger.inc = replayed, unsent, None if inc < 0 else inc
        ledger._next, ledger._width = next_, width
        # After a reboot the monotonic clock, and after a step the wall clock, tells nothing.
        elapsed = (now.monotonic - arrived, now.wall_ns / 1e9 - heard_us / 1e6)
        ledger._hold = min([STALE, *(seconds for seconds in elapsed if seconds >= 0)])
        return ledger

    def _begin(self, beat: Beat, number: int, now: Instant, place: Place) -> Entry:
        self.beats += 1
        self.inc = beat.inc
        super().__init__()
        self._next = number + 1
        self._width = 0
        self._hold = self._doubt = None
        self.pace.begin(beat, now)
        return ORDINARY if place is Place.NEXT else Entry(place)

    def _advance(self, beat: Beat, number: int, step: int, now: Instant) -> Entry:
        skipped = range(self._next, self._next + step - 1)
        lost = Wrapped(skipped, self._width) if self._width and skipped.stop > 1 << self._width else skipped
        self.beats += 1
        self.lost += step - 1
        self.advance(step)
        self._next = number + 1
        self._doubt = None
        return self._remarked(self._take(beat, now, step), lost)

    def _enter_old(self, beat: Beat, number: int, back: int, now: Instant, verified: bool) -> Entry:
        came, found = self.came(back), self.lacks(back)  # what stands before the first was never called lost
        if not found and not verified:
            passed = self.pace.passed(beat)
            if (passed is not None and passed > 0) or self._runs(beat, number, now):
                return self._begin(beat, number, now, Place.RESTART)
        if came:
            self.duplicates += 1
            return Entry(Place.DUPLICATE)
        self.beats += 1
        self.reordered += 1
        self.late += found
        self.lost -= found
        return Entry(Place.LATE, found=found, extent=self.fill(back))

    def _enter_by_time(self, beat: Beat, now: Instant) -> Entry:
        """Where there is no number: every beat is new, unless its time says otherwise."""
        passed = self.pace.passed(beat) if self.beats else None
        if passed == 0 and beat.sent_ns is not None and beat.sent_ns % 10**9:  # not whole seconds only
            self.duplicates += 1
            return Entry(Place.DUPLICATE)
        self.beats += 1
        if passed is not None and passed < 0:
            self.reordered += 1
            self.pace.begin(beat, now)  # a clock set back makes one beat late, not all that follow
            return Entry(Place.LATE)
        if self.beats == 1:
            self.pace.begin(beat, now)
            return ORDINARY
        _, stepped = self._take(beat, now, 1) or (0, 0.0)  # beats not sent cannot be told from lost ones
        return Entry(Place.NEXT, stepped=stepped) if stepped else ORDINARY

    def _replayed(self) -> Entry:
        self.replayed += 1
        return Entry(Place.REPLAYED)

    def _remarked(self, remark: Remark | None, lost: Sequence[int] = range(0)) -> Entry:
        unsent, stepped = remark or (0, 0.0)
        self.unsent += unsent
        return Entry(Place.NEXT, lost, unsent=unsent, stepped=stepped) if remark or lost else ORDINARY

    def _take(self, beat: Beat, now: Instant, numbers: int) -> Remark | None:
        if self._hold is None:
            return self.pace.take(beat, now, numbers)
        self._hold = None
        self.pace.begin(beat, now)
        return None

    def _maybe_heard(self, beat: Beat, hold: float) -> bool:
        passed = self.pace.passed(beat) if beat.inc == self.inc else self.pace.passed_by_wall(beat)
        return passed is not None and passed < hold

    def _step(self, beat: Beat, number: int, now: Instant) -> int:
        """How far above the highest *number* stands, round the circle if the sender's numbers go round."""
        highest = self._next - 1
        step = number - highest
        width = self._width
        if width and number >> width:
            width = self._width = 0  # they go on above it
        width = width or width_round(number, highest)
        around = step_round(number, highest, width) if width else step
        if around == step:
            return step
        same = beat.inc is not None and beat.inc == self.inc
        if not same and not fits(number, around, width, self.pace.elapsed(beat, now)):
            return step
        self._width = width
        return around

    def _runs(self, beat: Beat, number: int, now: Instant) -> bool:
        """Tell whether an old beat is the last of a run of them that can only be a new count."""
        doubt, length = self._doubt, 1
        if doubt is not None and doubt[:2] == (self._next, beat.inc) and number > doubt.number:
            passed = (number - doubt.number) * self.pace.interval
            if beat.sent_ns is not None and doubt.sent_ns is not None:
                passed = (beat.sent_ns - doubt.sent_ns) / 1e9
            if abs(now.monotonic - doubt.arrived - passed) < passed * LIVELY:
                length = doubt.length + 1
        self._doubt = _Doubt(self._next, beat.inc, number, length, beat.sent_ns, now.monotonic)
        return length >= RUN
