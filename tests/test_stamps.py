"""`StampedPort` on a socket of our making: stamps, the error queue, classes, counts that stay in step."""

import errno
import socket
import struct
from collections import deque
from typing import Any
from unittest import mock

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from netlab import stamps
from netlab.arguments import Address
from netlab.clocks import Reception
from netlab.stamps import StampedPort

PEER = ("127.0.0.1", 4000)
TIMESTAMPING = 37
ERROR_QUEUE = 0x2000
Ancillary = list[tuple[int, int, bytes]]


def stamp(ns: int) -> tuple[int, int, bytes]:
    """The kernel's three timespecs, the first of them filled."""
    return socket.SOL_SOCKET, TIMESTAMPING, struct.pack("@qqqqqq", *divmod(ns, 10**9), 0, 0, 0, 0)


def extended(number: int, origin: int, key: int = 0) -> tuple[int, int, bytes]:
    """An error of the error queue's (struct sock_extended_err)."""
    return socket.IPPROTO_IP, 11, struct.pack("@IBBBBII", number, origin, 0, 0, 0, 0, key)


class Socket:
    """Two queues, and a memory of what was sent and set."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.data: deque[tuple[bytes, Ancillary] | OSError] = deque()
        self.errors: deque[tuple[Ancillary, Address]] = deque()
        self.sent: list[tuple[bytes, Ancillary, Address]] = []
        self.failures: deque[OSError] = deque()
        self.options: list[tuple[int, int, int]] = []
        self.refused: set[int] = set()  # options that this system does not have
        self.memory = struct.pack("=9I", *range(9))

    def recvmsg(self, size: int, ancillary: int, flags: int = 0) -> tuple[bytes, Ancillary, int, Any]:
        if flags == ERROR_QUEUE:
            if not self.errors:
                raise BlockingIOError
            found, peer = self.errors.popleft()
            return b"", found, flags, peer
        if not self.data:
            raise BlockingIOError
        item = self.data.popleft()
        if isinstance(item, OSError):
            raise item
        return *item, 0, (*PEER, 0, 0)

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        datagram, _, _, peer = self.recvmsg(size, 0)
        return datagram, peer

    def sendmsg(self, parts: list[bytes], ancillary: Ancillary, flags: int, peer: Address) -> None:
        if self.failures:
            raise self.failures.popleft()
        self.sent.append((b"".join(parts), ancillary, peer))

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if option in self.refused:
            raise OSError(errno.ENOPROTOOPT, "no")
        self.options.append((level, option, value))

    def getsockopt(self, level: int, option: int, length: int) -> bytes:
        if option in self.refused:
            raise OSError(errno.ENOPROTOOPT, "no")
        return self.memory


class Kept(DatagramProtocol):
    """Keeps all that it is told."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Reception]] = []
        self.departures: list[tuple[object, int]] = []
        self.failures: list[tuple[int | None, Any]] = []

    def stampedReceived(self, datagram: bytes, peer: Address, reception: Reception) -> None:
        assert peer == PEER
        self.received.append((datagram, reception))

    def departed(self, token: object, ns: int) -> None:
        self.departures.append((token, ns))

    def networkError(self, failure: OSError, peer: Address | None = None) -> None:
        self.failures.append((failure.errno, peer))


