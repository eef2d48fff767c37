"""`ReflectorProtocol`: the reflector on a UDP port."""

from typing import Any

from netlab.arguments import Address, address_text
from netlab.clocks import Clocks, Instant, Reception, read_clocks
from netlab.clocksync import clock_error
from netlab.machines import MachineProtocol
from netlab.ping.impair import Impairment
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.reflector import REPLIES, Dropped, Reflector
from netlab.ping.session import Session
from netlab.ping.stamping import UNKNOWN_CLOCK, StampReflector, followed_up

CLOCK_CHECK = 16.0  # seconds between two looks at how well the wall clock is kept


class ReflectorProtocol(MachineProtocol[Dropped]):
    """
    Answer pings: a `DatagramProtocol` for ``listenUDP``, or for a `netlab.stamps.StampedPort`.

    *reply* is one of "pong", "upper", "echo"; "pong" answers STAMP as well, as *stamp* has it. Without
    an *impairment* nothing is lost on purpose.
    """

    def __init__(
        self,
        reply: str = "pong",
        impairment: Impairment | None = None,
        clock: Any = None,
        clocks: Clocks = read_clocks,
        stamp: StampReflector | None = None,
    ) -> None:
        self.reflector = Reflector(REPLIES[reply], impairment, stamp)
        super().__init__(self.reflector, self._dropped, clock, clocks)
        self._clock_checked = float("-inf")

    def startProtocol(self) -> None:
        self.reflector.own_ports = frozenset({self.transport.getHost().port})
        super().startProtocol()

    def stampedReceived(self, datagram: bytes, peer: Address, reception: Reception) -> None:
        """Take in a datagram of which the kernel has noted something."""
        self._take(datagram, peer, self._clocks(), reception)

    def departed(self, token: tuple[Session, int], ns: int) -> None:
        """Take note of when the kernel sent an answer."""
        session, sequence = token
        followed_up(session, sequence, ns)

    def counts_line(self) -> str:
        """What was received so far, and what became of it."""
        counts = self.reflector
        return (
            f"{counts.received} pings received, {counts.answered} answered,"
            f" {counts.dropped} dropped on purpose; {self.rejected} other datagrams refused"
        )

    def _send(self, now: Instant) -> None:
        leaving = self._clocks()  # anew: an answer carries when it leaves
        if leaving.monotonic - self._clock_checked > CLOCK_CHECK:
            self._clock_checked = leaving.monotonic
            error = clock_error()
            self.reflector.stamp.clock_error = (
                UNKNOWN_CLOCK if error is None else ErrorEstimate(error, synchronised=True)
            )
        super()._send(leaving)

    def _write(
        self,
        datagram: bytes,
        peer: Address,
        tos: int | None = None,
        session: tuple[Session, int] | None = None,
    ) -> None:
        stamped = getattr(self.transport, "stamped_write", None)
        if stamped is None:
            self.transport.write(datagram, peer)
        else:
            stamped(datagram, peer, session, tos)

    def _dropped(self, dropped: Dropped) -> None:
        self.log.debug("dropped {text} from {peer}", text=dropped.datagram, peer=address_text(dropped.peer))
