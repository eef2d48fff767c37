"""`ReflectorProtocol`: the reflector on a UDP port."""

from typing import Any

from netlab.arguments import address_text
from netlab.clocks import Clocks, read_clocks
from netlab.ping.impair import Impairment
from netlab.ping.reflector import REPLIES, Dropped, Reflector
from netlab.udp import MachineProtocol


class ReflectorProtocol(MachineProtocol[Dropped]):
    """
    Answer pings: a `DatagramProtocol` for ``listenUDP``.

    *reply* is one of "pong", "upper", "echo"; without an *impairment* nothing is lost on purpose.
    """

    def __init__(
        self,
        reply: str = "pong",
        impairment: Impairment | None = None,
        clock: Any = None,
        clocks: Clocks = read_clocks,
    ) -> None:
        self.reflector = Reflector(REPLIES[reply], impairment)
        super().__init__(self.reflector, self._dropped, clock, clocks)

    def startProtocol(self) -> None:
        self.reflector.own_ports = frozenset({self.transport.getHost().port})
        super().startProtocol()

    def counts_line(self) -> str:
        """What was received so far, and what became of it."""
        counts = self.reflector
        return (
            f"{counts.received} pings received, {counts.answered} answered,"
            f" {counts.dropped} dropped on purpose; {self.rejected} other datagrams refused"
        )

    def _dropped(self, dropped: Dropped) -> None:
        self.log.debug("dropped {text} from {peer}", text=dropped.datagram, peer=address_text(dropped.peer))
