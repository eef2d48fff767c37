"""
Readings of the two clocks: monotonic time judges, wall time stamps.

A deadline or a duration comes from the monotonic clock only, since the wall clock may be stepped at
any moment; a timestamp that another machine is to read comes from the wall clock only.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

ATTEMPTS = 5
MOMENT = 100e-6  # seconds within which two readings are one moment's


class Instant(NamedTuple):
    """One moment, read on both clocks."""

    monotonic: float  # seconds since some fixed point; only differences mean anything
    wall_ns: int  # nanoseconds since 1970-01-01 UTC


class Reception(NamedTuple):
    """What the kernel noted of a datagram as it came; None where it noted nothing."""

    stamp_ns: int | None = None  # on the wall clock
    ttl: int | None = None  # or IPv6's hop limit
    tos: int | None = None  # or IPv6's traffic class: DSCP 6 bits, ECN 2


Clocks = Callable[[], Instant]


def read_clocks() -> Instant:
    """Read both clocks now: at one moment, unless the machine is so busy that none can be had."""
    for _ in range(ATTEMPTS):
        instant = Instant(time.monotonic(), time.time_ns())
        if time.monotonic() - instant.monotonic < MOMENT:  # else we were put to sleep between the two
            break
    return instant


def seconds_text(ns: int) -> str:
    """Write *ns* nanoseconds as seconds with six decimals, rounding down: ``1795358159.498196``."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{seconds}.{rest // 1000:06d}"


def run_monotonic(reactor: Any) -> None:
    """
    Let *reactor* schedule by the monotonic clock.

    Twisted's reactors count in wall time: a clock set back by one hour holds every timer, a
    `LoopingCall` among them, for that hour. Call this before anything is scheduled; a second call
    changes nothing.

    Raises:
        ValueError: something is scheduled already, in wall time, and would be lost.
    """
    if reactor.seconds is time.monotonic:
        return
    if reactor.getDelayedCalls():
        raise ValueError("calls are scheduled in wall time already; change the clock before them")
    reactor.seconds = time.monotonic
