"""The public kit: clocks that a test turns, ports in memory."""

from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from netlab.arguments import Address
from netlab.clocks import Instant
from netlab.testing import MemoryPort, TestClocks, pump

A, B, NOBODY = (("127.0.0.1", port) for port in (1, 2, 3))


class Countdown(DatagramProtocol):
    """Answers ``n`` with ``n-1``, until nothing is left to count."""

    transport: Any

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, Address]] = []

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        self.heard.append((datagram, addr))
        if int(datagram):
            self.transport.write(b"%d" % (int(datagram) - 1), addr)


class KitTests(SynchronousTestCase):
    """`TestClocks`, `MemoryPort` and `pump`"""

    def test_clocks(self) -> None:
        """Both clocks advance together; a step is one of the wall clock alone."""
        clocks = TestClocks(wall_ns=10**18)
        clocks.advance(1.5)
        self.assertEqual(clocks(), Instant(1.5, 10**18 + 1_500_000_000))
        clocks.step(-3600)
        self.assertEqual(clocks(), Instant(1.5, 10**18 + 1_500_000_000 - 3_600 * 10**9))

    def test_pump(self) -> None:
        """Datagrams are carried until all is quiet; those for nobody are dropped."""
        one, other = MemoryPort(A, Countdown()), MemoryPort(B, Countdown())
        one.write(b"9", NOBODY)
        one.write(b"3", B)
        pump(one, other)
        self.assertEqual(one.protocol.heard, [(b"2", B), (b"0", B)])  # type: ignore[attr-defined]
        self.assertEqual(other.protocol.heard, [(b"3", A), (b"1", A)])  # type: ignore[attr-defined]
        self.assertEqual((one.written, other.written), ([], []))

    def test_port(self) -> None:
        """A port knows its address, fails once when it is told to, and writes to where it is connected."""
        port = MemoryPort(A, Countdown())
        self.assertEqual((port.getHost().host, port.getHost().port), A)
        port.connect(*B)
        port.failure = OSError("no")
        self.assertRaises(OSError, port.write, b"1")
        port.write(b"1")
        self.assertEqual(port.take(), [(b"1", B)])
        port.waiting.append((b"0", B))
        port.drain()
        self.assertEqual(port.protocol.heard, [(b"0", B)])  # type: ignore[attr-defined]
        self.successResultOf(port.stopListening())
        self.assertIsNone(port.protocol.transport)
