"""The prober: each reply goes to its own ping, whatever the network does."""

import errno
import json
import math
import statistics

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.errors import Unreachable, WireError
from netlab.ping.client import ProbeProtocol
from netlab.ping.prober import REMEMBERED, Prober, Sample, State
from netlab.ping.report import sample_line, sample_values, summary_lines, summary_values
from netlab.ping.server import ReflectorProtocol
from netlab.ping.stats import Statistics
from netlab.testing import MemoryPort, TestClocks, pump

REFLECTOR = ("127.0.0.1", 12000)
HERE = ("127.0.0.1", 4000)


def at(seconds: float) -> Instant:
    return Instant(seconds, 1_795_358_159_000_000_000 + round(seconds * 1e9))


class ProberTests(SynchronousTestCase):
    """`Prober`, told the time."""

    def setUp(self) -> None:
        self.prober = Prober(REFLECTOR, count=3)

    def send(self, seconds: float) -> bytes:
        ((datagram, destination),) = self.prober.outgoing(at(seconds))
        self.assertEqual(destination, REFLECTOR)
        return datagram

    def receive(self, datagram: bytes, seconds: float) -> Sample:
        (sample,) = self.prober.receive(datagram, REFLECTOR, at(seconds))
        return sample

    def test_stop_and_wait(self) -> None:
        """One ping at a time, numbered from 1, the next when the last one is settled."""
        self.assertEqual(self.send(0), b"Ping 1 1795358159.000000")
        self.assertEqual(self.prober.outgoing(at(0.1)), [])
        self.assertEqual(self.prober.deadline(), 1.0)
        sample = self.receive(b"Pong 1 1795358159.000000", 0.25)
        self.assertEqual((sample.sequence, sample.state, sample.rtt), (1, State.RECEIVED, 0.25))
        self.assertEqual(self.send(0.25), b"Ping 2 1795358159.250000")
        self.assertEqual(self.prober.expire(at(1.2)), [])
        self.assertEqual(self.prober.expire(at(1.25)), [Sample(2, State.LOST)])
        self.assertFalse(self.prober.finished)
        self.send(1.25)
        self.receive(b"PONG 3 server's own time", 1.5)
        self.assertTrue(self.prober.finished)
        self.assertEqual((self.prober.outgoing(at(2)), self.prober.deadline()), ([], None))
        self.assertEqual(self.prober.expire(at(9)), [])

    def test_late(self) -> None:
        """A late reply belongs to its own ping, and shifts no other's time."""
        self.send(0)
        self.prober.expire(at(1))
        self.send(1)
        late = self.receive(b"Pong 1 x", 1.1)
        self.assertEqual((late.sequence, late.state), (1, State.LATE))
        self.assertAlmostEqual(late.rtt or 0, 1.1)
        self.assertEqual(self.receive(b"Pong 1 x", 1.2).state, State.DUPLICATE)
        self.assertAlmostEqual(self.receive(b"Pong 2 x", 1.3).rtt or 0, 0.3)
        self.assertEqual(self.receive(b"Pong 2 x", 1.4).state, State.DUPLICATE)

    def test_unnumbered(self) -> None:
        """A reply without a number is taken for the outstanding ping's, and marked."""
        self.send(0)
        sample = self.receive(b"pong", 0.5)
        self.assertEqual((sample.sequence, sample.rtt, sample.unnumbered), (1, 0.5, True))
        self.assertRaises(WireError, self.prober.receive, b"pong", REFLECTOR, at(0.6))

    def test_copies(self) -> None:
        """The request itself, perhaps in capitals, is a reply if it is the same request."""
        for reply in (b"PING 1 1795358159.000000", b"Ping 1 1795358159.000000" + b"\0" * 1000):
            self.prober = Prober(REFLECTOR)
            self.send(0)
            self.assertEqual(self.receive(reply, 0.1).state, State.RECEIVED)

    def test_foreign(self) -> None:
        """Other addresses, numbers never sent, other times and garbage are nobody's replies."""
        self.send(0)
        for datagram, peer in (
            (b"Pong 1 x", ("127.0.0.1", 12001)),
            (b"Pong 1 x", ("127.0.0.2", 12000)),
            (b"Pong 2 x", REFLECTOR),
            (b"Pong 0 x", REFLECTOR),
            (b"PING 1 1795358158.000000", REFLECTOR),
            (b"garbage", REFLECTOR),
            (b"", REFLECTOR),
        ):
            with self.subTest(datagram=datagram, peer=peer):
                self.assertRaises(WireError, self.prober.receive, datagram, peer, at(0.1))
        self.assertEqual(self.receive(b"Pong 1 x", 0.2).rtt, 0.2)

    def test_one_line(self) -> None:
        """However a reply is padded, its text is one line without the padding."""
        for padding in (b"\n\n ", b"\0\t", b"\r\n\0 \t"):
            self.prober = Prober(REFLECTOR)
            self.send(0)
            self.assertEqual(self.receive(b"Pong 1 x" + padding, 0.1).reply, "Pong 1 x")

    def test_bounded(self) -> None:
        """Only so many lost pings are remembered."""
        self.prober = Prober(REFLECTOR, count=5000, timeout=0.5)
        for number in range(REMEMBERED + 10):
            self.send(number)
            self.prober.expire(at(number + 0.5))
        self.assertEqual(len(self.prober._lost), REMEMBERED)

    def test_arguments(self) -> None:
        """A run has at least one ping and some patience."""
        self.assertRaises(ValueError, Prober, REFLECTOR, 0)
        self.assertRaises(ValueError, Prober, REFLECTOR, 1, 0)

    @given(st.lists(st.sampled_from(["answer", "lose", "late", "twice", "foreign"]), min_size=1, max_size=30))
    def test_any_network(self, fates: list[str]) -> None:
        """Whatever becomes of each ping, sent is received and lost, and every RTT is its own."""
        prober, now, counts = Prober(REFLECTOR, len(fates)), 0.0, dict.fromkeys(State, 0)
        waiting: list[int] = []
        for number, fate in enumerate(fates, 1):
            prober.outgoing(at(now))
            reply = b"Pong %d x" % number
            samples = []
            if fate in ("answer", "twice"):
                samples += prober.receive(reply, REFLECTOR, at(now + 0.125))
                self.assertEqual(samples[0].rtt, 0.125)
                now += 0.125
            if fate == "twice":
                samples += prober.receive(reply, REFLECTOR, at(now))
            if fate in ("lose", "late", "foreign"):
                now += 1
                samples += prober.expire(at(now))
            if fate == "late":
                waiting.append(number)
            elif waiting:
                samples += prober.receive(b"Pong %d x" % waiting.pop(), REFLECTOR, at(now))
            for sample in samples:
                counts[sample.state] += 1
        self.assertTrue(prober.finished)
        self.assertEqual(counts[State.RECEIVED] + counts[State.LOST], len(fates))
        self.assertEqual(counts[State.DUPLICATE], fates.count("twice"))


