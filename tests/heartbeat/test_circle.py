"""Numbers that go round."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.circle import NEAR, WIDTHS, Wrapped, fits, step_round, width_round

TOP = {width: (1 << width) - 1 for width in WIDTHS}


class CircleTests(SynchronousTestCase):
    """`width_round`, `step_round`, `fits` and `Wrapped`"""

    def test_widths(self) -> None:
        """A step across 0 is seen for what it is, either way, and no other step is."""
        for width, top in TOP.items():
            for number, highest, step in ((0, top, 1), (3, top - 1, 5), (top, 0, -1), (top - 5, 4, -10)):
                self.assertEqual(width_round(number, highest), width)
                self.assertEqual(step_round(number, highest, width), step)
            self.assertEqual(width_round(0, top + 2 - NEAR), width)
            self.assertEqual(width_round(0, top + 1 - NEAR), 0)
        for number, highest in (
            (5, 5),
            (6, 5),
            (5, 2000),
            (0, 2**16),
            (2**16, 2**16 - 1),
            (2**16, 1),
            (2**20, 7),
        ):
            self.assertEqual(width_round(number, highest), 0)

    def test_times(self) -> None:
        """Whoever went round needed time for the numbers between; whoever started anew did not."""
        for number, step, elapsed, expected in (
            (0, 1, None, True),
            (400, 500, None, True),
            (0, 1, 0.0, True),
            (0, 1, 1000.0, True),  # stood still, and went on
            (1, 500, 500.0, True),
            (1, 500, 70.0, True),
            (1, 500, 60.0, False),  # too soon: a new start
            (1, 5, 0.1, True),
            (1, 5, 600.0, False),  # too late: a new start, long after
            (7, 5, 600.0, True),  # which would not begin at 7
            (65_535, -1, -1.0, True),
            (65_535, -1, 1.0, True),
            (65_535, -1, 65_534.0, False),  # so many were sent in between
        ):
            with self.subTest(number=number, step=step, elapsed=elapsed):
                self.assertEqual(fits(number, step, 16, elapsed), expected)

    def test_wrapped(self) -> None:
        """The numbers of a range that passes the end, as the wire shows them."""
        wrapped = Wrapped(range(65_534, 65_538), 16)
        self.assertEqual(list(wrapped), [65_534, 65_535, 0, 1])
        self.assertEqual((len(wrapped), wrapped[-1], list(wrapped[1:3])), (4, 1, [65_535, 0]))
        self.assertIn(0, wrapped)
        self.assertRaises(IndexError, lambda: wrapped[4])
        self.assertEqual(repr(wrapped), "Wrapped(range(65534, 65538), 16)")

    @given(st.sampled_from(WIDTHS), st.integers(0, 2**64 - 1), st.integers(-NEAR + 1, NEAR - 1))
    def test_any_step(self, width: int, highest: int, step: int) -> None:
        """A short step is what it is, wherever on the circle it is made."""
        circle = 1 << width
        highest %= circle
        number = (highest + step) % circle
        self.assertEqual(step_round(number, highest, width), step)
        self.assertEqual(width_round(number, highest), 0 if number == highest + step else width)
