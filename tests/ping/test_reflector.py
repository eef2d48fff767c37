"""The reflector: what it answers, what it loses on purpose, and what it never answers."""

import itertools
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant, Reception
from netlab.errors import WireError
from netlab.ping import server
from netlab.ping.dialect import Stamp
from netlab.ping.impair import MAX_PEERS, Impairment
from netlab.ping.ntp import ErrorEstimate, decode_time
from netlab.ping.reflector import REPLIES, UNANSWERED_PORTS, Dropped, Reflector
from netlab.ping.server import ReflectorProtocol
from netlab.testing import MemoryPort, TestClocks

PEER = ("127.0.0.1", 4000)
NOW = Instant(0.0, 0)


class ReflectorTests(SynchronousTestCase):
    """`Reflector`"""

    def test_replies(self) -> None:
        """The three ways to answer."""
        for reply, datagram, answer in (
            ("pong", b"Ping 3 T", b"Pong 3 T"),
            ("pong", b"ping 3 t\r\n" + b"\0" * 100, b"Pong 3 t"),
            ("upper", b"Ping 3 t", b"PING 3 T"),
            ("upper", b"\x80 anything", b"\x80 ANYTHING"),
            ("echo", b"\x80\0", b"\x80\0"),
            ("echo", b"", b""),
            ("echo", bytes(65_507), bytes(65_507)),
        ):
            with self.subTest(reply=reply, datagram=datagram[:20]):
                reflector = Reflector(REPLIES[reply])
                self.assertEqual(reflector.receive(datagram, PEER, NOW), [])
                self.assertEqual([reply[:2] for reply in reflector.outgoing(NOW)], [(answer, PEER)])
                self.assertEqual(reflector.outgoing(NOW), [])
                self.assertLessEqual(len(answer), len(datagram))

    def test_never_answered(self) -> None:
        """Neither replies, nor ports where something answers by itself, nor its own."""
        reflector = Reflector()
        reflector.own_ports = frozenset({12000})
        for port in {*UNANSWERED_PORTS, 12000}:
            self.assertRaises(WireError, reflector.receive, b"Ping 1 T", ("127.0.0.1", port), NOW)
        self.assertRaises(WireError, reflector.receive, b"Pong 1 T", PEER, NOW)
        self.assertRaises(WireError, Reflector(REPLIES["upper"]).receive, b"PING 1 T", PEER, NOW)
        self.assertEqual((reflector.received, reflector.outgoing(NOW)), (0, []))

    def test_counts(self) -> None:
        """Received is answered and dropped; each drop is told."""
        reflector = Reflector(impairment=Impairment(0.3, itertools.repeat(7)))
        told = [event for n in range(1000) for event in reflector.receive(b"Ping %d T" % n, PEER, NOW)]
        self.assertEqual(reflector.received, 1000)
        self.assertEqual(reflector.answered + reflector.dropped, 1000)
        self.assertEqual(len(told), reflector.dropped)
        self.assertEqual(len(reflector.outgoing(NOW)), reflector.answered)
        self.assertTrue(250 < reflector.dropped < 350)
        self.assertEqual(told[0], Dropped(PEER, told[0].datagram))

    def test_waits_for_nothing(self) -> None:
        """It has no deadline."""
        reflector = Reflector()
        self.assertIsNone(reflector.deadline())
        self.assertEqual(reflector.expire(NOW), [])


