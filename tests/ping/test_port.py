"""Sessions on a port: each reply to its own, errors to whom they concern, an end in any case."""

import errno
from random import Random
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Reception
from netlab.errors import Unreachable
from netlab.ping.plan import Plan
from netlab.ping.port import CALIBRATIONS, COMPARED, PAUSE, SELDOM, ProbePort
from netlab.ping.probe import ProbeSession
from netlab.ping.sample import Clock, Sample, State
from netlab.ping.server import ReflectorProtocol
from netlab.testing import MemoryPort, TestClocks, pump

REFLECTOR = ("127.0.0.1", 12000)
HERE = ("127.0.0.1", 4000)
TOKEN = b"0123456789abcdef"


class StampedMemoryPort(MemoryPort):
    """A port in memory with kernel stamps: a datagram leaves 10 µs after it is written."""

    kernel_stamps = True
    clocks: TestClocks
    dropped = 0

    def stamped_write(
        self, datagram: bytes, peer: Any, token: object = None, tos: int | None = None, ttl: int | None = None
    ) -> None:
        self.write(datagram, peer)
        self.marks = (tos, ttl)
        protocol: Any = self.protocol
        if token is not None:
            protocol.departed(token, self.clocks().wall_ns + 10_000)

    def drops(self) -> int:
        return self.dropped


