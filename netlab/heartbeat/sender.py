"""`HeartbeatSender`: a Twisted Service that beats while the reactor turns."""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from netlab.arguments import Address
from netlab.clocks import Clocks, read_clocks
from netlab.errors import Unreachable
from netlab.heartbeat import wire
from netlab.heartbeat.style import PLAIN, Style
from netlab.udp import DatagramPort, PeerProtocol, why_unreachable

LINGER = 0.1  # seconds to wait after the last of --count beats for the news that nobody listens
GOODBYES = 3  # times that a goodbye is said, since any datagram may be lost
BETWEEN = 0.02  # seconds between two of them


class BeatProtocol(PeerProtocol):
    """Carry beats to one monitor; remember whether the last one found it."""

    log = Logger()

    def __init__(self, monitor: Address) -> None:
        super().__init__(monitor)
        self.unreachable: Unreachable | None = None  # why the last beat was not delivered
        self._warned = False

    def beat(self, line: bytes) -> None:
        """Send one beat; a beat that cannot leave is lost, and its number with it."""
        self.unreachable = None
        self.send(line)

    def networkError(self, failure: OSError) -> None:
        self.unreachable = why_unreachable(self.peer, failure)
        if not self._warned:
            self._warned = True
            self.log.warn("{why}; beating on", why=self.unreachable)


class HeartbeatSender(Service):
    """
    Beat to *monitors*, one address (an IP address and a port) or several, every *interval* seconds.

    The lines are ``Heartbeat SEQ TIME`` unless *style* says more. With *count* it ends by itself:
    `done` fires then, and when the service stops. *each* hears of every beat as it leaves; an
    exception there ends the beats, and `done` with it. A monitor that is not there is logged once; the
    beats go on, to it and to the others. With *goodbye*, which wants an id, the monitors are told of
    a stop.
    """

    def __init__(
        self,
        reactor: Any,
        monitors: Address | Sequence[Address],
        interval: float = 1.0,
        count: int | None = None,
        each: Callable[[wire.Beat], object] = lambda beat: None,
        clocks: Clocks = read_clocks,
        style: Style = PLAIN,
        goodbye: bool = False,
    ) -> None:
        if goodbye and not style.tagged:
            raise ValueError("a goodbye needs an id")
        addresses = [monitors] if isinstance(monitors[0], str) else monitors
        self.done: Deferred[None] = Deferred()
        self.style = style
        self.sent = 0  # beats
        self.lag = 0.0  # seconds by which the last beat was late: the reactor was busy
        self.exit: int | None = None  # how the program ended that the beats stand for; said at the goodbye
        self._reactor = reactor
        self._interval = interval
        self._count = count
        self._each = each
        self._clocks = clocks
        self._goodbye = goodbye
        self._inc = 0
        self._due: float | None = None  # when the next beat should leave, monotonic seconds
        self._protocols = [BeatProtocol(address) for address in addresses]  # type: ignore[arg-type]
        self._ports: list[DatagramPort] = []
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._linger: IDelayedCall | None = None

    @property
    def unreachable(self) -> Unreachable | None:
        """Why the last beat was delivered to none of the monitors, if that is known."""
        why = [protocol.unreachable for protocol in self._protocols]
        return None if None in why else why[0]

    def startService(self) -> None:
        super().startService()
        self._inc = self._clocks().wall_ns // 1_000_000
        self._ports = [protocol.open(self._reactor) for protocol in self._protocols]
        self._loop.start(self._interval).addCallbacks(self._ended, self.done.errback)

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
            self._finish()
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        ports, self._ports = self._ports, []
        for again in range(GOODBYES if ports and self._goodbye else 0):
            if again:
                await deferLater(self._reactor, BETWEEN)
            self._send("bye")
        await DeferredList([maybeDeferred(port.stopListening) for port in ports])

    def _beat(self) -> None:
        now = self._clocks().monotonic
        due = now if self._due is None else self._due
        self.lag = max(0.0, now - due)
        skipped = int(self.lag / self._interval)  # by the loop: those beats are not sent late, but never
        self._due = due + (skipped + 1) * self._interval
        self._send("ok")
        if self.sent == self._count:
            self._loop.stop()

    def _send(self, status: str) -> None:
        self.sent += 1
        now = self._clocks()
        beat = self.style.beat(
            self.sent,
            now.wall_ns,
            inc=self._inc,
            mono_ns=round(now.monotonic * 1e9),
            interval=self._interval,
            status=status,
            exit=self.exit if status == "bye" else None,
            lag=self.lag,
        )
        self._each(beat)
        line = self.style.line(beat)
        for protocol in self._protocols:
            protocol.beat(line)

    def _ended(self, loop: LoopingCall) -> None:
        if self.running:
            self._linger = self._reactor.callLater(LINGER, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        if not self.done.called:
            self.done.callback(None)
