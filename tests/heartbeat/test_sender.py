"""The sender: a beat a second, whether or not anybody listens."""

import errno
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from netlab.arguments import Address
from netlab.heartbeat import wire
from netlab.heartbeat.sender import LINGER, BeatProtocol, HeartbeatSender
from netlab.testing import MemoryPort, TestClocks

MONITOR = ("127.0.0.1", 13000)
HERE = ("127.0.0.1", 4000)


class LocalSender(HeartbeatSender):
    """A sender on a port in memory."""

    def __init__(self, clocks: TestClocks, monitor: Address = MONITOR, **options: Any) -> None:
        super().__init__(clocks.clock, monitor, clocks=clocks, **options)
        self.ports: list[MemoryPort] = []
        for each in self._protocols:
            protocol: Any = each

            def open_port(reactor: Clock, protocol: Any = protocol) -> MemoryPort:
                self.ports.append(MemoryPort(HERE, protocol))
                return self.ports[-1]

            protocol.open = open_port


class SenderTests(SynchronousTestCase):
    """`HeartbeatSender`"""

    def start(self, **options: Any) -> None:
        self.clocks, self.beats = TestClocks(wall_ns=1_795_358_159_498_196_000), list[wire.Beat]()
        self.sender = LocalSender(self.clocks, **{"each": self.beats.append, **options})
        self.sender.startService()
        (self.port,) = self.sender.ports

    def test_beats(self) -> None:
        """The first at once, then one an interval, numbered from 1, stamped with the wall clock."""
        self.start()
        self.clocks.advance(1)
        self.clocks.advance(1)
        self.assertEqual(
            [datagram for datagram, _ in self.port.written],
            [b"Heartbeat %d %d.498196" % (number, 1_795_358_158 + number) for number in (1, 2, 3)],
        )
        self.assertEqual({peer for _, peer in self.port.written}, {MONITOR})
        self.assertEqual((self.sender.sent, len(self.beats)), (3, 3))
        self.successResultOf(self.sender.stopService())
        self.successResultOf(self.sender.done)
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])
        self.successResultOf(self.sender.stopService())

    def test_count(self) -> None:
        """With a count it ends by itself, a moment after the last beat."""
        self.start(count=2, interval=0.5)
        self.clocks.advance(0.5)
        self.clocks.advance(5)
        self.assertEqual(self.sender.sent, 2)
        self.successResultOf(self.sender.done)
        self.successResultOf(self.sender.stopService())

    def test_stopped_at_the_end(self) -> None:
        """Stopped in that moment, it leaves nothing behind."""
        self.start(count=1)
        self.clocks.advance(LINGER / 2)
        self.assertNoResult(self.sender.done)
        self.successResultOf(self.sender.stopService())
        self.successResultOf(self.sender.done)
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_refused(self) -> None:
        """A monitor that is not there is remembered until a beat finds it; the beats go on."""
        self.start()
        protocol: BeatProtocol = self.sender._protocols[0]
        protocol.connectionRefused()
        self.assertIn("refused", str(self.sender.unreachable))
        protocol.connectionRefused()
        self.clocks.advance(1)
        self.assertIsNone(self.sender.unreachable)
        self.port.failure = OSError(errno.ENETUNREACH, "Network is unreachable")
        self.clocks.advance(1)
        self.assertIn("network is unreachable", str(self.sender.unreachable))
        self.assertEqual(self.sender.sent, 3)
        self.successResultOf(self.sender.stopService())

    def test_mistaken_listener(self) -> None:
        """An exception of the caller's own function ends the beats, and is told."""
        self.start(each=lambda beat: 1 / 0)
        self.failureResultOf(self.sender.done, ZeroDivisionError)
        self.successResultOf(self.sender.stopService())

    def test_cancelled(self) -> None:
        """Who cancels `done` still stops the service, and nothing is left behind."""
        self.start()
        self.sender.done.cancel()
        self.failureResultOf(self.sender.done, CancelledError)
        self.successResultOf(self.sender.stopService())
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_stepped_clock(self) -> None:
        """A step of the wall clock changes what is written and not when."""
        self.start()
        self.clocks.step(-3600)
        self.clocks.advance(0.999)
        self.assertEqual(self.sender.sent, 1)
        self.clocks.advance(0.001)
        self.assertEqual(self.port.written[1][0], b"Heartbeat 2 1795354560.498196")
        self.successResultOf(self.sender.stopService())
