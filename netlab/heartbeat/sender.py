"""`HeartbeatSender`: a Twisted Service that beats while the reactor turns."""

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from netlab.arguments import Address
from netlab.clocks import Clocks, read_clocks
from netlab.errors import Unreachable
from netlab.heartbeat import wire
from netlab.udp import DatagramPort, PeerProtocol, why_unreachable

LINGER = 0.1  # seconds to wait after the last of --count beats for the news that nobody listens


class BeatProtocol(PeerProtocol):
    """Send beats to one monitor; remember whether the last one found it."""

    log = Logger()

    def __init__(self, monitor: Address, clocks: Clocks, each: Callable[[wire.Beat], object]) -> None:
        super().__init__(monitor)
        self.sent = 0
        self.unreachable: Unreachable | None = None  # why the last beat was not delivered
        self._warned = False
        self._clocks = clocks
        self._each = each

    def beat(self) -> None:
        """Send one beat; a beat that cannot leave is lost, and its number with it."""
        self.sent += 1
        beat = wire.Beat(self.sent, self._clocks().wall_ns)
        self._each(beat)
        self.unreachable = None
        self.send(wire.encode(beat))

    def networkError(self, failure: OSError) -> None:
        self.unreachable = why_unreachable(self.peer, failure)
        if not self._warned:
            self._warned = True
            self.log.warn("{why}; beating on", why=self.unreachable)


class HeartbeatSender(Service):
    """
    Send ``Heartbeat SEQ TIME`` to *monitor*, an IP address and a port, every *interval* seconds.

    With *count* it ends by itself: `done` fires then, and when the service stops. *each* hears of
    every beat as it leaves; an exception there ends the beats, and `done` with it. A monitor that is
    not there is logged once; the beats go on.
    """

    def __init__(
        self,
        reactor: Any,
        monitor: Address,
        interval: float = 1.0,
        count: int | None = None,
        each: Callable[[wire.Beat], object] = lambda beat: None,
        clocks: Clocks = read_clocks,
    ) -> None:
        self.done: Deferred[None] = Deferred()
        self._reactor = reactor
        self._interval = interval
        self._count = count
        self._protocol = BeatProtocol(monitor, clocks, each)
        self._port: DatagramPort | None = None
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._linger: IDelayedCall | None = None

    @property
    def sent(self) -> int:
        """Beats sent so far."""
        return self._protocol.sent

    @property
    def unreachable(self) -> Unreachable | None:
        """Why a beat was not delivered, if one is known not to be."""
        return self._protocol.unreachable

    def startService(self) -> None:
        super().startService()
        self._port = self._protocol.open(self._reactor)
        self._loop.start(self._interval).addCallbacks(self._ended, self.done.errback)

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        if self._loop.running:
            self._loop.stop()
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
            self._finish()
        port, self._port = self._port, None
        return maybeDeferred(port.stopListening) if port is not None else succeed(None)

    def _beat(self) -> None:
        self._protocol.beat()
        if self.sent == self._count:
            self._loop.stop()

    def _ended(self, loop: LoopingCall) -> None:
        if self.running:
            self._linger = self._reactor.callLater(LINGER, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        if not self.done.called:
            self.done.callback(None)
