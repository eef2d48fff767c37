"""The histogram: percentiles within its stated precision, in memory that does not grow."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.histogram import MAXIMUM, PRECISION, Histogram


def of(*durations: int) -> Histogram:
    histogram = Histogram()
    for ns in durations:
        histogram.add(ns)
    return histogram


class HistogramTests(SynchronousTestCase):
    """`Histogram`"""

    @given(st.lists(st.integers(0, MAXIMUM), min_size=1, max_size=60), st.floats(0.01, 100))
    def test_percentiles(self, durations: list[int], percent: float) -> None:
        """Every percentile is that of the whole list, but for the precision."""
        exact = sorted(durations)[max(1, -int(-len(durations) * percent // 100)) - 1]
        found = of(*durations).percentile(percent)
        assert found is not None
        self.assertLessEqual(abs(found - exact), max(1, exact * PRECISION))

    def test_extremes(self) -> None:
        """The least and the greatest are exact; beyond the range they count as its ends."""
        histogram = of(1_234_567, 7_654_321)
        self.assertEqual((histogram.minimum, histogram.maximum, histogram.total), (1_234_567, 7_654_321, 2))
        self.assertApproximates(histogram.percentile(100), 7_654_321, 7_654_321 * PRECISION)
        self.assertEqual((of(-5).maximum, of(2**60).minimum), (0, MAXIMUM))

    def test_empty(self) -> None:
        """Of nothing there is no percentile and no bar."""
        self.assertIsNone(Histogram().percentile(50))
        self.assertEqual(Histogram().bars(5), [])

    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.integers(1, 30))
    def test_bars(self, durations: list[int], most: int) -> None:
        """The bars have every duration in them, follow each other without gaps, and are not too many."""
        bars = of(*durations).bars(most)
        self.assertEqual(sum(count for _, _, count in bars), len(durations))
        self.assertLessEqual(len(bars), most)
        for (_, end, _), (begin, _, _) in pairwise(bars):
            self.assertEqual(end, begin)
        self.assertLessEqual(bars[0][0], min(durations))
        self.assertGreater(bars[-1][1], max(durations))