class SessionTests(SynchronousTestCase):
    """`ProbeSession` on a `ProbePort` in memory."""

    def setUp(self) -> None:
        self.clocks, self.samples = TestClocks(), list[Sample]()
        self.protocol = ProbePort(self.clocks.clock, self.clocks, TOKEN)
        self.port = MemoryPort(HERE, self.protocol)
        self.reflector = MemoryPort(REFLECTOR, ReflectorProtocol(clocks=self.clocks))

    def start(self, seed: int = 1, **plan: Any) -> ProbeSession:
        wanted = Plan(**{"count": 3, **plan})
        prober = wanted.prober(REFLECTOR, Random(seed))
        session = ProbeSession(self.protocol, prober, wanted, self.each, self.clocks.clock, self.clocks)
        session.start()
        return session

    def each(self, sample: Sample) -> None:
        if sample.reply == "Pong 1 fail":
            raise ZeroDivisionError
        self.samples.append(sample)

    def assert_left(self, *sessions: ProbeSession) -> None:
        for session in sessions:
            session.stop()
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])
        self.assertEqual(self.protocol.sessions, {})

    def test_run(self) -> None:
        """Every ping comes back, whatever the protocol; nothing stays behind."""
        for protocol in ("text", "stamp"):
            session = self.start(protocol=protocol)
            pump(self.port, self.reflector)
            self.successResultOf(session.done)
            self.assertEqual(session.report().received, 3)
            self.assert_left(session)

    def test_all_lost(self) -> None:
        """Each waits its second, and the run ends; a wall clock that is set back changes nothing."""
        session = self.start()
        self.clocks.step(-3600)
        self.clocks.advance(1)
        self.clocks.advance(1)
        self.assertNoResult(session.done)
        self.clocks.advance(1)
        self.successResultOf(session.done)
        self.assertEqual(session.report().loss, 1)
        self.assert_left(session)

    def test_read_before_judging(self) -> None:
        """After a stall of our own, replies that wait in the queue are read before a ping is given up."""
        session = self.start(count=1)
        self.port.waiting = [(b"Pong 1 x", REFLECTOR)]
        self.clocks.advance(5)
        self.successResultOf(session.done)
        self.assertEqual([sample.state for sample in self.samples], [State.RECEIVED])
        self.assert_left(session)

    def test_periodic(self) -> None:
        """By the clock pings leave at their moments, while others are on their way."""
        session = self.start(interval=0.25)
        self.clocks.advance(0.25)
        self.clocks.advance(0.25)
        self.assertEqual(len(self.port.written), 3)
        pump(self.port, self.reflector)
        self.successResultOf(session.done)
        self.assert_left(session)

    def test_duration(self) -> None:
        """A run ends when its time is over and its last ping settled."""
        session = self.start(count=None, duration=0.5, timeout=0.25)
        self.clocks.advance(0.25)
        self.clocks.advance(0.25)
        self.successResultOf(session.done)
        self.assertEqual(session.report().lost, 2)
        self.assert_left(session)

    def test_many(self) -> None:
        """Sessions with the same reflector share the port; no one's reply is another's, nor foreign."""
        sessions = [
            self.start(seed, protocol=protocol) for seed, protocol in enumerate(("stamp", "stamp", "text"))
        ]
        self.protocol.datagramReceived(b"Pong 1 x", ("127.0.0.9", 9))
        pump(self.port, self.reflector)
        for session in sessions:
            self.successResultOf(session.done)
            report = session.report()
            self.assertEqual((report.received, report.duplicates, report.corrupt), (3, 0, 0))
            self.assertEqual(report.run.foreign, 1)
        self.assert_left(*sessions)

    def test_damaged(self) -> None:
        """A damaged reply is told once, and is not foreign."""
        sessions = [self.start(seed, protocol="stamp") for seed in range(2)]
        self.protocol.datagramReceived(bytes(20), REFLECTOR)
        self.assertEqual([session.report().corrupt for session in sessions], [1, 0])
        self.assertEqual([session.rejected for session in sessions], [0, 0])
        self.assert_left(*sessions)

    def test_refused(self) -> None:
        """A peer that was never heard and refuses is not there; the others go on."""
        session = self.start()
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        self.protocol.networkError(refused, ("127.0.0.1", 7))
        self.assertNoResult(session.done)
        self.protocol.networkError(refused, REFLECTOR)
        self.failureResultOf(session.done, Unreachable)
        self.protocol.networkError(refused)
        self.assert_left(session)

    def test_refused_later(self) -> None:
        """One that was heard may come back: the ping times out."""
        session = self.start(count=2)
        self.protocol.datagramReceived(b"Pong 1 x", REFLECTOR)
        self.protocol.networkError(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
        self.assertNoResult(session.done)
        self.clocks.advance(1)
        self.successResultOf(session.done)
        self.assertEqual(session.report().received, 1)
        self.assert_left(session)

    def test_no_route(self) -> None:
        """Without a route the run ends at once."""
        self.port.failure = OSError(errno.ENETUNREACH, "Network is unreachable")
        session = self.start()
        self.failureResultOf(session.done, Unreachable)
        self.assert_left(session)

    def test_not_taken(self) -> None:
        """What our own system does not take later on is told as not sent, and not as lost."""
        session = self.start(count=3)
        self.port.failure = OSError(errno.ENOBUFS, "No buffer space")
        self.protocol.datagramReceived(b"Pong 1 x", REFLECTOR)
        self.clocks.advance(1)
        self.protocol.datagramReceived(b"Pong 3 x", REFLECTOR)
        self.successResultOf(session.done)
        report = session.report()
        self.assertEqual((report.sent, report.received, report.unsent, report.lost), (2, 2, 1, 0))
        self.assertEqual([sample.state for sample in self.samples][1], State.UNSENT)
        self.assert_left(session)

    def test_cancel(self) -> None:
        """A run that is cancelled gives up."""
        session = self.start()
        session.done.cancel()
        self.failureResultOf(session.done, CancelledError)
        self.assert_left(session)

    def test_mistaken_listener(self) -> None:
        """An exception of the caller's own function is the run's end, and the only one."""
        session = self.start()
        self.protocol.datagramReceived(b"Pong 1 fail", REFLECTOR)
        self.failureResultOf(session.done, ZeroDivisionError)
        self.assertEqual(len(self.port.written), 1)
        self.assert_left(session)


class StampTests(SynchronousTestCase):
    """With kernel stamps."""

    def setUp(self) -> None:
        self.clocks = TestClocks()
        self.protocol = ProbePort(self.clocks.clock, self.clocks, TOKEN)
        self.port = StampedMemoryPort(HERE, self.protocol)
        self.port.clocks = self.clocks

    def test_measures(self) -> None:
        """Leaving and coming are the kernel's, class and TTL the plan's, drops our own."""
        samples: list[Sample] = []
        plan = Plan(count=1, dscp=46, ttl=9)
        prober = plan.prober(REFLECTOR, Random(1))
        session = ProbeSession(self.protocol, prober, plan, samples.append, self.clocks.clock, self.clocks)
        session.start()
        self.assertEqual(self.port.marks, (184, 9))
        self.clocks.advance(0.5)
        self.port.dropped = 4
        stamp = self.clocks().wall_ns - 20_000
        self.protocol.stampedReceived(b"Pong 1 x", REFLECTOR, Reception(stamp, 64, 0))
        (sample,) = samples
        self.assertEqual((sample.sent_by, sample.received_by, sample.ttl), (Clock.KERNEL, Clock.KERNEL, 64))
        self.assertApproximates(sample.rtt, 0.5 - 30e-6, 1e-9)
        self.assertEqual(session.report().run.own_drops, 4)
        session.stop()

    def calibrate(self, lag: int | None) -> Deferred[None]:
        done = Deferred.fromCoroutine(self.protocol.calibrate())
        for _ in range(CALIBRATIONS):
            for datagram, peer in self.port.take():
                self.assertEqual(peer, self.here)
                left = self.clocks().wall_ns + 10_000
                self.protocol.stampedReceived(datagram, HERE, Reception(None if lag is None else left + lag))
            self.clocks.advance(PAUSE)
        return done

    def test_calibration(self) -> None:
        """The port sends to itself, and compares what the kernel stamped; without stamps it knows nothing."""
        self.protocol._loopback, self.here = "127.0.0.1", HERE
        self.successResultOf(self.calibrate(None))
        self.assertIsNone(self.protocol.stamp_error)
        self.successResultOf(self.calibrate(1_500))
        self.assertApproximates(self.protocol.stamp_error, 1.5e-6, 1e-12)

    def test_calibration_goes_on(self) -> None:
        """While the port is open it compares anew now and then; the last comparisons count."""
        self.protocol._loopback, self.here = "127.0.0.1", HERE
        self.successResultOf(self.calibrate(1_500))
        for _ in range(COMPARED):
            self.clocks.advance(2 * SELDOM)
            for datagram, _ in self.port.take():
                left = self.clocks().wall_ns + 10_000
                self.protocol.stampedReceived(datagram, HERE, Reception(left + 4_000))
        self.assertApproximates(self.protocol.stamp_error, 4e-6, 1e-12)
        self.port.stopListening()
        self.protocol.stopProtocol()
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_no_loopback(self) -> None:
        """Without a loopback there is no calibration."""
        self.protocol._loopback = "127.0.0.1"
        self.port.failure = OSError(errno.ENETUNREACH, "Network is unreachable")
        self.successResultOf(Deferred.fromCoroutine(self.protocol.calibrate()))
        self.port.kernel_stamps = False
        self.successResultOf(Deferred.fromCoroutine(self.protocol.calibrate()))
        self.assertEqual(self.port.written, [])
