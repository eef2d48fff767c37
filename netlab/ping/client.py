"""`Pinger`: one ping, a run of pings, or a stream of samples, out of a program."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from random import Random, SystemRandom
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred

from netlab.arguments import Address, address_text
from netlab.clocks import Clocks, read_clocks
from netlab.clocksync import clock_error
from netlab.errors import TimedOut
from netlab.ping.dialect import UNSYNCHRONISED
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.plan import Plan
from netlab.ping.port import ProbePort
from netlab.ping.probe import ProbeSession
from netlab.ping.sample import Sample, State
from netlab.ping.stats import Report
from netlab.udp import resolve

COURSE = Plan()
MAX_UNREAD = 65_536  # samples that wait for their reader; then the oldest are forgotten


class Pinger:
    """
    Send pings from *reactor*; runs to any number of reflectors share a port.

    The clocks and the chance are handed in for tests alone.
    """

    def __init__(self, reactor: Any, clocks: Clocks = read_clocks, random: Random | None = None) -> None:
        self._reactor = reactor
        self._clocks = clocks
        self._random = random or SystemRandom()
        self._ports: list[_SharedPort] = []
        self._runs = self._random.getrandbits(
            16
        )  # counted from anywhere: each has another SSID than the last

    def ping(self, host: str, port: int = 12000, plan: Plan = COURSE) -> Deferred[Sample]:
        """
        Send one ping; the result is its sample. Cancellable.

        Raises:
            TimedOut: no reply came in time.
            Unreachable: no such host, no route, or nothing listens there.
        """
        return Deferred.fromCoroutine(self._ping(host, port, plan))

    def run(
        self,
        host: str,
        port: int = 12000,
        plan: Plan = COURSE,
        each: Callable[[Sample], object] = lambda sample: None,
        watch: Callable[[ProbeSession], object] = lambda session: None,
    ) -> Deferred[Report]:
        """
        Send the pings of *plan*; *each* hears of every sample, *watch* of the session when it begins.

        Cancelling ends the run early with the report so far; an exception in *each* ends it with that.

        Raises:
            Unreachable: no such host, no route, or nothing listens there.
        """
        return Deferred.fromCoroutine(self._run(host, port, plan, each, watch))

    def samples(self, host: str, port: int = 12000, plan: Plan = COURSE) -> "Samples":
        """Send the pings of *plan*, and iterate: ``async for sample in pinger.samples(host): …``."""
        return Samples(lambda each: self.run(host, port, plan, each))

    async def _ping(self, host: str, port: int, plan: Plan) -> Sample:
        fates: list[Sample] = []
        one = replace(plan, count=1, duration=None)
        await self._run(host, port, one, fates.append, lambda session: None)
        for sample in fates:
            if sample.state is State.RECEIVED:
                return sample
        if not fates:
            raise CancelledError
        raise TimedOut(f"no reply from {address_text((host, port))} within {plan.timeout:g} s")

    async def _run(
        self,
        host: str,
        port: int,
        plan: Plan,
        each: Callable[[Sample], object],
        watch: Callable[[ProbeSession], object],
    ) -> Report:
        reflector = await resolve(self._reactor, host, port, plan.family)
        error = clock_error()
        own_error = UNSYNCHRONISED if error is None else ErrorEstimate(error, synchronised=True)
        self._runs += 1
        prober = plan.prober(reflector, self._random, own_error, 1 + self._runs % 0xFFFF)
        shared = self._join(reflector, plan)
        try:
            await shared.ready()
            session = ProbeSession(shared.protocol, prober, plan, each, self._reactor, self._clocks)
            try:
                watch(session)
                session.start()
                await session.done
            except CancelledError:
                pass
            finally:
                session.stop()
            return session.report()
        finally:
            await self._leave(shared, reflector, plan)

    def _join(self, reflector: Address, plan: Plan) -> "_SharedPort":
        """A port for a session: one that is open already, unless replies could be taken for another's."""
        key = reflector if plan.protocol == "text" else None
        for shared in self._ports:
            if shared.six == (":" in reflector[0]) and key not in shared.texts:
                break
        else:
            protocol = ProbePort(self._reactor, self._clocks, self._random.randbytes(16))
            shared = _SharedPort(protocol, protocol.open(reflector), ":" in reflector[0])
            self._ports.append(shared)
        shared.users += 1
        if key is not None:
            shared.texts.add(key)
        return shared

    async def _leave(self, shared: "_SharedPort", reflector: Address, plan: Plan) -> None:
        shared.users -= 1
        if plan.protocol == "text":
            shared.texts.discard(reflector)
        if not shared.users:
            self._ports.remove(shared)
            await maybeDeferred(shared.port.stopListening)


class _SharedPort:
    """A port, who uses it, and to which reflectors a session without a number of its own speaks."""

    def __init__(self, protocol: ProbePort, port: Any, six: bool) -> None:
        self.protocol = protocol
        self.port = port
        self.six = six
        self.users = 0
        self.texts: set[Address] = set()
        self._waiting: list[Deferred[None]] | None = None
        self._calibrated = False

    async def ready(self) -> None:
        """Calibrate the port once; whoever comes meanwhile waits."""
        if self._calibrated:
            return
        if self._waiting is not None:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            await turn
            return
        self._waiting = []
        try:
            await self.protocol.calibrate()
        finally:
            self._calibrated = True
            waiting, self._waiting = self._waiting, None
            for turn in waiting:
                if not turn.called:
                    turn.callback(None)


class Samples:
    """
    An asynchronous iterator over the samples of a run; `report` has the sum once it is exhausted.

    `close` ends the run early. A reader that is `MAX_UNREAD` samples behind loses the oldest; `unread`
    counts them.
    """

    def __init__(self, start: Callable[[Callable[[Sample], object]], Deferred[Report]]) -> None:
        self.report: Report | None = None
        self.unread = 0
        self._start = start
        self._running: Deferred[Report] | None = None
        self._kept: deque[Sample] = deque(maxlen=MAX_UNREAD)
        self._reader: Deferred[None] | None = None
        self._failure: Any = None
        self._over = False

    def __aiter__(self) -> "Samples":
        return self

    async def __anext__(self) -> Sample:
        if self._running is None:
            self._running = self._start(self._keep)
            self._running.addCallbacks(self._ended, self._failed)
        while not self._kept:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                failure.raiseException()
            if self._over:
                raise StopAsyncIteration
            self._reader = Deferred()
            await self._reader
        return self._kept.popleft()

    def close(self) -> None:
        """End the run; what has come so far can still be read."""
        if self._running is not None and not self._over:
            self._running.cancel()

    def _keep(self, sample: Sample) -> None:
        if len(self._kept) == MAX_UNREAD:
            self.unread += 1
        self._kept.append(sample)
        self._awake()

    def _ended(self, report: Report) -> None:
        self.report, self._over = report, True
        self._awake()

    def _failed(self, failure: Any) -> None:
        self._failure, self._over = failure, True
        self._awake()

    def _awake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.called:
            reader.callback(None)