class ImpairmentTests(SynchronousTestCase):
    """`Impairment`"""

    def fates(self, impairment: Impairment, port: int) -> list[bool]:
        return [impairment.drops(("127.0.0.1", port)) for _ in range(100)]

    def test_same_seed(self) -> None:
        """With one seed for all, every peer has the same fates, whoever sends in between."""
        first = self.fates(Impairment(0.5, itertools.repeat(7)), 1)
        impairment = Impairment(0.5, itertools.repeat(7))
        mixed = [(impairment.drops(("127.0.0.1", 1)), impairment.drops(("127.0.0.1", 2))) for _ in range(100)]
        self.assertEqual([a for a, _ in mixed], first)
        self.assertEqual([b for _, b in mixed], first)

    def test_other_seeds(self) -> None:
        """With a seed for each, fates differ, and come again in the same order."""
        impairment, again = Impairment(0.5, itertools.count(7)), Impairment(0.5, itertools.count(7))
        self.assertNotEqual(self.fates(impairment, 1), self.fates(impairment, 2))
        self.assertEqual(self.fates(again, 9), self.fates(Impairment(0.5, itertools.repeat(7)), 1))

    def test_extremes(self) -> None:
        """Nothing or everything is lost, and nothing else is a probability."""
        self.assertEqual(set(self.fates(Impairment(0, itertools.repeat(1)), 1)), {False})
        self.assertEqual(set(self.fates(Impairment(1, itertools.repeat(1)), 1)), {True})
        for loss in (-0.1, 1.1, float("nan")):
            self.assertRaises(ValueError, Impairment, loss, itertools.repeat(1))

    def test_bounded(self) -> None:
        """Only so many peers are remembered; the one heard longest ago begins anew."""
        impairment = Impairment(0.5, itertools.repeat(7))
        first = self.fates(impairment, 0)
        for port in range(1, MAX_PEERS + 1):
            impairment.drops(("127.0.0.1", port))
        self.assertEqual(len(impairment._fates), MAX_PEERS)
        self.assertEqual(self.fates(impairment, 0), first)


class ServerTests(SynchronousTestCase):
    """`ReflectorProtocol`"""

    def test_answers(self) -> None:
        """It answers on its port, never itself, and counts."""
        protocol = ReflectorProtocol(impairment=Impairment(1, itertools.repeat(1)))
        port = MemoryPort(("127.0.0.1", 12000), protocol)
        protocol.datagramReceived(b"Ping 1 T", PEER)
        protocol.datagramReceived(b"Ping 1 T", ("127.0.0.1", 12000))
        self.assertEqual(port.take(), [])
        self.assertEqual(
            protocol.counts_line(),
            "1 pings received, 0 answered, 1 dropped on purpose; 1 other datagrams refused",
        )

    def test_stamps(self) -> None:
        """What the kernel told of a request stands in the answer; what it tells of that, in the next one."""
        clocks = TestClocks()
        protocol = ReflectorProtocol(clocks=clocks)
        port = MarkedPort(("127.0.0.1", 12000), protocol)
        dialect = Stamp(7, dscp=10)
        for number in range(2):
            request = dialect.request(number, clocks().wall_ns, number)
            protocol.stampedReceived(request, PEER, Reception(clocks().wall_ns - 5_000, 61, 40))
            protocol.departed(port.tokens[-1], clocks().wall_ns + 20_000)
            clocks.advance(1)
        first, second = (dialect.answer(datagram) for datagram, _ in port.written)
        self.assertEqual((first.ttl, first.received_ns), (61, clocks().wall_ns - 2 * 10**9 - 5_000))
        self.assertEqual(first.service and first.service.received, 10)
        assert second.follow_up is not None
        assert first.sent_ns is not None
        left = decode_time(second.follow_up.sent)
        self.assertEqual((second.follow_up.sequence, left - first.sent_ns), (0, 20_000))
        self.assertEqual(port.tos, 40)

    def test_clock(self) -> None:
        """What an answer says of our clock is looked up now and then."""
        clocks, asked = TestClocks(), list[float]()

        def clock_error() -> float | None:
            asked.append(clocks.clock.seconds())
            return None if len(asked) == 1 else 0.001

        self.patch(server, "clock_error", clock_error)
        protocol = ReflectorProtocol(clocks=clocks)
        MemoryPort(("127.0.0.1", 12000), protocol)
        for _ in range(40):
            protocol.datagramReceived(b"Ping 1 T", PEER)
            clocks.advance(1)
        self.assertEqual(asked, [0.0, 17.0, 34.0])
        self.assertEqual(protocol.reflector.stamp.clock_error, ErrorEstimate(0.001, synchronised=True))


class MarkedPort(MemoryPort):
    """A port in memory that keeps what else it is told."""

    def stamped_write(
        self, datagram: bytes, peer: Any, token: object = None, tos: int | None = None, ttl: int | None = None
    ) -> None:
        self.write(datagram, peer)
        self.tokens = [*getattr(self, "tokens", []), token]
        self.tos = tos
