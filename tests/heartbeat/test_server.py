"""`MonitorProtocol`: what comes goes to the monitor, what it says to the sink, or to the log."""

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.events import Beaten, Changed
from netlab.heartbeat.monitor import Monitor, Policy
from netlab.heartbeat.server import MonitorProtocol
from netlab.heartbeat.states import State
from netlab.testing import MemoryPort, TestClocks

A, HERE = ("127.0.0.1", 4000), ("127.0.0.1", 13000)


def line(number: int) -> bytes:
    return f"Heartbeat {number} {1_795_358_159 + number}.000000".encode()


class ServerTests(SynchronousTestCase):
    """`MonitorProtocol`"""

    def start(self, **options: Any) -> None:
        self.clocks, self.events = TestClocks(), list[Any]()
        options = {"sink": self.events.append, **options}
        self.protocol = MonitorProtocol(self.clocks.clock, 5.0, clocks=self.clocks, **options)
        self.port = MemoryPort(HERE, self.protocol)

    def turn(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.clocks.advance(0.05)

    def downs(self) -> list[Any]:
        return [event for event in self.events if isinstance(event, Changed) and event.after is State.DOWN]

    def test_stopped_once(self) -> None:
        """A silent client is called down once, within a tick of its timeout, and up when it returns."""
        self.start()
        self.turn(1)
        self.protocol.datagramReceived(line(1), A)
        self.turn(4.9)
        self.assertEqual(self.downs(), [])
        self.turn(30)
        (down,) = self.downs()
        self.assertTrue(5 <= down.silence <= 5.11)
        self.protocol.datagramReceived(line(2), A)
        self.assertIs(self.events[-2].after, State.UP)
        self.port.stopListening()
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_stall(self) -> None:
        """After a stall of its own, what waits in the queue is read before anybody is judged."""
        self.start()
        self.protocol.datagramReceived(line(1), A)
        self.port.waiting = [(line(number), A) for number in range(2, 32)]
        self.clocks.advance(30)
        self.assertEqual(self.downs(), [])
        self.assertEqual(len([event for event in self.events if isinstance(event, Beaten)]), 31)

    def test_plain_transport(self) -> None:
        """A port that cannot be drained does as well."""
        self.start()
        self.port.drain = None  # type: ignore[assignment,method-assign]
        self.protocol.datagramReceived(line(1), A)
        self.turn(6)
        self.assertEqual(len(self.downs()), 1)

    def test_mistaken_sink(self) -> None:
        """A sink that fails does not end the judging."""
        self.start(sink=lambda event: 1 / 0)
        self.protocol.datagramReceived(line(1), A)
        self.turn(6)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)
        self.assertEqual(self.protocol.monitor.counts()[State.DOWN], 1)

    def test_garbage(self) -> None:
        """What is no heartbeat is counted; the log hears of the first, second, fourth and so on."""
        logged: list[Any] = []
        globalLogPublisher.addObserver(logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, logged.append)
        self.start()
        for datagram in (b"", bytes(65_507), b"\xff", b"one, two", b"3 4 5 6"):
            self.protocol.datagramReceived(datagram, A)
        self.protocol.datagramReceived(line(1), A)
        self.assertEqual(self.protocol.counts_line(), "1 heartbeats received, 5 other datagrams refused")
        self.assertEqual(len([event for event in logged if "refused from" in event["log_format"]]), 3)

    def test_log(self) -> None:
        """Without a sink the events are logged, beats where wanted."""
        for log_beats in (True, False):
            logged: list[Any] = []
            globalLogPublisher.addObserver(logged.append)
            self.start(sink=None, log_beats=log_beats)
            self.protocol.datagramReceived(line(1), A)
            globalLogPublisher.removeObserver(logged.append)
            lines = [event["line"] for event in logged if "line" in event]
            self.assertEqual(lines[0], "127.0.0.1:4000 is up")
            self.assertEqual(any("time difference" in text for text in lines), log_beats)

    def test_replies(self) -> None:
        """A reply goes to who sent the beat; one that the system does not take is counted."""
        self.start(monitor=Monitor(Policy(reply="ack")))
        self.protocol.datagramReceived(line(1), A)
        self.assertEqual(self.port.take(), [(b"ACK 1", A)])
        self.port.failure = OSError(1, "no")
        self.protocol.datagramReceived(line(2), A)
        self.assertEqual((self.port.take(), self.protocol.unsent), ([], 1))

    def test_arguments(self) -> None:
        """Patience is more than none."""
        self.assertRaises(ValueError, MonitorProtocol, TestClocks().clock, 0)
