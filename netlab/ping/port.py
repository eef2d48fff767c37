"""One UDP port with kernel stamps for as many probe sessions as wanted."""

from collections import deque
from statistics import median
from typing import TYPE_CHECKING, Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from netlab import stamps
from netlab.arguments import Address
from netlab.clocks import Clocks, Reception
from netlab.errors import WireError
from netlab.ping.dialect import Corrupt, Stamp
from netlab.udp import why_unreachable

if TYPE_CHECKING:
    from netlab.ping.probe import ProbeSession

CALIBRATIONS = 15  # datagrams that a port sends to itself before it measures
PAUSE = 0.01  # seconds between two of them: as rare as pings are
OFTEN, SELDOM = 0.06, 1.0  # seconds, in the mean, between two while it measures: at first, and later
COMPARED = 255  # the last ones count
UNSTAMPED = Reception()


class ProbePort(DatagramProtocol):
    """Carry the pings of many sessions; a reply goes to the session of its sender that knows it."""

    noisy = False
    transport: Any

    def __init__(self, reactor: Any, clocks: Clocks, token: bytes) -> None:
        self.sessions: dict[Address, list[ProbeSession]] = {}
        self._reactor = reactor
        self._clocks = clocks
        self._token = token
        self._left: dict[int, int] = {}
        self._differences: deque[float] = deque(maxlen=COMPARED)
        self._number = 0  # of the last datagram to ourselves, modulo 256
        self._practice = Stamp(1)
        self._call: Any = None

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

    @property
    def stamp_error(self) -> float | None:
        """By how many seconds the kernel's stamps of one moment differ, the median of late."""
        return median(self._differences) if self._differences else None

    async def calibrate(self) -> None:
        """
        Compare the kernel's stamps of leaving and coming, on datagrams that this port sends to itself.

        A few come before the first ping; from then on one now and then, as long as the port is open.
        """
        for _ in range(CALIBRATIONS):
            if not self._send_to_itself():
                return
            await deferLater(self._reactor, PAUSE)
        self._go_on()

    def stopProtocol(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _go_on(self) -> None:
        self._call = None
        if self._send_to_itself():
            # By the golden ratio the pauses keep step with no schedule of pings.
            mean = OFTEN if len(self._differences) < COMPARED else SELDOM
            pause = mean * (0.5 + self._number * 0.618034 % 1)
            self._call = self._reactor.callLater(pause, self._go_on)

    def _send_to_itself(self) -> bool:
        """Tell whether it could be done."""
        if not getattr(self.transport, "kernel_stamps", False):
            return False
        self._number = (self._number + 1) % 256
        here = self._loopback, self.transport.getHost().port
        # Made as a ping is, so that the processor's caches are as cold as they are for one.
        ping = self._practice.request(self._number, self._clocks().wall_ns, self._number)
        try:
            self.transport.stamped_write(self._token + ping + bytes((self._number,)), here, self._number)
        except OSError:  # there is no loopback here
            return False
        return True

    @property
    def drops(self) -> int:
        """Datagrams that our own receive queue has dropped."""
        drops = getattr(self.transport, "drops", None)
        return 0 if drops is None else drops()

    def drain(self) -> None:
        """Read what waits in the queue now."""
        drain = getattr(self.transport, "drain", None)
        if drain is not None:
            drain()

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
