"""
The pace of one client: when its beats were sent and when they came, read against each other.

    transit = arrival, monotonic clock - sending, sender's clock      an unknown offset + the delay

Only differences of transits mean anything: jitter (RFC 3550, section 6.4.1), delay above the floor
(the least transit of the last one or two `SPAN`s), and how the floor drifts (skew). Where the transit
jumps though the beats come at their usual interval, the sender's clock was set. The sender's
monotonic clock is read in place of its wall clock where the line tells both.
"""

from math import inf

from netlab.clocks import Instant
from netlab.heartbeat.wire import Beat

SPAN = 64.0  # seconds over which a floor is taken
STEP = 0.25  # seconds by which a clock is set, at least, to be told from a delay
MISSED = 0.9  # intervals beyond what the numbers say: a beat was not sent
SMOOTHING = 0.125

Remark = tuple[int, float]  # beats not sent; seconds by which the sender's wall clock was set


class Pace:
    """What the times of one client's beats show; only beats with a number above all before are taken."""

    __slots__ = (
        "_ahead_ns",
        "_floor",
        "_older_floor",
        "_sent_ns",
        "_turn",
        "arrived",
        "interval",
        "jitter",
        "skew",
    )

    def __init__(self) -> None:
        self.arrived = 0.0  # when the newest beat came, monotonic seconds
        self.interval = 0.0  # seconds from one number to the next, smoothed; 0: not known yet
        self.jitter = 0.0  # seconds
        self.skew: float | None = None  # seconds a second that the sender's clock gains on ours
        self._sent_ns: int | None = None  # by its monotonic clock, or by its wall clock if that is all
        self._ahead_ns: int | None = None  # its wall clock less its monotonic one; None: only the former
        self._floor = self._older_floor = inf
        self._turn = inf  # when the next floor begins

    @property
    def delay(self) -> float | None:
        """The newest beat's delay above the floor, seconds; None: the sender tells no time."""
        if self._sent_ns is None:
            return None
        return max(0.0, self._transit(self._sent_ns) - min(self._floor, self._older_floor))

    def begin(self, beat: Beat, now: Instant) -> None:
        """Take a beat with which nothing before can be compared."""
        sent_ns, mono_ns = beat.sent_ns, beat.mono_ns
        self.arrived = now.monotonic
        if sent_ns is None or mono_ns is None:
            self._ahead_ns = None
        else:
            self._ahead_ns, sent_ns = sent_ns - mono_ns, mono_ns
        self._sent_ns = sent_ns
        self._level()

    def take(self, beat: Beat, now: Instant, numbers: int = 1) -> Remark | None:
        """Take a beat so many *numbers* above the one before; None: there is nothing to remark."""
        sent_ns, mono_ns, last_ns, ahead_ns = beat.sent_ns, beat.mono_ns, self._sent_ns, self._ahead_ns
        if sent_ns is None or last_ns is None or (mono_ns is None) is not (ahead_ns is None):
            self._compare_arrivals(beat, now, numbers)
            return None
        stepped_ns = 0
        if mono_ns is not None and ahead_ns is not None:
            self._ahead_ns = sent_ns - mono_ns
            stepped_ns = self._ahead_ns - ahead_ns
            sent_ns = mono_ns
        arrived = now.monotonic
        waited = arrived - self.arrived
        passed = (sent_ns - last_ns) * 1e-9
        transit = arrived - sent_ns * 1e-9
        change = waited - passed
        self.arrived = arrived
        self._sent_ns = sent_ns
        if transit < self._floor:
            self._floor = transit
        if arrived >= self._turn:
            self._turn_over(transit)
        interval = self.interval
        late = passed > (numbers + MISSED) * interval
        if late or passed < 0 or change > STEP or change < -STEP or stepped_ns:
            return self._remark(waited, passed, numbers, stepped_ns * 1e-9)
        self.jitter += ((change if change > 0 else -change) - self.jitter) * 0.0625
        self.interval = interval + (passed / numbers - interval) * SMOOTHING
        return None

    def passed(self, beat: Beat) -> float | None:
        """How long after the newest *beat* was sent, by the sender's clock, seconds; None: not known."""
        if beat.sent_ns is None or self._sent_ns is None:
            return None
        if self._ahead_ns is None:
            return (beat.sent_ns - self._sent_ns) / 1e9
        if beat.mono_ns is None:
            return (beat.sent_ns - self._sent_ns - self._ahead_ns) / 1e9
        return (beat.mono_ns - self._sent_ns) / 1e9

    def passed_by_wall(self, beat: Beat) -> float | None:
        """The same by the sender's wall clock alone: another incarnation may have another monotonic one."""
        return self.passed(beat._replace(mono_ns=None))

    def elapsed(self, beat: Beat, now: Instant) -> float | None:
        """Intervals from the newest beat to *beat*: by its sender's clock, or by arrival; None: not known."""
        if self.interval <= 0:
            return None
        passed = self.passed(beat)
        return (now.monotonic - self.arrived if passed is None else passed) / self.interval

    def state(self) -> tuple[float, float, int, int, int]:
        """Interval, jitter, and when the newest was sent: microseconds, rounded up to be no newer."""
        sent_us = -1 if self._sent_ns is None else -(-self._sent_ns // 1000)
        ahead_us = 0 if self._ahead_ns is None else -(-self._ahead_ns // 1000)
        return self.interval, self.jitter, sent_us, int(self._ahead_ns is not None), ahead_us

    @classmethod
    def restore(cls, interval: float, jitter: float, sent_us: int, has_both: int, ahead_us: int) -> "Pace":
        """
        Take up what `state` gave; `begin` with the next beat, since nothing is known of arrivals.

        Raises:
            ValueError: it never gave that.
        """
        if not (0 <= interval < inf and 0 <= jitter < inf):
            raise ValueError("interval and jitter are not seconds")
        pace = cls()
        pace.interval, pace.jitter = interval, jitter
        pace._sent_ns = None if sent_us < 0 else sent_us * 1000
        pace._ahead_ns = ahead_us * 1000 if has_both else None
        return pace

    def _transit(self, sent_ns: int) -> float:
        return self.arrived - sent_ns * 1e-9

    def _level(self) -> None:
        """Begin a new floor: the clock that the old ones were read from is no more."""
        self._floor = inf if self._sent_ns is None else self._transit(self._sent_ns)
        self._older_floor = inf
        self._turn = self.arrived + SPAN
        self.skew = None

    def _turn_over(self, transit: float) -> None:
        if self._older_floor < inf:
            gained = (self._older_floor - self._floor) / (self.arrived - self._turn + SPAN)
            self.skew = gained if self.skew is None else self.skew + (gained - self.skew) * SMOOTHING
        self._older_floor, self._floor = self._floor, transit
        self._turn = self.arrived + SPAN

    def _compare_arrivals(self, beat: Beat, now: Instant, numbers: int) -> None:
        waited = now.monotonic - self.arrived
        self.begin(beat, now)
        self._smooth(waited / numbers)

    def _remark(self, waited: float, passed: float, numbers: int, stepped: float) -> Remark | None:
        expected, change = self.interval * numbers, waited - passed
        usual = expected > 0 and abs(waited - expected) < abs(passed - expected)
        if usual and self._ahead_ns is None and abs(change) > STEP:
            self._level()
            return 0, -change
        self.jitter += (abs(change) - self.jitter) / 16
        unsent = 0
        if expected > 0 and passed > expected + MISSED * self.interval:
            unsent = round(passed / self.interval) - numbers
        self._smooth(passed / numbers)
        if abs(stepped) < STEP:
            stepped = 0.0
        return (unsent, stepped) if unsent or stepped else None

    def _smooth(self, interval: float) -> None:
        if self.interval <= 0:
            self.interval = max(0.0, interval)
        else:
            self.interval += (min(max(interval, 0.0), 2 * self.interval) - self.interval) * SMOOTHING