class StatisticsTests(SynchronousTestCase):
    """`Statistics` and their report."""

    @given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=50))
    def test_exact(self, rtts: list[float]) -> None:
        """The four figures of the RTT are those of the whole list."""
        figures = Statistics()
        for number, rtt in enumerate(rtts):
            figures.add(Sample(number, State.RECEIVED, rtt))
        summary = figures.summary(len(rtts))
        self.assertEqual((summary.rtt_min, summary.rtt_max, summary.loss), (min(rtts), max(rtts), 0))
        self.assertTrue(math.isclose(summary.rtt_avg or 0, statistics.fmean(rtts), rel_tol=1e-9))
        self.assertTrue(
            math.isclose(summary.rtt_mdev or 0, statistics.pstdev(rtts), rel_tol=1e-6, abs_tol=1e-9)
        )

    def test_report(self) -> None:
        """Lines for people, values for programs."""
        figures, lines = Statistics(), []
        for sample in (
            Sample(1, State.RECEIVED, 0.001, "Pong 1 T"),
            Sample(2, State.LOST),
            Sample(2, State.LATE, 1.5),
            Sample(1, State.DUPLICATE),
            Sample(3, State.RECEIVED, 0.003, "pong", unnumbered=True),
        ):
            figures.add(sample)
            lines.append(sample_line(sample))
        self.assertEqual(
            lines,
            [
                "Ping 1: Pong 1 T  RTT 1.000 ms",
                "Ping 2: Request timed out",
                "Ping 2: late reply after 1500.000 ms; it stays timed out",
                "Ping 1: duplicate reply",
                "Ping 3: pong  RTT 3.000 ms (no number in the reply)",
            ],
        )
        summary = figures.summary(sent=3, rejected=1)
        self.assertEqual(
            summary_lines(summary),
            "3 sent, 2 received, 33.3% loss, 1 late, 1 duplicate, 1 foreign\n"
            "RTT min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms",
        )
        values = json.loads(json.dumps(summary_values(summary)))["summary"]
        self.assertEqual((values["sent"], values["received"], values["foreign"]), (3, 2, 1))
        self.assertAlmostEqual(values["rtt"]["avg"], 0.002)
        self.assertEqual(sample_values(Sample(2, State.LOST))["rtt"], None)
        self.assertEqual(sample_values(Sample(2, State.LOST))["state"], "lost")

    def test_nothing_received(self) -> None:
        """Where nothing came back there is no RTT."""
        self.assertEqual(summary_lines(Statistics().summary(2)), "2 sent, 0 received, 100.0% loss")
        self.assertEqual(Statistics().summary(0).loss, 0)