class Plain(DatagramProtocol):
    """Knows nothing of stamps."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        self.received.append(datagram)


class PortTests(SynchronousTestCase):
    """`StampedPort`"""

    def port(self, protocol: Any = None, six: bool = False, refused: tuple[int, ...] = ()) -> Any:
        self.kept, self.socket = Kept() if protocol is None else protocol, Socket()
        self.socket.refused = set(refused)
        if six:
            self.socket.family = socket.AF_INET6
        port: Any = StampedPort(0, self.kept, "::1" if six else "127.0.0.1", Clock())
        with mock.patch("twisted.internet.udp.Port.createInternetSocket", return_value=self.socket):
            port.socket = port.createInternetSocket()
        return port

    def test_received(self) -> None:
        """A datagram comes with the kernel's stamp, its TTL and its class; what was not noted is None."""
        port = self.port()
        noted = [stamp(5_000_000_007), (0, 2, struct.pack("@i", 61)), (0, 1, b"\xb8")]
        self.socket.data.extend([(b"a", noted), (b"b", []), (b"c", [stamp(0)])])
        port.doRead()
        self.assertEqual(
            self.kept.received,
            [(b"a", Reception(5_000_000_007, 61, 184)), (b"b", Reception()), (b"c", Reception())],
        )

    def test_received_over_ipv6(self) -> None:
        """So with IPv6."""
        port = self.port(six=True)
        self.socket.data.append((b"a", [(41, 52, struct.pack("@i", 61)), (41, 67, struct.pack("@i", 184))]))
        port.doRead()
        self.assertEqual(self.kept.received, [(b"a", Reception(None, 61, 184))])

    def test_plain(self) -> None:
        """A protocol that knows nothing of stamps is fed as ever."""
        port = self.port(Plain())
        self.socket.data.append((b"a", [stamp(5)]))
        port.doRead()
        self.assertEqual(self.kept.received, [b"a"])

    def test_departed(self) -> None:
        """Whoever gave a token hears when the datagram has left; others are not stamped."""
        port = self.port()
        port.stamped_write(b"a", PEER)
        for number, token in enumerate("xyz"):
            port.stamped_write(b"b", PEER, token)
            self.socket.errors.append(([stamp(100 + number), extended(42, 4, number)], ("", 0)))
        port.doRead()
        self.assertEqual(self.kept.departures, [("x", 100), ("y", 101), ("z", 102)])
        self.assertEqual([len(ancillary) for _, ancillary, _ in self.socket.sent], [0, 1, 1, 1])

    def test_strange_departures(self) -> None:
        """Departures that nobody asked for, twice, or without a stamp, are nobody's."""
        port = self.port()
        port.stamped_write(b"a", PEER, "x")
        for found in ([stamp(1), extended(42, 4, 7)], [extended(42, 4, 0)], [stamp(1), extended(42, 4, 0)]):
            self.socket.errors.append((found, ("", 0)))
        port.doRead()
        self.assertEqual(self.kept.departures, [])

    def test_deaf_protocol(self) -> None:
        """A protocol that does not want to hear of departures does not."""
        port = self.port(Plain())
        port.stamped_write(b"a", PEER, "x")
        self.socket.errors.append(([stamp(1), extended(42, 4, 0)], ("", 0)))
        port.doRead()

    def test_bounded(self) -> None:
        """Only so many departures are waited for."""
        self.patch(stamps, "_AWAITED", 3)
        port = self.port()
        for token in range(5):
            port.stamped_write(b"a", PEER, token)
        for number in range(5):
            self.socket.errors.append(([stamp(1), extended(42, 4, number)], ("", 0)))
        port.doRead()
        self.assertEqual([token for token, _ in self.kept.departures], [2, 3, 4])

    def test_marks(self) -> None:
        """Class and TTL go with the datagram."""
        for six, wanted in ((False, [(0, 1), (0, 2)]), (True, [(41, 67), (41, 52)])):
            port = self.port(six=six)
            port.stamped_write(b"a", PEER, tos=184, ttl=9)
            ((_, ancillary, _),) = self.socket.sent
            self.assertEqual([mark[:2] for mark in ancillary], wanted)
            self.assertEqual([mark[2] for mark in ancillary], [struct.pack("@i", 184), struct.pack("@i", 9)])

    def test_icmp(self) -> None:
        """An ICMP error comes with whom it is about, also when it waits in front of the next datagram."""
        port = self.port()
        self.socket.errors.append(([extended(errno.ECONNREFUSED, 2)], (*PEER, 0, 0)))
        self.socket.failures.append(OSError(errno.ECONNREFUSED, "refused"))
        port.stamped_write(b"a", PEER)
        self.assertEqual(self.kept.failures, [(errno.ECONNREFUSED, PEER)])
        self.assertEqual([datagram for datagram, _, _ in self.socket.sent], [b"a"])

    def test_other_errors(self) -> None:
        """What is in the error queue besides is left there."""
        port = self.port()
        self.socket.errors.append(([extended(1, 9)], PEER))
        self.socket.data.append(OSError(errno.EHOSTUNREACH, "no route"))
        port.doRead()
        self.assertEqual(self.kept.failures, [(errno.EHOSTUNREACH, None)])

    def test_not_taken(self) -> None:
        """A datagram that was not taken may or may not have been counted: the count begins anew."""
        port = self.port()
        port.stamped_write(b"a", PEER, "x")
        for number in (errno.EPERM, errno.EHOSTUNREACH):
            self.socket.failures.extend([OSError(number, "no")] * 2)
            self.assertRaises(OSError, port.stamped_write, b"b", PEER, "y")
            self.socket.failures.clear()
        flags = [value for _, option, value in self.socket.options if option == TIMESTAMPING]
        self.assertEqual(flags[-2:], [2072, 2200])  # without numbers, then with them
        port.stamped_write(b"c", PEER, "z")
        self.socket.errors.append(([stamp(7), extended(42, 4, 0)], ("", 0)))
        port.doRead()
        self.assertEqual(self.kept.departures, [("z", 7)])

    def test_drops(self) -> None:
        """What our own queue dropped; nothing where that is not told."""
        port = self.port()
        self.assertEqual(port.drops(), 8)
        self.socket.memory = bytes(8)
        self.assertEqual(port.drops(), 0)
        self.socket.refused = {55}
        self.assertEqual(port.drops(), 0)

    def test_without_stamps(self) -> None:
        """Where the kernel has no such option nothing is asked of it."""
        port = self.port(refused=(TIMESTAMPING,))
        self.assertFalse(port.kernel_stamps)
        port.stamped_write(b"a", PEER, "x")
        self.assertEqual(self.socket.sent, [(b"a", [], PEER)])

    def test_elsewhere(self) -> None:
        """On other systems it is a port as any."""
        self.patch(stamps, "LINUX", False)
        port = self.port()
        self.assertEqual((self.socket.options, port.kernel_stamps, port.drops()), ([], False, 0))
        self.socket.data.append((b"a", []))
        port.doRead()
        self.assertEqual(self.kept.received, [(b"a", Reception())])

    def test_real_socket(self) -> None:
        """A socket of the system's takes the options."""
        port: Any = StampedPort(0, Kept(), "127.0.0.1", MemoryReactorClock())
        udp = port.createInternetSocket()
        self.addCleanup(udp.close)
        self.assertEqual(port.kernel_stamps, stamps.LINUX)
