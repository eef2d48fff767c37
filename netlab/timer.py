"""
Wake at a moment of the monotonic clock, to a tenth of a millisecond.

A reactor's own timers round up to whole milliseconds. A timerfd (Linux) is a descriptor that becomes
readable at its moment, and the reactor watches it like a socket. Elsewhere `callLater` has to do.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from zope.interface import implementer

_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSOLUTE = 1, 0o4000, 0o2000000, 1  # linux/time.h, sys/timerfd.h


class Timer:
    """One alarm at a time on *reactor*; `close` it in the end."""

    def __init__(self, reactor: Any, wake: Callable[[], object]) -> None:
        self._reactor = reactor
        self._wake = wake
        self._descriptor = _Descriptor.open(reactor, wake)
        self._call: Any = None

    def set(self, moment: float, now: float) -> None:
        """Call *wake* at *moment*, monotonic seconds, where it is *now*; an earlier alarm is forgotten."""
        if self._descriptor is not None:
            self._descriptor.set(max(moment, 1e-9))
            return
        self.cancel()
        self._call = self._reactor.callLater(max(0.0, moment - now), self._called)

    def cancel(self) -> None:
        """Forget the alarm."""
        if self._descriptor is not None:
            self._descriptor.set(0.0)
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def close(self) -> None:
        """Forget the alarm, and let the descriptor go."""
        self.cancel()
        if self._descriptor is not None:
            self._descriptor.close()
            self._descriptor = None

    def _called(self) -> None:
        self._call = None
        self._wake()


@implementer(IReadDescriptor)
class _Descriptor:
    """A timerfd, as a reactor reads it."""

    def __init__(self, reactor: Any, number: int, wake: Callable[[], object]) -> None:
        self._reactor = reactor
        self._number = number
        self._wake = wake
        reactor.addReader(self)

    @classmethod
    def open(cls, reactor: Any, wake: Callable[[], object]) -> "_Descriptor | None":
        """None where the system or the reactor has no such thing."""
        if sys.platform != "linux" or not IReactorFDSet.providedBy(reactor):
            return None
        number = _libc().timerfd_create(_MONOTONIC, _NONBLOCK | _CLOEXEC)
        return None if number < 0 else cls(reactor, number, wake)

    def set(self, moment: float) -> None:
        """Become readable at *moment*; 0 is never."""
        seconds, rest = divmod(moment, 1)
        times = (ctypes.c_long * 4)(0, 0, int(seconds), int(rest * 1e9))
        _libc().timerfd_settime(self._number, _ABSOLUTE, times, None)

    def close(self) -> None:
        self._reactor.removeReader(self)
        os.close(self._number)

    def fileno(self) -> int:
        return self._number

    def logPrefix(self) -> str:
        return "timer"

    def doRead(self) -> None:
        try:
            os.read(self._number, 8)
        except BlockingIOError:  # it was set anew between the reactor's poll and now
            return
        self._wake()

    def connectionLost(self, reason: object) -> None:
        """The reactor has stopped watching."""


_loaded: list[ctypes.CDLL] = []


def _libc() -> ctypes.CDLL:
    if not _loaded:
        _loaded.append(ctypes.CDLL(None, use_errno=True))
    return _loaded[0]
