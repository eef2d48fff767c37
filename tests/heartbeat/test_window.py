"""The window: which of the last 1,024 numbers came."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.window import WINDOW, Window


class Numbers(Window):
    """A window that is told of numbers one after the other."""

    def follow(self, numbers: int) -> None:
        self._run += numbers


class WindowTests(SynchronousTestCase):
    """`Window`"""

    def test_loss(self) -> None:
        """The part that is missing, and how many in a row."""
        window = Numbers()
        self.assertEqual((window.loss_rate, window.mean_burst), (0.0, 1.0))
        window.follow(4)
        window.advance(2)
        self.assertEqual((window.loss_rate, window.mean_burst), (1 / 7, 1.0))
        window.advance(4)
        self.assertEqual((window.loss_rate, window.mean_burst), (4 / 11, 2.0))
        self.assertEqual(window.fill(1), 1)
        self.assertEqual((window.loss_rate, window.mean_burst), (3 / 11, 1.5))
        window.follow(5 * WINDOW)
        self.assertEqual((window.loss_rate, window.mean_burst), (0.0, 1.0))

    def test_far(self) -> None:
        """What is older than the window came, for all that is known; a jump forgets everything."""
        window = Numbers()
        window.advance(10)
        self.assertEqual(
            [window.came(back) for back in (0, 9, 10, 11, WINDOW)], [True, False, True, False, True]
        )
        self.assertEqual(
            [window.lacks(back) for back in (0, 9, 10, 11, WINDOW)], [False, True, False, False, False]
        )
        window.advance(2**63)
        self.assertEqual(window.bits(), 1)
        self.assertEqual(window.loss_rate, 1023 / 1024)

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 1100)), max_size=12))
    def test_any_steps(self, steps: list[tuple[bool, int]]) -> None:
        """Runs and gaps give the bitmap of the numbers themselves, and its words give it back."""
        window, heard, highest = Numbers(), {0}, 0
        for runs, step in steps:
            if runs:
                window.follow(step)
                heard.update(range(highest + 1, highest + step + 1))
            else:
                window.advance(step)
                heard.add(highest + step)
            highest += step
        expected = sum(1 << highest - number for number in heard if highest - number < WINDOW)
        self.assertEqual(window.bits(), expected)
        copy = Window()
        copy.take_words(*window.words())
        self.assertEqual((copy.bits(), copy.missing()), (expected, window.missing()))

    @given(
        st.lists(
            st.one_of(st.integers(-1, 2), st.integers(1020, 1030), st.integers(2**63, 2**64)), max_size=20
        )
    )
    def test_any_words(self, words: list[int]) -> None:
        """Words of another's making are refused, or make a window like any other."""
        window = Window()
        with contextlib.suppress(ValueError, TypeError):
            window.take_words(*words)
        self.assertTrue(window.came(0) and 0 <= window.loss_rate < 1 and window.bits() < 1 << WINDOW)
