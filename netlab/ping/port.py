"""Probe sessions, as many as wanted, on one UDP port with kernel stamps."""

from collections.abc import Callable
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from netlab import stamps
from netlab.arguments import Address
from netlab.clocks import Clocks, Instant, Reception
from netlab.errors import WireError
from netlab.machines import MachineProtocol
from netlab.ping.dialect import Corrupt
from netlab.ping.plan import Plan
from netlab.ping.prober import Prober, damaged
from netlab.ping.sample import Sample
from netlab.ping.stats import Report, Run, Statistics
from netlab.timer import Timer
from netlab.udp import why_unreachable

CALIBRATIONS = 15  # datagrams that a port sends to itself before it measures
PAUSE = 0.01  # seconds between two of them: as rare as pings are
UNSTAMPED = Reception()


class ProbePort(DatagramProtocol):
    """
    Carry the pings of many sessions; a reply goes to the session of its sender that knows it.

    `stamp_error`, once calibrated, is by how many seconds the kernel's stamps of one moment differ.
    """

    noisy = False
    transport: Any

    def __init__(self, reactor: Any, clocks: Clocks, token: bytes) -> None:
        self.stamp_error: float | None = None
        self.sessions: dict[Address, list[ProbeSession]] = {}
        self._reactor = reactor
        self._clocks = clocks
        self._token = token
        self._left: dict[int, int] = {}
        self._differences: list[float] = []

    def open(self, peer: Address) -> Any:
        """
        Open a port of *peer*'s family. The caller closes it.

        Raises:
            Unreachable: the machine has no such ports, as one without IPv6.
        """
        self._loopback, interface = ("::1", "::") if ":" in peer[0] else ("127.0.0.1", "0.0.0.0")
        port = stamps.StampedPort(0, self, interface, self._reactor)
        try:
            port.startListening()
        except CannotListenError as failure:
            raise why_unreachable(peer, failure.socketError) from failure
        return port

    async def calibrate(self) -> None:
        """Compare the kernel's stamps of leaving and coming, on datagrams that this port sends to itself."""
        if not getattr(self.transport, "kernel_stamps", False):
            return
        here = self._loopback, self.transport.getHost().port
        for number in range(CALIBRATIONS):
            try:
                self.transport.stamped_write(self._token + bytes((number,)), here, number)
            except OSError:  # there is no loopback here
                return
            await deferLater(self._reactor, PAUSE)
        if self._differences:
            self.stamp_error = median(self._differences)

    @property
    def drops(self) -> int:
        """Datagrams that our own receive queue has dropped."""
        drops = getattr(self.transport, "drops", None)
        return 0 if drops is None else drops()

    def write(self, datagram: bytes, peer: Address, token: object, tos: int | None, ttl: int | None) -> None:
        """Send; `departed` hears of it. Raises: OSError."""
        stamped = getattr(self.transport, "stamped_write", None)
        if stamped is None:
            self.transport.write(datagram, peer)
        else:
            stamped(datagram, peer, token, tos, ttl)

    def departed(self, token: Any, ns: int) -> None:
        """Take note of when the kernel sent a datagram."""
        if isinstance(token, int):
            self._left[token] = ns
        else:
            prober, index = token
            prober.departed(index, ns)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        self.stampedReceived(datagram, addr, UNSTAMPED)

    def stampedReceived(self, datagram: bytes, peer: Address, reception: Reception) -> None:
        now = self._clocks()
        sessions = self.sessions.get(peer)
        if sessions is None:
            if datagram.startswith(self._token):
                self._compare(datagram[-1], reception)
                return
            sessions = [session for several in self.sessions.values() for session in several]
        refusals: list[tuple[ProbeSession, WireError]] = []
        for session in sessions:
            refusal = session.take(datagram, peer, now, reception)
            if refusal is None:
                return
            refusals.append((session, refusal))
        # Only when nobody knows it is it foreign to all, or damaged to the first that should have known it.
        damages = [refused for refused in refusals if isinstance(refused[1], Corrupt)]
        for session, refusal in damages[:1] or refusals:
            session.refuse(peer, refusal)

    def networkError(self, failure: OSError, peer: Address | None = None) -> None:
        """Tell those whom it concerns that a datagram could not be delivered."""
        for address, sessions in list(self.sessions.items()):
            if peer is None or peer == address:
                for session in list(sessions):
                    session.networkError(failure)

    def _compare(self, number: int, reception: Reception) -> None:
        left = self._left.pop(number, None)
        if left is not None and reception.stamp_ns is not None:
            self._differences.append(abs(reception.stamp_ns - left) / 1e9)


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
