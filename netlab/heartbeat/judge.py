"""`Judge`: a `LoopingCall` that reads all that waits, and only then lets the monitor judge."""

import time
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from netlab.clocks import Clocks, Instant, read_clocks
from netlab.heartbeat.events import Event
from netlab.heartbeat.monitor import Monitor

TICK = 0.025  # seconds between two judgements; a client is announced at most about this much too late
MIN_SLEEP = 1.0  # seconds; a shorter suspension is no matter

_log = Logger()


class Judge:
    """
    Judge forty times a second, as long as there is a port to hear beats on.

    Each *port* that joins is drained before a judgement, where it has ``drain``, and asked for what its
    queue has dropped, where it has ``drops``. Where more has come than can be read at once, those are
    judged whose time was over when the last that was read came (``read_until``). *tell* takes the events.
    """

    def __init__(
        self,
        clock: Any,
        monitor: Monitor,
        tell: Callable[[Iterable[Event]], object],
        clocks: Clocks = read_clocks,
        asleep: Callable[[], float] | None = None,
    ) -> None:
        self._monitor = monitor
        self._tell = tell
        self._clocks = clocks
        self._time_asleep = asleep or time_asleep
        self._asleep = self._time_asleep()
        self._ports: list[Any] = []
        self._dropped: list[int] = []  # by port, since it was opened
        self._loop = LoopingCall(self._judge)
        self._loop.clock = clock

    def join(self, port: Any) -> None:
        """Listen to one more port."""
        self._ports.append(port)
        self._dropped.append(0)
        if not self._loop.running:
            self._monitor.sight.stall(self._clocks())  # from now on it looks
            self._loop.start(TICK, now=False).addErrback(
                lambda failure: _log.failure("heartbeats are no longer judged", failure)
            )

    def leave(self, port: Any) -> None:
        """A port has closed; with the last one the judge rests."""
        if port in self._ports:
            place = self._ports.index(port)
            del self._ports[place], self._dropped[place]
        if not self._ports and self._loop.running:
            self._loop.stop()

    def stop(self) -> None:
        """Judge no more, for the end has begun: what is still to be written would count as a stall."""
        self._ports.clear()
        self._dropped.clear()
        if self._loop.running:
            self._loop.stop()

    def _judge(self) -> None:
        read = [self._drain(port) for port in self._ports]
        now = self._clocks()
        self._see_drops(now)
        asleep = self._time_asleep()
        slept, self._asleep = asleep - self._asleep, asleep
        if slept > MIN_SLEEP:
            self._tell(self._monitor.slept(slept, now))
        self._tell(self._monitor.expire(now, min([now.monotonic, *read])))

    def _drain(self, port: Any) -> float:
        """Read what waits; the answer is a moment: all that came until then was read."""
        drain = getattr(port, "drain", None)
        drained = drain is None or drain() is not False
        until: float = getattr(port, "read_until", inf if drained else -inf)
        return until

    def _see_drops(self, now: Instant) -> None:
        news = 0
        for place, port in enumerate(self._ports):
            count = getattr(port, "drops", None)
            if count is not None:
                before, self._dropped[place] = self._dropped[place], count()
                news += (self._dropped[place] - before) % 2**32
        if news:
            self._tell(self._monitor.overflowed(news, now))


def time_asleep() -> float:
    """Seconds that the machine has been suspended, since it booted."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if boottime is None else time.clock_gettime(boottime) - time.monotonic()
