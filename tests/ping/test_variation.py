"""IPDV and jitter."""

from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.variation import VariationMeter


class VariationTests(SynchronousTestCase):
    """`VariationMeter`"""

    def test_neighbours(self) -> None:
        """Only two pings of neighbouring numbers make a difference (RFC 3393's selection function)."""
        meter = VariationMeter()
        for number, delay in ((0, 0.010), (1, 0.012), (3, 0.5), (4, 0.496)):
            meter.add(number, delay)
        found = meter.variation()
        assert found is not None
        self.assertEqual(found.pairs, 2)
        self.assertAlmostEqual(found.mean, (0.002 - 0.004) / 2)
        self.assertAlmostEqual(found.maximum, 0.004)
        self.assertApproximates(found.p50, 0.002, 2e-6)
        self.assertAlmostEqual(found.jitter, 0.002 / 16 + (0.004 - 0.002 / 16) / 16)

    def test_nothing(self) -> None:
        """One ping varies from nothing."""
        meter = VariationMeter()
        self.assertIsNone(meter.variation())
        meter.add(0, 1.0)
        self.assertIsNone(meter.variation())
