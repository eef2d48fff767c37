"""UDP: a port that nothing closes, peers that cannot be reached."""

import errno
import os
import select
import socket
from collections import deque
from typing import Any, NoReturn
from unittest import mock

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from netlab import udp
from netlab.arguments import Address
from netlab.errors import Unreachable
from netlab.testing import MemoryPort
from netlab.udp import (
    BATCH,
    DatagramPort,
    PeerProtocol,
    UDPService,
    resolve,
    why_unreachable,
)
from tests.memory import MemoryReactor, OpenedPort

PEER = ("127.0.0.1", 4000)
HERE = ("127.0.0.1", 5000)


class Socket:
    """A socket whose queue is a list of datagrams and errors."""

    def __init__(self, *queue: bytes | OSError) -> None:
        self.queue = deque(queue)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[Any, ...]]:
        if not self.queue:
            raise BlockingIOError
        item = self.queue.popleft()
        if isinstance(item, OSError):
            raise item
        return item[:size], (*PEER, 0, 0)


class Kept(DatagramProtocol):
    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.failures: list[OSError] = []

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        if datagram == b"poison":
            raise ZeroDivisionError
        assert addr == PEER
        self.received.append(datagram)

    def networkError(self, failure: OSError) -> None:
        self.failures.append(failure)


