"""What the kernel says of the wall clock."""

import ctypes
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from netlab import clocksync


class ClockErrorTests(SynchronousTestCase):
    """`clock_error`"""

    def told(self, result: int, status: int = 0, maxerror: int = 1500) -> float | None:
        def adjtimex(pointer: Any) -> int:
            state = pointer._obj
            state.status, state.maxerror = status, maxerror
            return result

        self.patch(ctypes, "CDLL", lambda name: mock.Mock(adjtimex=adjtimex))
        return clocksync.clock_error()

    def test_told(self) -> None:
        """A clock that is kept right has an error; one that is not has none that could be told."""
        self.assertEqual(self.told(0), 0.0015)
        for result, status in ((5, 0), (0, 0x40), (-1, 0)):
            self.assertIsNone(self.told(result, status))

    def test_elsewhere(self) -> None:
        """Systems without the call say nothing."""
        self.patch(ctypes, "CDLL", mock.Mock(side_effect=OSError))
        self.assertIsNone(clocksync.clock_error())
        self.patch(clocksync, "sys", mock.Mock(platform="darwin"))
        self.assertIsNone(clocksync.clock_error())

    def test_this_machine(self) -> None:
        """This machine's clock says something, or nothing."""
        error = clocksync.clock_error()
        self.assertTrue(error is None or 0 <= error < 1000)
