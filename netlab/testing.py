"""
A kit for tests without a network: clocks that a test turns, a UDP transport that keeps what it is given.

Put a protocol on a `MemoryPort` and hand it a `TestClocks`; `pump` carries datagrams between two of them.
"""

from dataclasses import dataclass
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock

from netlab.arguments import Address
from netlab.clocks import Instant


class TestClocks:
    """
    Both clocks of one machine: call it for an `Instant`.

    `clock` schedules and is the monotonic clock; `advance` turns both, `step` the wall clock alone.
    """

    __test__ = False  # pytest: this is no test

    def __init__(self, wall_ns: int = 1_795_358_159_000_000_000) -> None:
        self.clock = Clock()
        self._wall_ns = wall_ns

    def __call__(self) -> Instant:
        return Instant(self.clock.seconds(), self._wall_ns + round(self.clock.seconds() * 1e9))

    def advance(self, seconds: float) -> None:
        """Let time pass; what is scheduled happens."""
        self.clock.advance(seconds)

    def step(self, seconds: float) -> None:
        """Set the wall clock, as an administrator or NTP does."""
        self._wall_ns += round(seconds * 1e9)


@dataclass
class MemoryPort:
    """A UDP port at *address*: `written` keeps every datagram with its destination, in order."""

    address: Address
    protocol: DatagramProtocol

    def __post_init__(self) -> None:
        self.written: list[tuple[bytes, Address | None]] = []
        self.waiting: list[tuple[bytes, Address]] = []  # what `drain` finds in the queue
        self.connected: Address | None = None
        self.failure: OSError | None = None  # what the next `write` or `connect` meets
        transport: Any = self
        self.protocol.makeConnection(transport)

    def write(self, datagram: bytes, addr: Address | None = None) -> None:
        self._fail()
        self.written.append((datagram, addr or self.connected))

    def connect(self, host: str, port: int) -> None:
        self._fail()
        self.connected = host, port

    def drain(self) -> None:
        waiting, self.waiting = self.waiting, []
        for datagram, peer in waiting:
            self.protocol.datagramReceived(datagram, peer)

    def getHost(self) -> IPv4Address:
        return IPv4Address("UDP", *self.address)

    def stopListening(self) -> Deferred[Any]:
        self.protocol.doStop()
        return succeed(None)

    def take(self) -> list[tuple[bytes, Address | None]]:
        """What was written since the last call."""
        written, self.written = self.written, []
        return written

    def _fail(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


def pump(*ports: MemoryPort) -> None:
    """Carry datagrams between *ports* by their addresses, until none is left; others are dropped."""
    moved = True
    while moved:
        moved = False
        for port in ports:
            for datagram, destination in port.take():
                for other in ports:
                    if other.address == destination:
                        other.protocol.datagramReceived(datagram, port.address)
                        moved = True
