"""Statistics: samples in, a report out, in memory that does not grow."""

import math
import statistics
import tracemalloc
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.histogram import PRECISION
from netlab.ping.loss import Directions
from netlab.ping.sample import Clock, Leaving, Sample, State
from netlab.ping.stats import PERCENTILES, DelayMeter, Run, Statistics


def received(place: int, rtt: float) -> Sample:
    return Sample(place + 1, State.RECEIVED, rtt, place=place)


class StatisticsTests(SynchronousTestCase):
    """`Statistics`"""

    @given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=50))
    def test_exact(self, rtts: list[float]) -> None:
        """The four figures of the RTT are those of the whole list."""
        figures = Statistics()
        for place, rtt in enumerate(rtts):
            figures.add(received(place, rtt))
        report = figures.report(Run(len(rtts)))
        assert report.rtt is not None
        self.assertEqual(report.loss, 0)
        self.assertApproximates(report.rtt.minimum, min(rtts), 1e-9)
        self.assertApproximates(report.rtt.maximum, max(rtts), 1e-9)
        self.assertTrue(math.isclose(report.rtt.mean, statistics.fmean(rtts), rel_tol=1e-9))
        self.assertTrue(math.isclose(report.rtt.mdev, statistics.pstdev(rtts), rel_tol=1e-6, abs_tol=1e-9))

    def test_counts(self) -> None:
        """Each state, and whatever a sample says besides."""
        figures = Statistics(scheduled=True)
        figures.add(received(0, 0.001)._replace(lateness=0.002, faults=("T2 = T3",)))
        figures.add(Sample(2, State.LOST, place=1))
        figures.add(Sample(3, State.LOST, place=2))
        figures.add(Sample(3, State.LATE, 1.5, reordered=True, place=2))
        figures.add(Sample(1, State.DUPLICATE, place=0))
        figures.add(Sample(None, State.CORRUPT))
        figures.add(Sample(4, State.UNSENT, place=3))
        report = figures.report(Run(sent=4, outstanding=1, directions=Directions(3, 1, 1)))
        self.assertEqual((report.sent, report.received, report.lost, report.settled), (4, 1, 2, 3))
        self.assertEqual((report.late, report.duplicates, report.corrupt), (1, 1, 1))
        self.assertEqual((report.reordered, report.unsent), (1, 1))
        self.assertEqual((report.runs.periods, report.runs.longest), (1, 2))
        self.assertEqual(report.faults, (("T2 = T3", 1),))
        assert report.intended is not None
        self.assertApproximates(report.intended.mean, 0.003, 1e-12)

    def test_nothing(self) -> None:
        """Of nothing there are no figures."""
        report = Statistics().report(Run(0))
        self.assertEqual((report.loss, report.loss_interval, report.rtt), (0.0, (0.0, 1.0), None))
        self.assertIsNone(report.error)

    def test_stamps(self) -> None:
        """How many had the kernel's stamps, what they are worth, and what our own clock would have told."""
        figures = Statistics()
        for place in range(3):
            figures.add(
                received(place, 0.001)._replace(
                    sent_by=Clock.KERNEL,
                    received_by=Clock.KERNEL,
                    user_rtt=0.00305,
                    residence=0.002,
                    leaving=Leaving.FOLLOW_UP,
                    forward=0.5,
                    backward=-0.499,
                    delay_error=0.01,
                )
            )
        report = figures.report(Run(3, stamp_error=2e-6))
        self.assertEqual((report.kernel_sent, report.kernel_received, report.followed_up), (3, 3, 3))
        self.assertEqual(report.error, 2e-6)
        self.assertApproximates(report.user_excess, 50e-6, 1e-7)
        assert report.forward is not None
        assert report.forward_delay is not None
        self.assertEqual((report.forward.pairs, report.delay_error), (2, 0.01))
        self.assertApproximates(report.forward_delay.mean, 0.5, 1e-9)

    def test_user_stamps_have_no_error(self) -> None:
        """Nothing is claimed of stamps that the program made."""
        figures = Statistics()
        figures.add(received(0, 0.001))
        self.assertIsNone(figures.report(Run(1, stamp_error=2e-6)).error)

    def test_long_run(self) -> None:
        """A long run needs no more memory than a short one, and its percentiles are those of all samples."""
        figures, chance, rtts = Statistics(), Random(3), list[float]()
        for place in range(2_000):
            figures.add(received(place, chance.lognormvariate(-7, 0.5)))
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for place in range(2_000, 30_000):
                rtt = chance.lognormvariate(-7, 0.5)
                figures.add(received(place, rtt))
                if place % 7 == 0:
                    figures.add(Sample(place, State.DUPLICATE, place=place))
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        self.assertLess(grown, 2_000)
        chance = Random(3)
        rtts = sorted(chance.lognormvariate(-7, 0.5) for _ in range(30_000))
        report = figures.report(Run(30_000))
        assert report.rtt is not None
        for percent in PERCENTILES:
            exact = rtts[-int(-len(rtts) * percent // 100) - 1]
            self.assertApproximates(report.rtt.percentile(percent), exact, exact * PRECISION + 1e-9)


class DelayMeterTests(SynchronousTestCase):
    """`DelayMeter`"""

    def test_below_zero(self) -> None:
        """A one-way delay below zero, by clocks that differ, keeps its mean."""
        meter = DelayMeter()
        meter.add(-0.5)
        meter.add(0.25)
        delays = meter.delays()
        assert delays is not None
        self.assertEqual((delays.mean, delays.samples), (-0.125, 2))