class RunTests(SynchronousTestCase):
    """`ProbeProtocol`: a run on a port."""

    def start(self, count: int = 3, reflector: ReflectorProtocol | None = None) -> None:
        self.clocks, self.samples = TestClocks(), list[Sample]()
        prober = Prober(REFLECTOR, count)
        self.protocol = ProbeProtocol(prober, REFLECTOR, self.each, self.clocks.clock, self.clocks)
        self.port = MemoryPort(HERE, self.protocol)
        self.reflector = MemoryPort(REFLECTOR, reflector or ReflectorProtocol())

    def each(self, sample: Sample) -> None:
        if sample.sequence == 99:
            raise ZeroDivisionError
        self.samples.append(sample)

    def test_run(self) -> None:
        """Every ping comes back."""
        self.start()
        pump(self.port, self.reflector)
        self.successResultOf(self.protocol.done)
        self.assertEqual((self.protocol.summary().received, len(self.samples)), (3, 3))
        self.port.stopListening()
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_all_lost(self) -> None:
        """Each waits its second, and the run ends; a wall clock that is set back changes nothing."""
        self.start()
        self.clocks.step(-3600)
        self.clocks.advance(1)
        self.clocks.advance(1)
        self.assertNoResult(self.protocol.done)
        self.clocks.advance(1)
        self.successResultOf(self.protocol.done)
        self.assertEqual(self.protocol.summary().loss, 1)
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_refused_at_once(self) -> None:
        """A peer that was never heard and refuses is not there: the run is over."""
        self.start()
        self.protocol.connectionRefused()
        self.failureResultOf(self.protocol.done, Unreachable)
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])
        self.protocol.connectionRefused()

    def test_refused_later(self) -> None:
        """One that was heard may come back: the ping times out."""
        self.start(2)
        self.protocol.datagramReceived(b"Pong 1 x", REFLECTOR)
        self.protocol.connectionRefused()
        self.assertNoResult(self.protocol.done)
        self.clocks.advance(1)
        self.successResultOf(self.protocol.done)
        self.assertEqual(self.protocol.summary().received, 1)

    def test_no_route(self) -> None:
        """Without a route nothing is sent."""
        clocks = TestClocks()
        protocol = ProbeProtocol(Prober(REFLECTOR), REFLECTOR, self.each, clocks.clock, clocks)

        class Unroutable(MemoryPort):
            def connect(self, host: str, port: int) -> None:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")

        port = Unroutable(HERE, protocol)
        self.failureResultOf(protocol.done, Unreachable)
        self.assertEqual(port.written, [])

    def test_cancel(self) -> None:
        """A run that is cancelled gives up."""
        self.start()
        self.protocol.done.cancel()
        self.failureResultOf(self.protocol.done, CancelledError)

    def test_mistaken_listener(self) -> None:
        """An exception of the caller's own function is the run's end."""
        self.start()
        self.protocol._sample(Sample(99, State.LOST))
        self.failureResultOf(self.protocol.done, ZeroDivisionError)