class PortTests(SynchronousTestCase):
    """`DatagramPort` on a socket of our making."""

    def port(self, protocol: DatagramProtocol, *queue: bytes | OSError) -> Any:
        port: Any = DatagramPort(0, protocol, "127.0.0.1", Clock())
        port.socket = Socket(*queue)
        return port

    def test_batches(self) -> None:
        """A turn reads a bounded number of datagrams, empty ones too; draining reads them all."""
        kept = Kept()
        port = self.port(kept, *[b""] * (3 * BATCH))
        port.doRead()
        self.assertEqual(len(kept.received), BATCH)
        port.drain()
        self.assertEqual(len(kept.received), 3 * BATCH)

    def test_empty_queue(self) -> None:
        """Draining asks no further once the queue is empty."""
        port = self.port(Kept(), b"a")
        port.socket.recvfrom = mock.Mock(wraps=port.socket.recvfrom)
        port.drain()
        self.assertEqual(port.socket.recvfrom.call_count, 2)

    def test_endless_queue(self) -> None:
        """Draining ends although the queue does not."""
        port = self.port(Kept())
        port.socket.recvfrom = lambda size: (b"", PEER)
        port.drain()

    def test_largest(self) -> None:
        """The largest datagram comes whole."""
        kept = Kept()
        self.port(kept, bytes(65_507)).doRead()
        self.assertEqual(len(kept.received[0]), 65_507)

    def test_errors(self) -> None:
        """An error is told to the protocol, and what is behind it is read."""
        kept, refused = Kept(), ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        self.port(kept, b"a", refused, b"b").doRead()
        self.assertEqual((kept.received, kept.failures), ([b"a", b"b"], [refused]))
        self.port(DatagramProtocol(), refused).doRead()

    def test_mistaken_listener(self) -> None:
        """A mistake in `networkError` is logged, and reading goes on."""
        kept = Kept()
        kept.networkError = lambda failure: 1 / 0  # type: ignore[assignment,method-assign,return-value]
        self.port(kept, ConnectionRefusedError(errno.ECONNREFUSED, "no"), b"a").doRead()
        self.assertEqual(kept.received, [b"a"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_mistake(self) -> None:
        """A mistake in the protocol is logged, and costs one datagram."""
        kept = Kept()
        self.port(kept, b"poison", b"a").doRead()
        self.assertEqual(kept.received, [b"a"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Peer(PeerProtocol):
    def __init__(self) -> None:
        super().__init__(PEER)
        self.failures: list[OSError] = []

    def networkError(self, failure: OSError) -> None:
        self.failures.append(failure)


class Handle:
    connected: Address | None = None

    def connect(self, peer: Address) -> None:
        self.connected = peer


class PeerTests(SynchronousTestCase):
    """`PeerProtocol`"""

    def test_connects(self) -> None:
        """It speaks with its peer alone."""
        protocol = Peer()
        port = MemoryPort(HERE, protocol)
        protocol.send(b"a")
        self.assertEqual(port.take(), [(b"a", PEER)])
        protocol.connectionRefused()
        self.assertEqual(protocol.failures[0].errno, errno.ECONNREFUSED)

    def test_no_route(self) -> None:
        """Where there is no route, that is told; and the next time there may be one."""
        protocol, handle = Peer(), Handle()
        port = MemoryPort(HERE, protocol)
        port.getHandle = lambda: handle  # type: ignore[attr-defined]
        for number in (errno.ENETUNREACH, errno.EDESTADDRREQ):
            port.failure = OSError(number, "no")
            protocol.send(b"a")
        self.assertEqual(len(protocol.failures), 2)
        self.assertEqual(handle.connected, PEER)
        port.failure = OSError(errno.ENETUNREACH, "no")
        protocol.startProtocol()
        self.assertEqual(len(protocol.failures), 3)

    def test_connected_already(self) -> None:
        """An error of another kind leaves the connection as it is."""
        protocol, handle = Peer(), Handle()
        port = MemoryPort(HERE, protocol)
        port.getHandle = lambda: handle  # type: ignore[attr-defined]
        port.failure = OSError(errno.ENETUNREACH, "no")
        protocol.send(b"a")
        self.assertIsNone(handle.connected)

    def test_words(self) -> None:
        """A user is told in one line."""
        refused = why_unreachable(PEER, ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
        self.assertEqual(str(refused), "127.0.0.1:4000 refused: nothing listens on that UDP port")
        other = why_unreachable(("::1", 1), OSError(errno.ENETUNREACH, "Network is unreachable"))
        self.assertEqual(str(other), "[::1]:1 cannot be reached: network is unreachable")

    def test_abstract(self) -> None:
        """What to do with an error is for each client to say."""
        self.assertRaises(NotImplementedError, PeerProtocol(PEER).networkError, OSError())


class FakeSocket(Socket):
    """A socket that the system may watch: it is the reading end of a pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.writing = os.pipe()

    def bind(self, address: Address) -> None:
        self.bound = address

    def getsockname(self) -> Address:
        return HERE

    def fileno(self) -> int:
        return self.reading

    def close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


class LocalPort(DatagramPort):
    """A port whose socket is none of the system's."""

    def createInternetSocket(self) -> Any:
        return FakeSocket()


class ServiceTests(SynchronousTestCase):
    """`UDPService`, and the descriptor that the reactor watches in the socket's place."""

    def setUp(self) -> None:
        self.patch(udp, "DatagramPort", LocalPort)
        self.reactor: Any = MemoryReactorClock()
        self.service = UDPService(HERE, Kept(), self.reactor)
        self.port: Any = self.service._port

    def stop(self) -> None:
        stopped: Any = self.service.stopService()
        self.reactor.advance(0)
        self.successResultOf(stopped)

    def test_watched(self) -> None:
        """The reactor watches a descriptor that errors on the socket do not touch, and that reads."""
        self.service.startService()
        self.assertEqual(self.service.address, HERE)
        self.assertNotEqual(self.port.fileno(), self.port.socket.fileno())
        ready = select.poll()
        ready.register(self.port.fileno(), select.POLLIN)
        self.assertEqual(ready.poll(0), [])
        os.write(self.port.socket.writing, b"x")
        self.assertEqual(ready.poll(0), [(self.port.fileno(), select.POLLIN)])
        self.stop()
        self.assertEqual(self.reactor.getReaders(), [])

    def test_paused(self) -> None:
        """Reading that is paused goes on with the same descriptor."""
        self.service.startService()
        watched = self.port.fileno()
        self.port.stopReading()
        self.port.startReading()
        self.assertEqual(self.port.fileno(), watched)
        self.stop()

    def test_again_at_once(self) -> None:
        """A service that starts again the moment it has stopped is watched as before."""
        self.service.startService()
        stopped: Any = self.service.stopService()
        stopped.addCallback(lambda result: self.service.startService())
        self.reactor.advance(0)
        self.assertNotEqual(self.port.fileno(), self.port.socket.fileno())
        self.stop()

    def test_again(self) -> None:
        """A service that stopped can start again, watched as before."""
        for _ in range(2):
            self.service.privilegedStartService()
            self.service.startService()
            self.assertNotEqual(self.port.fileno(), self.port.socket.fileno())
            self.stop()
        self.assertIsNone(self.service.stopService())

    def test_without_epoll(self) -> None:
        """Where the system has no epoll, the socket itself is watched."""
        self.patch(udp, "select", object())
        self.service.startService()
        self.assertEqual(self.port.fileno(), self.port.socket.fileno())
        self.stop()


class ResolveTests(SynchronousTestCase):
    """`resolve`: what needs no name server."""

    def test_addresses(self) -> None:
        """An address is its own, of either family."""
        for host in ("127.0.0.1", "::1"):
            self.assertEqual(self.successResultOf(resolve(MemoryReactor(), host, 5)), (host, 5))

    def test_no_such_host(self) -> None:
        """What cannot be looked up is unreachable, in one line."""
        for host in ("a..b", "a" * 64, ".", "a." * 500):
            with self.subTest(host=host[:20]):
                failure = self.failureResultOf(resolve(MemoryReactor(), host, 5), Unreachable)
                self.assertNotIn("\n", str(failure.value))

    def test_look_up_that_fails(self) -> None:
        """The system's reason is told."""

        def look_up(host: str, port: int, **hints: int) -> NoReturn:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        self.patch(socket, "getaddrinfo", look_up)
        failure = self.failureResultOf(resolve(MemoryReactor(), "a.example", 5), Unreachable)
        self.assertEqual(str(failure.value), "no such host: a.example (name or service not known)")


class OpenTests(SynchronousTestCase):
    """`PeerProtocol.open`"""

    def test_family(self) -> None:
        """The port is of the peer's family, of the system's choice, and connected to the peer."""
        self.patch(udp, "DatagramPort", OpenedPort)
        self.patch(OpenedPort, "opened", [])
        for peer, interface in ((PEER, "0.0.0.0"), (("::1", 5), "::")):
            protocol = Peer()
            protocol.peer = peer
            port: Any = protocol.open(MemoryReactor())
            self.assertEqual((port.interface, port.connected), (interface, peer))
