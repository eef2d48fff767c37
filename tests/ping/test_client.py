"""`Pinger`: a ping, a run, a stream of samples, over ports that runs share."""

import errno
import itertools
import socket
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from netlab import stamps
from netlab.clocks import Instant
from netlab.errors import TimedOut, Unreachable
from netlab.ping import Pinger, Plan, ReflectorProtocol, Report, Sample, State
from netlab.ping import client as client_module
from netlab.testing import MemoryPort, TestClocks, pump
from tests.memory import MemoryReactor, OpenedPort

HERE = ("127.0.0.1", 12000)


class MemoryTestCase(SynchronousTestCase):
    """A pinger on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor, self.clocks, self.samples = MemoryReactor(), TestClocks(), list[Sample]()
        self.clocks.clock = self.reactor
        self.patch(stamps, "StampedPort", OpenedPort)
        self.patch(OpenedPort, "opened", [])
        self.pinger = Pinger(self.reactor, self.clocks, Random(1))

    def reflect(self, address: tuple[str, int] = HERE) -> None:
        pump(*OpenedPort.opened, MemoryPort(address, ReflectorProtocol(clocks=self.clocks)))

    def assert_over(self) -> None:
        self.assertTrue(all(port.stopped for port in OpenedPort.opened))
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class RunTests(MemoryTestCase):
    """`Pinger.run`"""

    def run_to(self, host: str = "127.0.0.1", port: int = 12000, **options: Any) -> Deferred[Report]:
        each = options.pop("each", self.samples.append)
        return self.pinger.run(host, port, Plan(**options), each)

    def test_course(self) -> None:
        """Ten pings to port 12000, as the course has it."""
        run = self.run_to()
        self.reflect()
        report = self.successResultOf(run)
        self.assertEqual((report.sent, report.received, len(self.samples)), (10, 10, 10))
        self.assert_over()

    def test_nobody_listens_to_it(self) -> None:
        """Nobody need hear of each ping."""
        run = self.pinger.run("127.0.0.1", plan=Plan(count=1))
        self.reflect()
        self.assertEqual(self.successResultOf(run).received, 1)

    def test_any_address(self) -> None:
        """Who pings the address that a server listens on means the machine itself."""
        for host, meant in (("0.0.0.0", "127.0.0.1"), ("::", "::1")):
            run = self.run_to(host, port=5)
            self.reflect((meant, 5))
            self.assertEqual(self.successResultOf(run).received, 10)

    def test_nothing_after_the_end(self) -> None:
        """When the caller's own function ends the run, no further ping leaves and no timer stays."""
        run = self.run_to(each=lambda sample: 1 / 0)
        port: Any = OpenedPort.opened[0]
        port.take()
        port.protocol.datagramReceived(b"Pong 1 x", HERE)
        self.failureResultOf(run, ZeroDivisionError)
        self.assertEqual(port.take(), [])
        self.assert_over()

    def test_no_port(self) -> None:
        """Where no port can be opened, as without IPv6, the peer is unreachable."""

        def refuse(port: OpenedPort) -> None:
            raise CannotListenError("::", 0, OSError(errno.EAFNOSUPPORT, "Address family not supported"))

        self.patch(OpenedPort, "startListening", refuse)
        self.failureResultOf(self.run_to("::1"), Unreachable)

    def test_families(self) -> None:
        """The port is of the peer's family; one that was asked for is looked up."""
        for host, interface in (("127.0.0.1", "0.0.0.0"), ("::1", "::")):
            run = self.run_to(host, port=5)
            self.assertEqual(OpenedPort.opened[-1].interface, interface)
            self.reflect((host, 5))
            self.assertEqual(self.successResultOf(run).received, 10)
        self.failureResultOf(self.run_to("127.0.0.1", family=socket.AF_INET6), Unreachable)

    def test_no_such_host(self) -> None:
        """Without an address no port is opened."""
        failure = self.failureResultOf(self.run_to("a..b"), Unreachable)
        self.assertTrue(str(failure.value).startswith("no such host: a..b ("))
        self.assertEqual(OpenedPort.opened, [])

    def test_refused(self) -> None:
        """A peer that is not there ends the run."""
        run = self.run_to()
        protocol: Any = OpenedPort.opened[0].protocol
        protocol.networkError(OSError(errno.EHOSTUNREACH, "No route to host"), HERE)
        failure = self.failureResultOf(run, Unreachable)
        self.assertEqual(str(failure.value), "127.0.0.1:12000 cannot be reached: no route to host")
        self.assert_over()

    def test_cancelled(self) -> None:
        """A cancelled run gives what there is: the ping on its way counts as sent, and not as lost."""
        run = self.run_to()
        self.clocks.advance(1)
        run.cancel()
        report = self.successResultOf(run)
        self.assertEqual((report.sent, report.lost, report.run.outstanding), (2, 1, 1))
        self.assert_over()

    def test_cancelled_while_held(self) -> None:
        """A sample that waits for its follow-up is told when the run is cancelled."""
        run = self.run_to(protocol="stamp", interval=1)
        self.clocks.advance(0.1)
        ticks = itertools.count(1)
        busy = ReflectorProtocol(clocks=lambda: Instant(0.0, next(ticks) * 1_000_000))
        pump(*OpenedPort.opened, MemoryPort(HERE, busy))
        self.assertEqual(self.samples, [])
        run.cancel()
        self.assertEqual(self.successResultOf(run).received, 1)
        self.assertEqual(len(self.samples), 1)

    def test_mistaken_listener(self) -> None:
        """An exception of the caller's own function ends the run with it."""
        run = self.run_to(count=1, each=lambda sample: 1 / 0)
        self.clocks.advance(1)
        self.failureResultOf(run, ZeroDivisionError)
        self.assert_over()

    def test_shared_port(self) -> None:
        """Runs share a port, but for two of text with one reflector, whose replies would look alike."""
        runs = [
            self.run_to(port=port, protocol=protocol)
            for port, protocol in ((1, "text"), (2, "text"), (1, "stamp"), (1, "stamp"), (1, "text"))
        ]
        self.assertEqual(len(OpenedPort.opened), 2)
        reflectors = [
            MemoryPort(("127.0.0.1", port), ReflectorProtocol(clocks=self.clocks)) for port in (1, 2)
        ]
        opened: Any = OpenedPort.opened
        opened[1].address = ("127.0.0.1", 4001)
        pump(*opened, *reflectors)
        for run in runs:
            self.assertEqual(self.successResultOf(run).received, 10)
        self.assert_over()

    def test_wrong_plans(self) -> None:
        """A caller's mistake is told as one, before anything is done."""
        for options in (
            {"count": 0},
            {"count": -1},
            {"timeout": 0},
            {"timeout": -1.0},
            {"protocol": "icmp"},
            {"interval": 0},
            {"poisson": True},
            {"duration": 0},
            {"size": 70_000},
            {"dscp": 64},
            {"ttl": 0},
            {"key": b"x"},
        ):
            self.assertRaises(ValueError, self.run_to, **options)
        self.assertEqual(OpenedPort.opened, [])


