"""Detectors: how long to wait, and what that promises."""

import random

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.arrivals import KEPT, Arrivals
from netlab.heartbeat.detector import (
    UNKNOWN,
    YEAR,
    Fixed,
    Intervals,
    LossAware,
    Phi,
    Signs,
    alarm_rate,
    make_detector,
    misses,
    upper_bound,
)


class LossTests(SynchronousTestCase):
    """`LossAware`, and its arithmetic."""

    def test_misses(self) -> None:
        """One false alarm a year over 10,000 clients at a beat a second: so many misses at so much loss."""
        for loss, needed in ((0.01, 6), (0.05, 9), (0.10, 12), (0.30, 22)):
            self.assertEqual(misses(1 / YEAR, 10_000, 1.0, loss, 1.0), needed)
            self.assertLessEqual(alarm_rate(10_000, 1.0, loss, 1.0, needed) * YEAR, 1)
            self.assertGreater(alarm_rate(10_000, 1.0, loss, 1.0, needed - 1) * YEAR, 1)
        self.assertAlmostEqual(alarm_rate(10_000, 1.0, 0.01, 1.0, 3) * 3600, 35.64, 2)
        self.assertEqual((misses(1, 1, 1, 0, 1), misses(1 / YEAR, 1, 1, 1, 1)), (1, 1_000_000))

    def test_bursts(self) -> None:
        """Losses in a row need more misses than as many that stand alone."""
        alone, together = (misses(1 / YEAR, 100, 1.0, 0.02, burst) for burst in (1.0, 3.0))
        self.assertGreater(together, 2 * alone)

    def test_simulated(self) -> None:
        """The rate of false alarms is what a simulated sender without and with bursts has."""
        for loss, burst in ((0.2, 1 / 0.8), (0.1, 2.0)):
            draw = random.Random(1)
            leave, enter = 1 / burst, loss / burst / (1 - loss)
            lost, row, alarms, beats = False, 0, 0, 400_000
            for _ in range(beats):
                lost = draw.random() >= leave if lost else draw.random() < enter
                row = row + 1 if lost else 0
                alarms += row == 3
            expected = alarm_rate(1, 1.0, loss, burst, 3) * beats
            self.assertLess(abs(alarms - expected), 0.1 * expected)

    def test_patience(self) -> None:
        """The measured loss, by its upper bound, makes it wait; never longer than it was allowed."""
        detector = LossAware(fleet=10_000)
        calm = detector.patience(Signs(1.0, beats=1024))
        lossy = detector.patience(Signs(1.0, beats=1024, loss=0.03))
        worse = detector.patience(Signs(1.0, beats=1024, loss=0.3))
        self.assertTrue(5 < calm < lossy < worse, (calm, lossy, worse))
        self.assertEqual(worse, 10.0)
        self.assertEqual(detector.patience(Signs(0.0)), 10.0)
        self.assertLess(detector.patience(Signs(0.1, beats=1024)), 1.0)
        few, many = (upper_bound(beats * 0.01, beats) for beats in (100, 10_000))
        self.assertTrue(0.01 < many < 0.012 < few < 0.06, (few, many))

    def test_promise(self) -> None:
        """It says what it promises, and what it cannot keep."""
        detector = LossAware(fleet=10_000)
        kept, broken = (detector.promise(Signs(1.0, beats=1024, loss=loss)) for loss in (0.005, 0.3))
        self.assertIn("at most 1 false alarms", kept)
        self.assertIn("misses are needed", broken)

    def test_impossible(self) -> None:
        """A budget that the expected loss breaks is refused, with the numbers."""
        with self.assertRaisesRegex(ValueError, r"need 6 misses of 1 s, which takes 6.25 s and not 3"):
            make_detector("loss:within=3s,fleet=10000")
        make_detector("loss:within=3s,fleet=10000,interval=100ms,alarms=1/hour")


class OtherTests(SynchronousTestCase):
    """The other detectors, and how they are named."""

    def test_fixed(self) -> None:
        """The fixed one waits as long as it was told, whatever the client does."""
        self.assertEqual(Fixed(5.0).patience(Signs(60.0, 3, 1.0, 9, 0.9)), 5.0)
        self.assertIn("5 s", Fixed(5.0).promise(Signs(1.0)))

    def test_intervals(self) -> None:
        """So many intervals, or as many as the client asks for; without an interval, long enough."""
        detector = Intervals(3)
        self.assertEqual(detector.patience(Signs(2.0)), 6.0)
        self.assertEqual(detector.patience(Signs(2.0, 5)), 10.0)
        self.assertEqual(detector.patience(Signs(0.0)), UNKNOWN)
        self.assertIn("5 of its intervals", detector.promise(Signs(2.0, 5)))

    def test_phi(self) -> None:
        """At threshold 8, with beats a second and a tenth of deviation, about a second and a half."""
        detector, draw = Phi(8), random.Random(1)
        memory = detector.memory()
        now = 0.0
        self.assertEqual(detector.patience(Signs(1.0, memory=memory)), UNKNOWN)
        for _ in range(3 * KEPT):
            memory.heard(now)
            now += draw.gauss(1, 0.1)
        self.assertLess(abs(detector.patience(Signs(1.0, memory=memory)) - 1.55), 0.1)
        memory.forget_last()
        memory.heard(now + 3600)
        self.assertLess(memory.silence(8), 2)
        self.assertIn("phi", detector.promise(Signs(1.0)))

    def test_no_deviation(self) -> None:
        """Beats like clockwork do not make the next moment a death."""
        memory = Arrivals()
        for number in range(10):
            memory.heard(float(number))
        self.assertGreater(memory.silence(1), 1.1)

    def test_names(self) -> None:
        """Each has a name with its parameters."""
        self.assertEqual(make_detector("fixed"), Fixed(5.0))
        self.assertEqual(make_detector("fixed:500ms"), Fixed(0.5))
        self.assertEqual(make_detector("interval:4"), Intervals(4))
        self.assertEqual(make_detector("phi:12"), Phi(12))
        self.assertEqual(
            make_detector("loss:alarms=2/week,within=1min,fleet=7,loss=2%,interval=2s"),
            LossAware(2, 604_800, 60, 7, 0.02, 2),
        )
        self.assertEqual(make_detector("loss"), LossAware())

    def test_refused(self) -> None:
        """What is no detector is refused with one line that says why."""
        for text, why in (
            ("guess", "there are fixed, interval, loss, phi"),
            ("fixed:soon", "no time such as 5s"),
            ("fixed:0s", "no time such as 5s"),
            ("interval:0", "number from 1 to 255"),
            ("phi:x", "number from 0.1"),
            ("loss:speed=9", "'speed' is unknown"),
            ("loss:alarms=1/blink", "periods are second"),
            ("loss:loss=120%", "number from 0 to 99"),
        ):
            with self.assertRaises(ValueError) as caught:
                make_detector(text)
            self.assertIn(why, str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))
