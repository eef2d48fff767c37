"""Ask the kernel how far the wall clock may be off, and whether anything keeps it right (adjtimex(2))."""

import ctypes
import sys

_UNSYNCHRONISED = 0x40  # STA_UNSYNC, linux/timex.h
_ERROR = 5  # TIME_ERROR


class _Timex(ctypes.Structure):
    """The first fields of struct timex, and room for the rest."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # microseconds
        ("esterror", ctypes.c_long),  # microseconds
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    ]


def clock_error() -> float | None:
    """The wall clock's greatest error, seconds; None: nothing keeps it right, or the system does not say."""
    if sys.platform != "linux":
        return None
    state = _Timex()
    try:
        result = ctypes.CDLL(None).adjtimex(ctypes.byref(state))
    except (OSError, AttributeError):
        return None
    if result < 0 or result == _ERROR or state.status & _UNSYNCHRONISED:
        return None
    return float(state.maxerror) / 1e6
