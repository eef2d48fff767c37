"""Moments on the clock."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.schedule import Periodic, Poisson


class PeriodicTests(SynchronousTestCase):
    """`Periodic`"""

    def test_no_drift(self) -> None:
        """However late each ping leaves, the moments are those of the clock."""
        schedule, due = Periodic(0.1), 5.0
        self.assertEqual(schedule.begin(5.0), 5.0)
        for number in range(1, 1001):
            due, missed = schedule.after(due, due + 0.0999)
            self.assertEqual(missed, 0)
            self.assertAlmostEqual(due, 5 + number * 0.1, places=9)

    def test_missed(self) -> None:
        """A moment is missed when the next one has come; it is counted, and not made up for."""
        schedule = Periodic(0.5)
        schedule.begin(0.0)
        self.assertEqual(schedule.after(0.0, 0.75), (0.5, 0))
        self.assertEqual(schedule.after(0.5, 2.25), (2.0, 2))

    @given(st.floats(0.001, 10), st.lists(st.floats(0, 30), max_size=20))
    def test_every_moment_counts(self, interval: float, stalls: list[float]) -> None:
        """Moments that were kept and that were missed are all that there were."""
        schedule, now, kept, missed_all = Periodic(interval), 0.0, 0, 0
        due = schedule.begin(0.0)
        for stall in stalls:
            now = max(now, due) + stall
            due, missed = schedule.after(due, now)
            kept, missed_all = kept + 1, missed_all + missed
            self.assertAlmostEqual(due, (kept + missed_all) * interval)
            self.assertGreater(due, now - interval * 1.001)


class PoissonTests(SynchronousTestCase):
    """`Poisson`"""

    def test_mean(self) -> None:
        """The pauses have the mean that was asked for, and an exponential's deviation."""
        schedule, pauses = Poisson(0.25, Random(7).expovariate), []
        due = schedule.begin(1.0)
        for _ in range(20_000):
            after, missed = schedule.after(due, due)
            self.assertEqual(missed, 0)
            pauses.append(after - due)
            due = after
        mean = sum(pauses) / len(pauses)
        deviation = (sum((pause - mean) ** 2 for pause in pauses) / len(pauses)) ** 0.5
        self.assertApproximates(mean, 0.25, 0.01)
        self.assertApproximates(deviation, 0.25, 0.01)

    def test_missed(self) -> None:
        """After a stall the moments that it swallowed are counted."""
        schedule = Poisson(0.1, lambda rate: 1 / rate)
        due, missed = schedule.after(0.0, 1.0)
        self.assertApproximates(due, 1.0, 0.101)
        self.assertIn(missed, (8, 9))
