"""Loss: intervals, bursts."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.loss import LossRuns, Runs, wilson


class WilsonTests(SynchronousTestCase):
    """`wilson`"""

    def test_known(self) -> None:
        """Values from the formula, worked by hand: 3 of 10, none of 10, all of 10, nothing sent."""
        for lost, sent, low, high in ((3, 10, 0.1078, 0.6032), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)):
            found = wilson(lost, sent)
            self.assertAlmostEqual(found[0], low, places=4)
            self.assertAlmostEqual(found[1], high, places=4)
        self.assertEqual(wilson(0, 0), (0.0, 1.0))

    @given(st.integers(1, 10**6), st.floats(0, 1))
    def test_bounds(self, sent: int, share: float) -> None:
        """The share that was seen lies in the interval, and that within 0 and 1."""
        lost = round(sent * share)
        low, high = wilson(lost, sent)
        self.assertTrue(0 <= low <= lost / sent + 1e-12 and lost / sent - 1e-12 <= high <= 1)


class RunsTests(SynchronousTestCase):
    """`LossRuns`, by RFC 3357."""

    def test_example(self) -> None:
        """Two periods, of one and of three; the distance lies between the last and the first of them."""
        runs = LossRuns()
        for number, fate in enumerate(".x..xxx..."):
            runs.add(number, fate == "x")
        self.assertEqual(runs.runs(), Runs(2, 3, 2.0, 3))
        self.assertEqual(LossRuns().runs(), Runs())

    @given(st.lists(st.booleans(), max_size=40), st.randoms())
    def test_any_order(self, fates: list[bool], random: object) -> None:
        """In whichever order the fates are known, they are taken in that of sending."""
        straight, mixed = LossRuns(), LossRuns()
        numbered = list(enumerate(fates))
        for number, lost in numbered:
            straight.add(number, lost)
        random.shuffle(numbered)  # type: ignore[attr-defined]
        for number, lost in numbered:
            mixed.add(number, lost)
        self.assertEqual(mixed.runs(), straight.runs())
        self.assertEqual(len(mixed._waiting), 0)
