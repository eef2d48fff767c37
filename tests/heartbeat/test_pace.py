"""The pace: what the times of sending and arrival show."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.heartbeat.pace import SPAN, Pace, Remark
from netlab.heartbeat.wire import Beat

EPOCH = 1_795_358_159


class PaceTests(SynchronousTestCase):
    """`Pace`"""

    def setUp(self) -> None:
        self.pace = Pace()
        self.begun = False

    def take(
        self, arrived: float, wall: float | None, mono: float | None = None, numbers: int = 1
    ) -> Remark | None:
        """A beat that came at *arrived*, sent at *wall* and *mono* by its sender's clocks, seconds."""
        wall_ns = None if wall is None else round((EPOCH + wall) * 1e6) * 1000
        beat = Beat(0, wall_ns, mono_ns=None if mono is None else round(mono * 1e9))
        now = Instant(1000.0 + arrived, (EPOCH + 5) * 10**9)
        if self.begun:
            return self.pace.take(beat, now, numbers)
        self.begun = True
        self.pace.begin(beat, now)
        return None

    def steady(self, until: int = 10) -> None:
        for second in range(until):
            self.assertIsNone(self.take(second, second))

    def test_steady(self) -> None:
        """A steady sender has its interval, no jitter and no delay."""
        self.steady()
        self.assertAlmostEqual(self.pace.interval, 1, 5)
        self.assertAlmostEqual(self.pace.jitter, 0, 5)
        delay = self.pace.delay
        assert delay is not None
        self.assertAlmostEqual(delay, 0, 5)
        self.assertIsNone(self.pace.skew)

    def test_delay_and_jitter(self) -> None:
        """Delay counts from the floor; jitter is RFC 3550's, one sixteenth of each change."""
        self.steady()
        self.take(10.08, 10)
        self.assertAlmostEqual(self.pace.delay or 0, 0.08, 5)
        self.assertAlmostEqual(self.pace.jitter, 0.08 / 16, 5)
        self.take(11, 11)
        self.assertAlmostEqual(self.pace.delay or 0, 0, 5)
        self.assertAlmostEqual(self.pace.jitter, 0.005 + (0.08 - 0.005) / 16, 5)

    def test_lost_between(self) -> None:
        """Numbers lost between two beats took their time."""
        self.steady()
        self.assertIsNone(self.take(14, 14, numbers=5))
        self.assertAlmostEqual(self.pace.interval, 1, 5)

    def test_not_sent(self) -> None:
        """Time without numbers is the sender's own silence, by either clock of it."""
        self.steady()
        self.assertEqual(self.take(13, 13), (3, 0.0))
        self.assertEqual(self.take(20, 20, numbers=2), (4, 0.0))
        self.begun = False
        for second in range(10):
            self.assertIsNone(self.take(second, second, 500 + second))
        self.assertEqual(self.take(13, 13, 513), (3, 0.0))

    def test_new_interval(self) -> None:
        """Who beats more slowly from now on is not silent for ever."""
        self.steady()
        remarks = [self.take(10 + 10 * second, 10 + 10 * second) for second in range(60)]
        self.assertIsNotNone(remarks[1])
        self.assertEqual(remarks[30:], [None] * 30)
        self.assertLess(abs(self.pace.interval - 10), 0.5)

    def test_delayed(self) -> None:
        """A beat that was long on its way, and those that queued behind it, step no clock."""
        self.steady()
        for arrived, sent in ((13.0, 10), (13.01, 11), (13.02, 12), (13.03, 13), (14, 14)):
            self.assertIsNone(self.take(arrived, sent))
        self.assertAlmostEqual(self.pace.delay or 0, 0, 5)

    def test_stepped_clock(self) -> None:
        """A clock that was set is told by how much, and the floor begins anew."""
        for step in (3600.0, -3600.0, 0.5, -0.5):
            self.setUp()
            self.steady()
            remark = self.take(10, 10 + step)
            assert remark is not None
            self.assertEqual(remark[0], 0)
            self.assertAlmostEqual(remark[1], step, 5)
            self.assertIsNone(self.take(11, 11 + step))
            self.assertAlmostEqual(self.pace.delay or 0, 0, 5)
            self.assertAlmostEqual(self.pace.interval, 1, 3)
            self.assertLess(self.pace.jitter, 0.001)

    def test_stepped_wall_clock(self) -> None:
        """With both clocks on the line, the step of one is plain, even within a silence."""
        for second in range(10):
            self.assertIsNone(self.take(second, second, 500 + second))
        remark = self.take(13, 3613, 513)
        assert remark is not None
        self.assertEqual(remark[0], 3)
        self.assertAlmostEqual(remark[1], 3600, 5)
        self.assertIsNone(self.take(14, 3614.001, 514))  # it is slewed

    def test_skew(self) -> None:
        """A sender's clock that runs fast shows, and hides no delay."""
        for second in range(round(6 * SPAN)):
            self.take(second + second % 7 / 1000, second * (1 + 100e-6))
        skew = self.pace.skew
        assert skew is not None
        self.assertAlmostEqual(skew, 100e-6, 5)
        self.take(6 * SPAN + 0.2, 6 * SPAN * (1 + 100e-6))
        self.assertAlmostEqual(self.pace.delay or 0, 0.2, 1)

    def test_no_time(self) -> None:
        """Without times there is the interval of the arrivals, and no delay."""
        for second in range(10):
            self.assertIsNone(self.take(second * 2, None, numbers=2))
        self.assertAlmostEqual(self.pace.interval, 1, 5)
        self.assertIsNone(self.pace.delay)
        self.assertIsNone(self.pace.passed(Beat(0, 5)))

    def test_change_of_line(self) -> None:
        """Times that come, go, or come from another clock are not compared."""
        self.steady()
        for arrived, wall, mono in (
            (10, 10, 7),
            (11, 11, 8),
            (12, None, None),
            (13, 13, None),
            (14, None, 9),
        ):
            self.assertIsNone(self.take(arrived, wall, mono))
        self.assertLess(self.pace.jitter, 0.001)

    def test_passed(self) -> None:
        """From the newest beat to another: by the monotonic clock where both tell it, else the wall clock."""
        self.take(0, 0, 500)
        sent_ns = EPOCH * 10**9
        for beat, passed, by_wall in (
            (Beat(0, sent_ns + 3 * 10**9, mono_ns=501 * 10**9), 1.0, 3.0),
            (Beat(0, sent_ns + 3 * 10**9), 3.0, 3.0),
            (Beat(0, None, mono_ns=501 * 10**9), None, None),
        ):
            self.assertEqual((self.pace.passed(beat), self.pace.passed_by_wall(beat)), (passed, by_wall))

    def test_state(self) -> None:
        """Interval, jitter and the newest's time come through, to the microsecond."""
        for mono in (None, 500.0):
            self.setUp()
            for second in range(5):
                self.take(second + second / 100, second, None if mono is None else mono + second)
            copy = Pace.restore(*self.pace.state())
            self.assertEqual(copy.state(), self.pace.state())
            beat = Beat(0, (EPOCH + 5) * 10**9, mono_ns=None if mono is None else 505 * 10**9)
            self.assertEqual(copy.passed(beat), 1.0)
        self.assertIsNone(Pace.restore(*Pace().state()).passed(beat))

    def test_clock_set_back_a_little(self) -> None:
        """A sending time before the one before it makes no interval of less than nothing."""
        pace = Pace()
        for arrived, wall_ns in ((0.0, 10**9), (0.1, 9 * 10**8), (0.2, 8 * 10**8)):
            pace.take(Beat(0, wall_ns), Instant(arrived, 0))
            self.assertEqual(pace.interval, 0.0)

    @given(
        st.lists(
            st.tuples(
                st.floats(-1e9, 1e9), st.none() | st.integers(0, 10**21), st.none() | st.integers(0, 10**21)
            ),
            max_size=30,
        )
    )
    def test_any_times(self, times: list[tuple[float, int | None, int | None]]) -> None:
        """Whatever times a stranger tells: figures, and no error."""
        pace, arrived = Pace(), 0.0
        for waited, wall_ns, mono_ns in times:
            arrived += abs(waited)
            pace.take(Beat(0, wall_ns, mono_ns=mono_ns), Instant(arrived, 0))
            self.assertTrue(pace.interval >= 0 and pace.jitter >= 0 and (pace.delay or 0) >= 0)
