"""The sender: a beat a second, whether or not anybody listens."""

import errno
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from netlab.arguments import Address
from netlab.heartbeat import wire
from netlab.heartbeat.sender import BETWEEN, GOODBYES, LINGER, BeatProtocol, HeartbeatSender
from netlab.heartbeat.signing import Keyring, derive
from netlab.heartbeat.style import Style
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

    def lines(self, port: int = 0) -> list[wire.Beat]:
        """What was sent to one of the monitors."""
        return [wire.decode(datagram) for datagram, _ in self.sender.ports[port].written]

    def begin(self, monitor: Any = MONITOR, **options: Any) -> None:
        self.clocks = TestClocks(wall_ns=1_795_358_159_498_196_000)
        self.sender = LocalSender(self.clocks, monitor, **options)
        self.sender.startService()

    def test_tagged(self) -> None:
        """A named sender tells its incarnation, its monotonic clock, its interval, and how late it is."""
        self.begin(style=Style(id="web-1", mult=4, tags=("eu",), message="all is well"))
        self.clocks.advance(1)
        self.clocks.advance(1.25)  # the reactor was busy
        first, _, third = self.lines()
        self.assertEqual((first.id, first.mult, first.tags), ("web-1", 4, ("eu",)))
        self.assertEqual(first.message, "all is well")
        self.assertEqual((first.inc, first.interval, first.status), (1_795_358_159_498, 1.0, "ok"))
        self.assertEqual((first.lag, third.lag, self.sender.lag), (0.0, 0.25, 0.25))
        self.assertEqual(round((third.mono_ns or 0) - (first.mono_ns or 0), -3), 2_250_000_000)
        self.successResultOf(self.sender.stopService())

    def test_held_up(self) -> None:
        """Beats that a busy reactor left out are not sent late, and take no numbers: nothing was lost."""
        self.begin(style=Style(id="a"))
        self.clocks.advance(3.5)
        self.assertEqual([(beat.sequence, beat.lag) for beat in self.lines()], [(1, 0.0), (2, 2.5)])
        self.clocks.advance(0.5)
        self.assertEqual((self.lines()[-1].sequence, self.lines()[-1].lag), (3, 0.0))
        self.successResultOf(self.sender.stopService())

    def test_signed(self) -> None:
        """A sender with a key signs each line."""
        key = derive(b"a master of octets", "web-1")
        self.begin(style=Style(id="web-1", key=key, key_number=7))
        (datagram, _), (beat,) = self.sender.ports[0].written[0], self.lines()
        self.assertTrue(Keyring({7: b"a master of octets"}).verify(datagram, beat))
        self.assertFalse(Keyring({7: b"another one of octets"}).verify(datagram, beat))
        self.successResultOf(self.sender.stopService())

    def test_goodbye(self) -> None:
        """A stop is told three times, with numbers of their own and how the program ended."""
        self.begin(style=Style(id="a"), goodbye=True)
        self.sender.exit = 3
        stopped = self.sender.stopService()
        for _ in range(GOODBYES - 1):
            self.clocks.advance(BETWEEN)
        self.successResultOf(stopped)
        said = [(beat.sequence, beat.status, beat.exit) for beat in self.lines()]
        self.assertEqual(said, [(1, "ok", None), *((number, "bye", 3) for number in (2, 3, 4))])
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_goodbye_after_count(self) -> None:
        """Who ends by itself says goodbye as well."""
        self.begin(style=Style(id="a"), goodbye=True, count=1)
        self.clocks.advance(LINGER)
        self.sender.stopService()
        self.assertEqual([beat.status for beat in self.lines()], ["ok", "bye"])
        self.clocks.advance(BETWEEN)
        self.clocks.advance(BETWEEN)

    def test_several(self) -> None:
        """Several monitors get the same lines; only when none of them is there, nobody is."""
        self.begin([MONITOR, ("127.0.0.1", 13001)])
        one, other = self.sender._protocols
        self.assertEqual(self.sender.ports[0].written[0][0], self.sender.ports[1].written[0][0])
        one.connectionRefused()
        self.assertIsNone(self.sender.unreachable)
        other.connectionRefused()
        self.assertIn("refused", str(self.sender.unreachable))
        self.successResultOf(self.sender.stopService())

    def test_wrong(self) -> None:
        """A style that cannot be written is refused when it is made, and a goodbye without a name."""
        for given in (
            {"form": "morse"},
            {"mult": 3},
            {"id": "a", "form": "csv"},
            {"id": "a b"},
            {"id": "a", "mult": 1000},
        ):
            with self.assertRaises(ValueError):
                Style(**given)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            HeartbeatSender(Clock(), MONITOR, goodbye=True)
