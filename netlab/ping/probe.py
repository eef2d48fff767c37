"""A run of pings on a port that other runs may share."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from netlab.arguments import Address
from netlab.clocks import Clocks, Instant, Reception
from netlab.errors import WireError
from netlab.machines import MachineProtocol
from netlab.ping.dialect import Corrupt
from netlab.ping.plan import Plan
from netlab.ping.port import ProbePort
from netlab.ping.prober import Prober, damaged
from netlab.ping.sample import Sample
from netlab.ping.stats import Report, Run, Statistics
from netlab.timer import Timer
from netlab.udp import why_unreachable


class ProbeSession(MachineProtocol[Sample]):
    """One run of a prober on a port that others may share; `done` fires when it is over."""

    def __init__(
        self,
        port: ProbePort,
        prober: Prober,
        plan: Plan,
        each: Callable[[Sample], object],
        reactor: Any,
        clocks: Clocks,
    ) -> None:
        super().__init__(prober, self._sample, reactor, clocks)
        self.statistics = Statistics(scheduled=plan.interval is not None)
        self.done: Deferred[None] = Deferred()
        self.plan = plan
        self._port = port
        self._prober = prober
        self._each = each
        self._heard = False
        self._tos = None if plan.dscp is None else plan.dscp << 2
        self._alarm = Timer(reactor, self.expire)
        self._drops = port.drops

    def start(self) -> None:
        """Join the port and send the first ping."""
        self._port.sessions.setdefault(self._prober.reflector, []).append(self)
        self._send(self._clocks())

    def stop(self) -> None:
        """Leave the port, and no alarm behind; what is known of the pings so far is told."""
        self._alarm.close()
        self._emit(self._prober.release())
        sessions = self._port.sessions.get(self._prober.reflector, [])
        if self in sessions:
            sessions.remove(self)
        if not sessions:
            self._port.sessions.pop(self._prober.reflector, None)

    def take(self, datagram: bytes, peer: Address, now: Instant, reception: Reception) -> WireError | None:
        """Take a datagram in; why not, where it is none of this session's."""
        try:
            samples = self._prober.accept(datagram, peer, now, reception)
        except WireError as refusal:
            return refusal
        self._emit(samples)
        self._send(now)
        return None

    def refuse(self, peer: Address, refusal: WireError) -> None:
        """Count a datagram that is no whole reply of anybody's."""
        if isinstance(refusal, Corrupt):
            self._emit([damaged(refusal)])
        else:
            self._refuse(peer, refusal)

    def expire(self) -> None:
        """Let the prober do what is due, but read first what waits: it may have come in time."""
        if self._prober.overdue(self._clocks()):
            self._port.drain()
        if not self.done.called:
            super().expire()

    def networkError(self, failure: OSError) -> None:
        """
        End the run when the peer was never heard: it is not there.

        Later in a run the error may belong to any earlier ping, and the peer may come back: the
        ping then times out, as the course has it.
        """
        if self._heard:
            self.log.debug("while pinging: {failure}", failure=failure)
        else:
            self._finish(why_unreachable(self._prober.reflector, failure))

    def report(self) -> Report:
        """The run so far."""
        prober = self._prober
        return self.statistics.report(
            Run(
                sent=prober.sent,
                outstanding=prober.outstanding,
                missed=prober.missed,
                foreign=self.rejected,
                own_drops=self._port.drops - self._drops,
                directions=prober.directions,
                lag=prober.round_trip.lag,
                stamp_error=self._port.stamp_error,
            )
        )

    def _send(self, now: Instant) -> None:
        if not self.done.called:
            super()._send(self._clocks())  # anew: work on a reply must not count for the next ping
        if self._prober.finished:
            self._finish(None)

    def _write(self, datagram: bytes, peer: Address, index: int = 0) -> None:
        try:
            self._port.write(datagram, peer, (self._prober, index), self._tos, self.plan.ttl)
        except OSError as failure:
            self._prober.unsendable(index)
            self.networkError(failure)

    def _schedule(self, now: Instant) -> None:
        deadline = None if self.done.called else self.machine.deadline()
        if deadline is None:
            self._alarm.cancel()
        else:
            self._alarm.set(deadline, now.monotonic)

    def _sample(self, sample: Sample) -> None:
        self._heard = self._heard or sample.rtt is not None
        self.statistics.add(sample)
        try:
            self._each(sample)
        except Exception as mistake:  # the caller's, who hears of it as the run's end
            self._finish(mistake)

    def _finish(self, error: Exception | None) -> None:
        if self.done.called:
            return
        self._alarm.cancel()
        if error is None:
            self.done.callback(None)
        else:
            self.done.errback(error)