class PingTests(MemoryTestCase):
    """`Pinger.ping`"""

    def test_one(self) -> None:
        """One ping gives its sample."""
        ping = self.pinger.ping("127.0.0.1")
        self.reflect()
        sample = self.successResultOf(ping)
        self.assertEqual((sample.sequence, sample.state), (1, State.RECEIVED))
        self.assert_over()

    def test_lost(self) -> None:
        """One that is lost is a `TimedOut`."""
        ping = self.pinger.ping("127.0.0.1", plan=Plan(timeout=0.5))
        self.clocks.advance(0.5)
        failure = self.failureResultOf(ping, TimedOut)
        self.assertEqual(str(failure.value), "no reply from 127.0.0.1:12000 within 0.5 s")

    def test_cancelled(self) -> None:
        """One that is cancelled leaves nothing behind."""
        ping = self.pinger.ping("127.0.0.1")
        ping.cancel()
        self.failureResultOf(ping, CancelledError)
        self.assert_over()


class SamplesTests(MemoryTestCase):
    """`Pinger.samples`"""

    async def read(self, samples: Any, most: int = 100) -> list[Sample]:
        found: list[Sample] = []
        async for sample in samples:
            found.append(sample)
            if len(found) == most:
                samples.close()
        return found

    def test_iterates(self) -> None:
        """Every sample comes, then the report."""
        samples = self.pinger.samples("127.0.0.1")
        read = Deferred.fromCoroutine(self.read(samples))
        self.assertNoResult(read)
        self.reflect()
        self.assertEqual([sample.sequence for sample in self.successResultOf(read)], list(range(1, 11)))
        assert samples.report is not None
        self.assertEqual(samples.report.received, 10)
        self.assert_over()

    def test_closed(self) -> None:
        """A reader that has enough closes the run."""
        samples = self.pinger.samples("127.0.0.1", plan=Plan(count=None, interval=0.1))
        samples.close()
        read = Deferred.fromCoroutine(self.read(samples, 2))
        for _ in range(4):
            self.reflect()
            self.clocks.advance(0.1)
        self.assertEqual(len(self.successResultOf(read)), 2)
        samples.close()
        self.assert_over()

    def test_failure(self) -> None:
        """What ends the run, the reader hears."""
        read = Deferred.fromCoroutine(self.read(self.pinger.samples("a..b")))
        self.failureResultOf(read, Unreachable)

    def test_slow_reader(self) -> None:
        """Who does not read loses the oldest, and knows how many."""
        self.patch(client_module, "MAX_UNREAD", 3)
        samples = self.pinger.samples("127.0.0.1")
        first = Deferred.fromCoroutine(samples.__anext__())
        self.reflect()
        self.assertEqual(self.successResultOf(first).sequence, 1)
        rest = self.successResultOf(Deferred.fromCoroutine(self.read(samples)))
        self.assertEqual(samples.unread + len(rest), 9)
        self.assertEqual(rest[-1].sequence, 10)
