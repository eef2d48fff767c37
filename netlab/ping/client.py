"""`Pinger`: a run of pings as a Deferred."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from netlab.arguments import Address
from netlab.clocks import Clocks, Instant, read_clocks
from netlab.ping.prober import Prober, Sample
from netlab.ping.stats import Statistics, Summary
from netlab.udp import MachineProtocol, PeerProtocol, resolve, why_unreachable


class ProbeProtocol(PeerProtocol, MachineProtocol[Sample]):
    """One run of a prober over one port; `done` fires when it is over."""

    def __init__(
        self,
        prober: Prober,
        reflector: Address,
        each: Callable[[Sample], object],
        clock: Any,
        clocks: Clocks,
    ) -> None:
        PeerProtocol.__init__(self, reflector)
        MachineProtocol.__init__(self, prober, self._sample, clock, clocks)
        self.statistics = Statistics()
        self.done: Deferred[None] = Deferred()
        self._prober = prober
        self._each = each
        self._heard = False

    def startProtocol(self) -> None:
        PeerProtocol.startProtocol(self)
        if not self.done.called:
            MachineProtocol.startProtocol(self)

    def networkError(self, failure: OSError) -> None:
        """
        End the run when the peer was never heard: it is not there.

        Later in a run the error may belong to any earlier ping, and the peer may come back: the
        ping then times out, as the course has it.
        """
        if self._heard:
            self.log.debug("while pinging: {failure}", failure=failure)
        else:
            self._finish(why_unreachable(self.peer, failure))

    def summary(self) -> Summary:
        """The run so far."""
        return self.statistics.summary(self._prober.sent, self.rejected)

    def _send(self, now: Instant) -> None:
        if not self.done.called:
            super()._send(now)

    def _sample(self, sample: Sample) -> None:
        self._heard = self._heard or sample.rtt is not None
        self.statistics.add(sample)
        try:
            self._each(sample)
        except Exception as mistake:  # the caller's, who hears of it as the run's end
            self._finish(mistake)
        if self._prober.finished:
            self._finish(None)

    def _finish(self, error: Exception | None) -> None:
        self._cancel_timer()
        if self.done.called:
            return
        if error is None:
            self.done.callback(None)
        else:
            self.done.errback(error)


class Pinger:
    """Send pings from *reactor*; the clocks are handed in for tests alone."""

    def __init__(self, reactor: Any, clocks: Clocks = read_clocks) -> None:
        self._reactor = reactor
        self._clocks = clocks

    def ping(
        self,
        host: str,
        port: int = 12000,
        count: int = 10,
        timeout: float = 1.0,
        each: Callable[[Sample], object] = lambda sample: None,
    ) -> Deferred[Summary]:
        """
        Send *count* pings, one at a time, each waiting *timeout* seconds at most; *each* hears of every one.

        Cancelling ends the run early with the summary so far; an exception in *each* ends it with that.

        Raises:
            Unreachable: no such host, no route, or nothing listens there.
        """
        return Deferred.fromCoroutine(self._ping(host, port, count, timeout, each))

    async def _ping(
        self, host: str, port: int, count: int, timeout: float, each: Callable[[Sample], object]
    ) -> Summary:
        reflector = await resolve(self._reactor, host, port)
        protocol = ProbeProtocol(
            Prober(reflector, count, timeout), reflector, each, self._reactor, self._clocks
        )
        udp_port = protocol.open(self._reactor)
        try:
            await protocol.done
        except CancelledError:
            pass
        finally:
            await maybeDeferred(udp_port.stopListening)
        return protocol.summary()
