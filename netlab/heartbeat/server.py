"""`MonitorProtocol`: the monitor on a UDP port, judging ten times a second."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from netlab.clocks import Clocks, read_clocks
from netlab.heartbeat.monitor import Event, Monitor
from netlab.heartbeat.report import event_lines
from netlab.machines import MachineProtocol

TICK = 0.1  # seconds between two judgements; a client is called stopped at most this much too late


class MonitorProtocol(MachineProtocol[Event]):
    """
    Watch heartbeats: a `DatagramProtocol` for ``listenUDP`` or, better, `netlab.udp.UDPService`.

    *sink* takes each event; without one they are logged, ordinary beats only with *log_beats*.
    Deadlines are judged on the monotonic clock by a `LoopingCall` on *clock*, which should be
    monotonic as well (see `netlab.clocks.run_monotonic`).
    """

    log = Logger()

    def __init__(
        self,
        clock: Any,
        timeout: float = 5.0,
        sink: Callable[[Event], object] | None = None,
        log_beats: bool = False,
        clocks: Clocks = read_clocks,
    ) -> None:
        self._monitor = Monitor(timeout)
        super().__init__(self._monitor, sink or self._log_event, clock, clocks)
        self._log_beats = log_beats
        self._loop = LoopingCall(self._judge)
        self._loop.clock = clock

    def startProtocol(self) -> None:
        self._loop.start(TICK, now=False).addErrback(
            lambda failure: self.log.failure("heartbeats are no longer judged", failure)
        )

    def stopProtocol(self) -> None:
        if self._loop.running:
            self._loop.stop()

    def _schedule(self, now: Any) -> None:
        """The loop wakes the monitor; no timer of its own is needed."""

    def _judge(self) -> None:
        """Read what waits in the queue, and only then judge: after a stall the beats are there."""
        drain = getattr(self.transport, "drain", None)
        if drain is not None:
            drain()
        self.expire()

    def counts_line(self) -> str:
        """What became of the datagrams so far."""
        return f"{self._monitor.beats} heartbeats received, {self.rejected} other datagrams refused"

    def _log_event(self, event: Event) -> None:
        for line in event_lines(event, self._log_beats):
            self.log.info("{line}", line=line)
