"""The driver of datagram machines."""

import errno
from typing import Any

from twisted.internet.error import MessageLengthError
from twisted.trial.unittest import SynchronousTestCase

from netlab.arguments import Address
from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.machines import MachineProtocol
from netlab.testing import MemoryPort, TestClocks

PEER = ("127.0.0.1", 4000)
HERE = ("127.0.0.1", 5000)


class Machine:
    """Echoes what it hears, says so, and wants to be woken a second later."""

    def __init__(self) -> None:
        self.due: list[tuple[bytes, Address]] = []
        self.wake: float | None = None

    def receive(self, datagram: bytes, peer: Address, now: Instant) -> list[str]:
        if datagram == b"bad":
            raise WireError("bad")
        self.due.append((datagram, peer))
        self.wake = now.monotonic + 1
        return [datagram.decode()]

    def outgoing(self, now: Instant) -> list[tuple[bytes, Address]]:
        due, self.due = self.due, []
        return due

    def deadline(self) -> float | None:
        return self.wake

    def expire(self, now: Instant) -> list[str]:
        self.wake = None
        return [f"woken at {now.monotonic:g}"]


class DriverTests(SynchronousTestCase):
    """`MachineProtocol`"""

    def setUp(self) -> None:
        self.clocks, self.events = TestClocks(), list[str]()
        self.protocol = MachineProtocol(Machine(), self.sink, self.clocks.clock, self.clocks)
        self.port = MemoryPort(HERE, self.protocol)

    def sink(self, event: str) -> None:
        if event == "fail":
            raise ZeroDivisionError
        self.events.append(event)

    def test_drives(self) -> None:
        """Datagrams go in, events and datagrams come out, and the machine is woken at its deadline."""
        self.protocol.datagramReceived(b"a", PEER)
        self.assertEqual((self.port.take(), self.events), ([(b"a", PEER)], ["a"]))
        self.clocks.advance(0.5)
        self.protocol.datagramReceived(b"b", PEER)
        self.clocks.advance(0.75)
        self.assertEqual(self.events, ["a", "b"])
        self.clocks.advance(0.25)
        self.assertEqual(self.events, ["a", "b", "woken at 1.5"])
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_stops(self) -> None:
        """A stopped port leaves no timer behind."""
        self.protocol.datagramReceived(b"a", PEER)
        self.port.stopListening()
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])

    def test_rejected(self) -> None:
        """What breaks the format is counted, and changes nothing."""
        for _ in range(5):
            self.protocol.datagramReceived(b"bad", PEER)
        self.assertEqual((self.protocol.rejected, self.events, self.port.written), (5, [], []))

    def test_mistaken_sink(self) -> None:
        """A mistake of the sink costs the event and nothing else."""
        self.protocol.datagramReceived(b"fail", PEER)
        self.assertEqual(self.port.take(), [(b"fail", PEER)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_unsent(self) -> None:
        """What the system does not take is counted."""
        failures: list[Any] = [OSError(errno.ENOBUFS, "No buffer space"), MessageLengthError("too long")]
        for failure in failures:
            self.port.failure = failure
            self.protocol.datagramReceived(b"a", PEER)
        self.assertEqual((self.protocol.unsent, self.port.written), (2, []))
