"""The monitor: who is alive, judged on the monotonic clock; and how it is told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.heartbeat.ledger import MAX_GAP
from netlab.heartbeat.monitor import Beaten, Monitor, Stopped, Up
from netlab.heartbeat.report import event_lines
from netlab.heartbeat.server import MonitorProtocol
from netlab.testing import MemoryPort, TestClocks

A, B, C = (("127.0.0.1", port) for port in (4000, 4001, 4002))
HERE = ("127.0.0.1", 13000)
EPOCH = 1_795_358_159


def at(seconds: float) -> Instant:
    return Instant(seconds, EPOCH * 10**9 + round(seconds * 1e9))


def line(number: int, sent: float | None = None) -> bytes:
    return f"Heartbeat {number} {EPOCH + (number if sent is None else sent):.6f}".encode()


class MonitorTests(SynchronousTestCase):
    """`Monitor`, told the time."""

    def setUp(self) -> None:
        self.monitor = Monitor(timeout=5, max_clients=2)

    def kinds(self, events: Any) -> list[type]:
        return [type(event) for event in events]

    def test_life(self) -> None:
        """Up with the first beat, stopped once after the timeout, up again with the next beat."""
        self.assertEqual(self.kinds(self.monitor.receive(line(1), A, at(1.5))), [Up, Beaten])
        self.assertEqual(self.monitor.deadline(), 6.5)
        self.assertEqual(self.kinds(self.monitor.receive(line(2), A, at(2.5))), [Beaten])
        self.assertEqual(self.monitor.expire(at(7.4)), [])
        (stopped,) = self.monitor.expire(at(7.5))
        assert isinstance(stopped, Stopped)
        self.assertEqual((stopped.peer, stopped.silence), (A, 5.0))
        self.assertEqual((self.monitor.expire(at(100)), self.monitor.deadline()), ([], None))
        up, beaten = self.monitor.receive(line(3, sent=100), A, at(102.5))
        self.assertEqual(up, Up(A, 100.0))
        assert isinstance(beaten, Beaten)
        self.assertEqual(beaten.entry.lost, range(0))

    def test_difference(self) -> None:
        """The time difference is that of the wall clocks, whichever is ahead."""
        for sent, difference in ((1, 0.25), (5, -3.75), (-EPOCH, EPOCH + 1.25), (10**10, 1.25 - 10**10)):
            (*_, beaten) = Monitor().receive(line(1, sent), A, at(1.25))
            assert isinstance(beaten, Beaten)
            self.assertAlmostEqual(beaten.difference, difference, 5)

    def test_each_for_itself(self) -> None:
        """Each client has its own deadline; those that pass it are told in their order."""
        self.monitor.receive(line(1), A, at(0))
        self.monitor.receive(line(1), B, at(1))
        self.monitor.receive(line(2), A, at(2))
        self.assertEqual([event.peer for event in self.monitor.expire(at(6.5))], [B])
        self.assertEqual([event.peer for event in self.monitor.expire(at(7))], [A])

    def test_proof_of_life(self) -> None:
        """Neither a duplicate nor a late beat proves anything about now."""
        for number in (1, 3, 2, 3, 1):
            self.monitor.receive(line(number), A, at(0 if number == 1 else 1))
        self.assertEqual(self.monitor.deadline(), 6)
        self.monitor.expire(at(6))
        self.assertEqual(self.kinds(self.monitor.receive(line(3), A, at(7))), [Beaten])
        self.assertIsNone(self.monitor.deadline())

    def test_restart(self) -> None:
        """A client that begins to count anew is alive."""
        self.monitor.receive(line(9), A, at(0))
        self.monitor.receive(line(1, sent=20), A, at(3))
        self.assertEqual(self.monitor.deadline(), 8)

    def test_bounded(self) -> None:
        """With all places taken, one that has stopped is forgotten, and none that is alive."""
        self.monitor.receive(line(1), A, at(0))
        self.monitor.receive(line(1), B, at(3))
        self.assertRaises(WireError, self.monitor.receive, line(1), C, at(4))
        self.monitor.expire(at(5))
        self.assertEqual(self.kinds(self.monitor.receive(line(1), C, at(5))), [Up, Beaten])
        self.assertRaises(WireError, self.monitor.receive, line(2), A, at(5))

    def test_garbage(self) -> None:
        """What is no heartbeat makes nobody a client."""
        self.assertRaises(WireError, self.monitor.receive, b"no beat at all", A, at(0))
        self.assertIsNone(self.monitor.deadline())
        self.assertEqual(self.monitor.outgoing(at(0)), ())

    def test_arguments(self) -> None:
        """Patience and places are more than none."""
        self.assertRaises(ValueError, Monitor, 0)
        self.assertRaises(ValueError, Monitor, 1, 0)

    @given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 24), st.booleans()), max_size=60))
    def test_any_life(self, script: list[tuple[tuple[str, int], int, bool]]) -> None:
        """Whoever beats whenever: stopped is who was silent for the timeout, and up who was not alive."""
        monitor, now, number = Monitor(timeout=5), 0.0, 0
        proofs, alive = dict[Any, float](), set[Any]()
        for peer, quarters, judged in script:
            now += quarters / 4
            if judged:
                stopped = [(event.peer, event.silence) for event in monitor.expire(at(now))]
                due = sorted((proofs[one], one) for one in alive if now - proofs[one] >= 5)
                self.assertEqual(sorted(stopped), sorted((one, now - proof) for proof, one in due))
                self.assertEqual([proofs[one] for one, _ in stopped], [proof for proof, _ in due])
                alive -= {one for one, _ in stopped}
            number += 1
            ups = [
                event for event in monitor.receive(line(number, now), peer, at(now)) if isinstance(event, Up)
            ]
            silence = now - proofs[peer] if peer in proofs else None
            self.assertEqual(ups, [] if peer in alive else [Up(peer, silence)])
            proofs[peer] = now
            alive.add(peer)
            self.assertEqual(monitor.deadline(), min(proofs[one] for one in alive) + 5)
        self.assertEqual(monitor.beats, number)


class ReportTests(SynchronousTestCase):
    """`event_lines`"""

    def test_lines(self) -> None:
        """Every event has its line, ordinary beats only where they are asked for."""
        monitor, lines = Monitor(), []
        for number, arrival in ((1, 1.0), (2, 2.0), (5, 5.0), (4, 5.5), (4, 5.5), (205, 205.0), (1, 206.0)):
            sent = 300.0 if arrival == 206 else float(number)
            for event in monitor.receive(line(number, sent), A, at(arrival)):
                lines += event_lines(event)
        for event in monitor.expire(at(300)):
            lines += event_lines(event)
        for event in monitor.receive(line(2, 400.0), A, at(400.25)):
            lines += event_lines(event, beats=True)
        self.assertEqual(
            [text.removeprefix("127.0.0.1:4000 ") for text in lines],
            [
                "is up",
                "heartbeats 3, 4 were lost",
                "heartbeat 4 came late, it is not lost",
                "heartbeat 4 came twice",
                "heartbeats 6 to 204 were lost (199 of them)",
                "counts anew from heartbeat 1",
                "has stopped: no heartbeat for 94.000 s (6 received, 200 lost)",
                "is up again after 194.250 s of silence",
                "heartbeat 2: time difference 250.000 ms",
            ],
        )

    def test_rare_lines(self) -> None:
        """One number lost, one overtaken by the first, and a huge gap in one short line."""
        monitor, lines = Monitor(), []
        for number in (5, 4, 7, 7 + MAX_GAP):
            for event in monitor.receive(line(number), A, at(0)):
                lines += event_lines(event)
        self.assertEqual(
            lines[1:3], ["127.0.0.1:4000 heartbeat 4 came late", "127.0.0.1:4000 heartbeat 6 was lost"]
        )
        self.assertLess(len(lines[3]), 100)


class ServerTests(SynchronousTestCase):
    """`MonitorProtocol`: judged by a loop on the monotonic clock."""

    def start(self, **options: Any) -> None:
        self.clocks, self.events = TestClocks(), list[Any]()
        options = {"sink": self.events.append, **options}
        self.protocol = MonitorProtocol(self.clocks.clock, 5.0, clocks=self.clocks, **options)
        self.port = MemoryPort(HERE, self.protocol)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def turn(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clocks.advance(0.1)

    def test_stopped_once(self) -> None:
        """A silent client is called stopped once, within a tick of its timeout, and up when it returns."""
        self.start()
        self.turn(1)
        self.protocol.datagramReceived(line(1), A)
        self.turn(4.9)
        self.assertEqual(self.of(Stopped), [])
        self.turn(0.2)
        self.turn(30)
        (stopped,) = self.of(Stopped)
        self.assertTrue(5 <= stopped.silence <= 5.11)
        self.protocol.datagramReceived(line(2), A)
        self.assertEqual(len(self.of(Up)), 2)
        self.port.stopListening()
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_stepped_clock(self) -> None:
        """An hour's step of the wall clock, either way, makes nobody die."""
        self.start()
        for number, step in enumerate((3600, -7200, 3600), 1):
            self.protocol.datagramReceived(line(number), A)
            self.clocks.step(step)
            self.turn(4)
        self.assertEqual(self.of(Stopped), [])

    def test_stall(self) -> None:
        """After a stall of its own, what waits in the queue is read before anybody is judged."""
        self.start()
        self.protocol.datagramReceived(line(1), A)
        self.port.waiting = [(line(number), A) for number in range(2, 32)]
        self.clocks.advance(30)
        self.assertEqual((self.of(Stopped), len(self.of(Beaten))), ([], 31))

    def test_plain_transport(self) -> None:
        """A port that cannot be drained does as well."""
        self.start()
        self.port.drain = None  # type: ignore[assignment,method-assign]
        self.turn(1)

    def test_mistaken_sink(self) -> None:
        """A sink that fails does not end the judging."""
        self.start(sink=lambda event: 1 / 0)
        self.protocol.datagramReceived(line(1), A)
        self.turn(6)
        self.assertTrue(self.protocol._loop.running)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)

    def test_garbage(self) -> None:
        """What is no heartbeat is counted."""
        self.start()
        for datagram in (b"", bytes(65_507), b"\xff"):
            self.protocol.datagramReceived(datagram, A)
        self.protocol.datagramReceived(line(1), A)
        self.assertEqual(self.protocol.counts_line(), "1 heartbeats received, 3 other datagrams refused")

    def test_log(self) -> None:
        """Without a sink the events are logged, beats where wanted."""
        logged: list[Any] = []
        globalLogPublisher.addObserver(logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, logged.append)
        self.start(sink=None, log_beats=True)
        self.protocol.datagramReceived(line(1), A)
        self.assertEqual(len([event for event in logged if "time difference" in event.get("line", "")]), 1)

    def test_loop_that_dies(self) -> None:
        """Should the judging end all the same, the log says so."""
        self.start()
        self.port.drain = lambda: 1 / 0  # type: ignore[assignment,method-assign,return-value]
        self.turn(0.1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.port.stopListening()
