"""The bitmap of recent numbers."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.window import SIZE, Window


class WindowTests(SynchronousTestCase):
    """`Window`"""

    def test_once(self) -> None:
        """A number is fresh once."""
        window = Window()
        window.open(0)
        self.assertEqual([window.see(0), window.see(0)], [True, False])

    def test_moves(self) -> None:
        """Old numbers leave, and what takes their place is fresh."""
        window = Window()
        for number in range(SIZE + 10):
            window.open(number)
            self.assertTrue(window.see(number))
        self.assertFalse(window.covers(9))
        self.assertTrue(window.covers(10))
        self.assertFalse(window.see(10))
        self.assertFalse(window.covers(SIZE + 10))

    def test_bounds(self) -> None:
        """Neither numbers below zero nor those that come are covered."""
        window = Window()
        self.assertFalse(window.covers(0))
        window.open(3)
        self.assertEqual([window.covers(number) for number in (-1, 0, 3, 4)], [False, True, True, False])

    @given(st.lists(st.integers(1, 2 * SIZE), max_size=6), st.sets(st.integers(0, 40)))
    def test_leaps(self, leaps: list[int], seen: set[int]) -> None:
        """However far the numbers leap, what is covered and unseen is fresh."""
        window, number = Window(), 0
        window.open(0)
        for leap in leaps:
            number += leap
            window.open(number)
            covered = [number - back for back in seen if window.covers(number - back)]
            for one in covered:
                window.see(one)
                self.assertFalse(window.see(one))
            window.open(number + 1)
            number += 1
            self.assertTrue(window.see(number))
