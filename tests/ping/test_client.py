"""`Pinger`: a run as a Deferred, over a port of its own."""

import errno
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from netlab import udp
from netlab.errors import Unreachable
from netlab.ping import Pinger, ReflectorProtocol, Sample, Summary
from netlab.testing import MemoryPort, TestClocks, pump
from tests.memory import MemoryReactor, OpenedPort


class PingerTests(SynchronousTestCase):
    """`Pinger` on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor, self.clocks, self.samples = MemoryReactor(), TestClocks(), list[Sample]()
        self.clocks.clock = self.reactor
        self.patch(udp, "DatagramPort", OpenedPort)
        self.patch(OpenedPort, "opened", [])

    def ping(self, host: str = "127.0.0.1", **options: Any) -> Deferred[Summary]:
        options = {"each": self.samples.append, **options}
        return Pinger(self.reactor, self.clocks).ping(host, **options)

    def reflect(self, address: tuple[str, int]) -> None:
        pump(*OpenedPort.opened, MemoryPort(address, ReflectorProtocol()))

    def assert_over(self) -> None:
        self.assertTrue(all(port.stopped for port in OpenedPort.opened))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_course(self) -> None:
        """Ten pings to port 12000, as the course has it."""
        run = self.ping()
        self.reflect(("127.0.0.1", 12000))
        summary = self.successResultOf(run)
        self.assertEqual((summary.sent, summary.received, len(self.samples)), (10, 10, 10))
        self.assert_over()

    def test_nobody_listens_to_it(self) -> None:
        """Nobody need hear of each ping."""
        run = Pinger(self.reactor, self.clocks).ping("127.0.0.1", count=1)
        self.reflect(("127.0.0.1", 12000))
        self.assertEqual(self.successResultOf(run).received, 1)

    def test_any_address(self) -> None:
        """Who pings the address that a server listens on means the machine itself."""
        for host, meant in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):
            run = self.ping(host, port=5)
            self.reflect((meant, 5))
            self.assertEqual(self.successResultOf(run).received, 10)

    def test_nothing_after_the_end(self) -> None:
        """When the caller's own function ends the run, no further ping leaves and no timer stays."""
        run = self.ping(each=lambda sample: 1 / 0)
        port: Any = OpenedPort.opened[0]
        port.take()
        port.protocol.datagramReceived(b"Pong 1 x", ("127.0.0.1", 12000))
        self.failureResultOf(run, ZeroDivisionError)
        self.assertEqual(port.take(), [])
        self.assert_over()

    def test_no_port(self) -> None:
        """Where no port can be opened, as without IPv6, the peer is unreachable."""

        def refuse(port: OpenedPort) -> None:
            raise CannotListenError("::", 0, OSError(errno.EAFNOSUPPORT, "Address family not supported"))

        self.patch(OpenedPort, "startListening", refuse)
        self.failureResultOf(self.ping("::1"), Unreachable)

    def test_families(self) -> None:
        """The port is of the peer's family."""
        for host, interface in (("127.0.0.1", "0.0.0.0"), ("::1", "::")):
            run = self.ping(host, port=5)
            port = OpenedPort.opened[-1]
            self.assertEqual((port.interface, port.connected), (interface, (host, 5)))
            self.reflect((host, 5))
            self.assertEqual(self.successResultOf(run).received, 10)

    def test_no_such_host(self) -> None:
        """Without an address no port is opened."""
        failure = self.failureResultOf(self.ping("a..b"), Unreachable)
        self.assertTrue(str(failure.value).startswith("no such host: a..b ("))
        self.assertEqual(OpenedPort.opened, [])

    def test_refused(self) -> None:
        """A peer that is not there ends the run."""
        run = self.ping()
        protocol: Any = OpenedPort.opened[0].protocol
        protocol.networkError(OSError(errno.EHOSTUNREACH, "No route to host"))
        failure = self.failureResultOf(run, Unreachable)
        self.assertEqual(str(failure.value), "127.0.0.1:12000 cannot be reached: no route to host")
        self.assert_over()

    def test_cancelled(self) -> None:
        """A cancelled run gives what there is: the ping on its way counts as sent."""
        run = self.ping()
        self.clocks.advance(1)
        run.cancel()
        summary = self.successResultOf(run)
        self.assertEqual((summary.sent, summary.received, len(self.samples)), (2, 0, 1))
        self.assert_over()

    def test_mistaken_listener(self) -> None:
        """An exception of the caller's own function ends the run with it."""
        run = self.ping(count=1, each=lambda sample: 1 / 0)
        self.clocks.advance(1)
        self.failureResultOf(run, ZeroDivisionError)
        self.assert_over()

    def test_wrong_arguments(self) -> None:
        """A caller's mistake is told as one, before a port is opened."""
        for options in ({"count": 0}, {"count": -1}, {"timeout": 0}, {"timeout": -1.0}):
            self.failureResultOf(self.ping(**options), ValueError)
        self.assertEqual(OpenedPort.opened, [])
