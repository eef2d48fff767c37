"""The prober: each reply goes to its own ping, whatever the network does."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant, Reception
from netlab.errors import WireError
from netlab.ping import prober as prober_module
from netlab.ping.dialect import Echo, Stamp
from netlab.ping.loss import Directions
from netlab.ping.plan import Plan
from netlab.ping.prober import REMEMBERED, Prober
from netlab.ping.sample import Leaving, Sample, State
from netlab.ping.schedule import Periodic
from netlab.ping.stamping import StampReflector, followed_up

REFLECTOR = ("127.0.0.1", 12000)
HERE = ("127.0.0.1", 4000)


def at(seconds: float) -> Instant:
    return Instant(seconds, 1_795_358_159_000_000_000 + round(seconds * 1e9))


class ProberTests(SynchronousTestCase):
    """`Prober`, told the time."""

    def setUp(self) -> None:
        self.prober = Prober(REFLECTOR, count=3)

    def send(self, seconds: float) -> bytes:
        ((datagram, destination, _),) = self.prober.outgoing(at(seconds))
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
        self.assertEqual(self.prober.expire(at(1.25)), [Sample(2, State.LOST, place=1)])
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

    def test_forgotten(self) -> None:
        """A ping lost so long ago that its time is forgotten is late all the same when its reply comes."""
        self.prober = Prober(REFLECTOR, count=5000, timeout=0.5)
        for number in range(REMEMBERED + 10):
            self.send(number)
            self.prober.expire(at(number + 0.5))
        for state in (State.LATE, State.DUPLICATE):
            sample = self.receive(b"Pong 3 x", 2000)
            self.assertEqual((sample.sequence, sample.state, sample.rtt), (3, state, None))

    def test_bounded(self) -> None:
        """Only so many lost pings are remembered."""
        self.prober = Prober(REFLECTOR, count=5000, timeout=0.5)
        for number in range(REMEMBERED + 10):
            self.send(number)
            self.prober.expire(at(number + 0.5))
        self.assertEqual(len(self.prober._lost), REMEMBERED)

    @given(
        st.sampled_from(["text", "stamp", "echo"]),
        st.sampled_from([b"", b"secret"]),
        st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=8)), max_size=6),
        st.binary(max_size=150),
    )
    def test_any_reply(
        self, protocol: str, key: bytes, changes: list[tuple[int, bytes]], octets: bytes
    ) -> None:
        """No octets, nor any change to a request, raise anything but `WireError`, in any dialect."""
        plan = Plan(protocol=protocol, key=key if protocol == "stamp" else b"")
        prober = plan.prober(REFLECTOR, random.Random(1))
        ((request, _, _),) = prober.outgoing(at(0))
        changed = bytearray(request)
        for place, patch in changes:
            changed[place : place + len(patch)] = patch
        for datagram in (octets, bytes(changed), request):
            try:
                prober.receive(datagram, REFLECTOR, at(0.1))
            except WireError:
                continue

    def test_arguments(self) -> None:
        """A run has at least one ping and some patience."""
        self.assertRaises(ValueError, Prober, REFLECTOR, 0)
        self.assertRaises(ValueError, Prober, REFLECTOR, 1, 0)
        self.assertRaises(ValueError, Prober, REFLECTOR, 1, 1, duration=0)

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


class ScheduleTests(SynchronousTestCase):
    """Pings by the clock."""

    def prober(self, **options: Any) -> Prober:
        return Prober(REFLECTOR, **{"count": None, "schedule": Periodic(0.1), **options})

    def receive(self, prober: Prober, number: int, seconds: float) -> Sample:
        (sample,) = prober.receive(b"Pong %d x" % number, REFLECTOR, at(seconds))
        return sample

    def test_periodic(self) -> None:
        """Pings leave at their moments, whatever became of those before; the prober says when."""
        prober = self.prober(count=3)
        for number, moment in enumerate((0.0, 0.1, 0.2)):
            self.assertEqual(len(prober.outgoing(at(moment))), 1)
            self.assertEqual(prober.outgoing(at(moment)), [])
            self.assertApproximates(prober.deadline(), (0.1, 0.2, 1.0)[number], 1e-9)
        self.assertEqual([s.sequence for s in prober.expire(at(1.1))], [1, 2])
        self.assertFalse(prober.finished)
        self.assertEqual(self.receive(prober, 3, 1.15).state, State.RECEIVED)
        self.assertTrue(prober.finished)

    def test_late_sending(self) -> None:
        """A ping that leaves late says so; moments that were missed are counted and not made up for."""
        prober = self.prober()
        prober.outgoing(at(0))
        prober.outgoing(at(0.375))
        self.assertEqual(prober.missed, 1)  # that of 0.2; the one of 0.3 can still be kept, if late
        self.assertEqual(len(prober.outgoing(at(0.375))), 1)
        self.assertEqual(len(prober.outgoing(at(0.4))), 1)
        sample = self.receive(prober, 2, 0.5)
        self.assertApproximates(sample.lateness, 0.275, 1e-9)
        self.assertApproximates(sample.intended_rtt, 0.4, 1e-9)

    def test_reordered(self) -> None:
        """A reply that comes after a later ping's is reordered (RFC 4737); every RTT is its own."""
        prober = self.prober()
        for moment in (0.0, 0.1, 0.2):
            prober.outgoing(at(moment))
        samples = [self.receive(prober, number, 0.25) for number in (1, 3, 2)]
        self.assertEqual([sample.reordered for sample in samples], [False, False, True])
        for sample, rtt in zip(samples, (0.25, 0.05, 0.15), strict=True):
            self.assertApproximates(sample.rtt, rtt, 1e-9)

    def test_duration(self) -> None:
        """After its time a run sends no more, and ends with the last fate."""
        for schedule in (Periodic(0.1), None):
            prober = self.prober(schedule=schedule, duration=0.25)
            prober.outgoing(at(5))
            self.assertFalse(prober.finished)
            prober.expire(at(6))
            self.assertEqual(prober.outgoing(at(6)), [])
            self.assertTrue(prober.finished)

    def test_outstanding_is_bounded(self) -> None:
        """Too many pings on their way hold the next one back; it counts as missed."""
        self.patch(prober_module, "MAX_OUTSTANDING", 2)
        prober = self.prober()
        for moment in (0.0, 0.1, 0.2):
            prober.outgoing(at(moment))
        self.assertEqual((prober.sent, prober.missed, prober.outstanding), (2, 1, 2))

    def test_unsendable(self) -> None:
        """A ping that our own system did not take is told as that, and is not lost by the network."""
        prober = Prober(REFLECTOR, count=1)
        ((_, _, place),) = prober.outgoing(at(0))
        prober.unsendable(place)
        prober.unsendable(99)
        self.assertEqual(prober.sent, 0)
        (sample,) = prober.expire(at(1))
        self.assertEqual((sample.state, prober.finished), (State.UNSENT, True))

    def test_numbers_wrap_around(self) -> None:
        """After 2**32 pings the numbers on the wire begin anew, and every reply still finds its ping."""
        prober = self.prober(dialect=Echo(5), count=2**32 + 9)
        prober._index = 2**32 - 1
        for moment in (0.0, 0.1):
            prober._due = moment
            ((datagram, _, _),) = prober.outgoing(at(moment))
            (sample,) = prober.receive(datagram, REFLECTOR, at(moment + 0.01))
        self.assertEqual((sample.sequence, sample.place, sample.state), (0, 2**32, State.RECEIVED))


class StampTests(SynchronousTestCase):
    """With STAMP, against the reflector itself."""

    def setUp(self) -> None:
        self.prober = Prober(REFLECTOR, 6, dialect=Stamp(7), schedule=Periodic(0.1))
        self.reflector = StampReflector()
        self.samples: list[Sample] = []

    def exchange(self, number: int, fate: str = "", lag: int | None = 30_000) -> None:
        """Send ping *number*; the reflector takes 1 ms, and its packet leaves *lag* ns after T3."""
        sent = number * 0.1
        self.samples += self.prober.expire(at(sent))
        ((datagram, _, place),) = self.prober.outgoing(at(sent))
        self.prober.departed(place, at(sent).wall_ns + 10_000)
        if fate == "forward":
            return
        draft = self.reflector.read(datagram, HERE, at(sent + 0.002), Reception())
        draft.prepare()
        reply = draft.finish(at(sent + 0.003))
        if reply.session is not None and lag is not None:
            followed_up(*reply.session, at(sent + 0.003).wall_ns + lag)
        if fate == "backward":
            return
        arrived = at(sent + 0.005)
        self.samples += self.prober.receive(
            reply.datagram, REFLECTOR, arrived, Reception(arrived.wall_ns - 10_000, 60, 4)
        )

    def test_follow_up(self) -> None:
        """Each sample waits for the next reply, which tells when its own has left; the last is estimated."""
        for number in range(6):
            self.exchange(number)
            self.assertEqual(len(self.samples), number if number < 5 else 6)
        self.assertEqual([sample.sequence for sample in self.samples], list(range(6)))
        leaving = [sample.leaving for sample in self.samples]
        self.assertEqual(leaving, [Leaving.FOLLOW_UP] * 5 + [Leaving.ESTIMATE])
        for sample in self.samples:
            self.assertApproximates(sample.rtt, 0.005 - 0.001 - 20e-6 - 30e-6, 1e-8)
        self.assertEqual((self.samples[0].ttl, self.samples[0].tos), (60, 4))
        self.assertTrue(self.prober.finished)

    def test_late_by_the_kernel(self) -> None:
        """A reply that we read late is judged by when it came: lost and late, or received."""
        for came, states in ((0.9, [State.RECEIVED]), (1.5, [State.LOST, State.LATE])):
            prober = Prober(REFLECTOR, 1)
            prober.outgoing(at(0))
            self.assertEqual((prober.overdue(at(0.9)), prober.overdue(at(5))), (False, True))
            samples = prober.receive(b"Pong 1 x", REFLECTOR, at(5), Reception(at(came).wall_ns))
            self.assertEqual([sample.state for sample in samples], states)
            self.assertApproximates(samples[-1].rtt, came, 1e-9)
            self.assertTrue(prober.finished)

    def test_held_no_longer_than_a_timeout(self) -> None:
        """A sample whose follow-up does not come is told when a timeout has passed."""
        self.prober = Prober(REFLECTOR, 6, 0.5, Stamp(7), Periodic(10))
        self.exchange(0)
        self.assertEqual((self.samples, self.prober.outstanding), ([], 1))
        self.assertApproximates(self.prober.deadline(), 0.505, 1e-6)
        (sample,) = self.prober.expire(at(0.51))
        self.assertEqual(sample.leaving, Leaving.REPLY)

    def test_order(self) -> None:
        """Fates are told in the order in which they are known: a sample that is held before a loss."""
        self.prober = Prober(REFLECTOR, 3, 0.15, Stamp(7), Periodic(0.1))
        self.exchange(0)
        self.exchange(1, "forward")
        self.exchange(2)
        self.samples += self.prober.expire(at(0.26))
        self.assertEqual([sample.sequence for sample in self.samples], [0, 2, 1])

    def test_directions(self) -> None:
        """Losses are told apart by direction, as the reflector counts."""
        for number, fate in enumerate(("", "forward", "backward", "forward", "")):
            self.exchange(number, fate)
        self.assertEqual(self.prober.directions, Directions(5, 2, 1))

    def test_directions_without_options(self) -> None:
        """A stateful reflector's numbers tell them as well; a stateless one's tell nothing."""
        for stateful, expected in ((True, Directions(5, 2, 1)), (False, None)):
            self.prober = Prober(REFLECTOR, 6, dialect=Stamp(7, options=False), schedule=Periodic(0.1))
            self.reflector = StampReflector(stateful=stateful)
            for number, fate in enumerate(("", "forward", "backward", "forward", "")):
                self.exchange(number, fate)
            self.assertEqual(self.prober.directions, expected)

    def test_damaged(self) -> None:
        """A damaged reply is told, and the ping waits on for a whole one."""
        self.prober.outgoing(at(0))
        (sample,) = self.prober.receive(b"\0" * 20, REFLECTOR, at(0.1))
        self.assertEqual((sample.state, sample.sequence), (State.CORRUPT, None))
        self.assertEqual(self.prober.outstanding, 1)


class NetworkTests(SynchronousTestCase):
    """A network that delays, loses, duplicates, reorders, truncates and forges."""

    def test_each_as_what_it_is(self) -> None:
        """Every datagram is counted as what the network made of it, and every RTT is its own ping's."""
        for protocol in ("text", "echo", "stamp"):
            with self.subTest(protocol=protocol):
                self.run_over(protocol, random.Random(11))

    def run_over(self, protocol: str, chance: random.Random) -> None:
        plan = Plan(protocol=protocol, count=400, interval=0.01, timeout=0.5, options=False)
        prober = plan.prober(REFLECTOR, chance)
        reflector = StampReflector(stateful=False)
        arrivals: list[tuple[float, int, bytes, tuple[str, int]]] = []
        delays: dict[int, float] = {}
        expected = dict.fromkeys(State, 0)
        foreign = rejected = reordered = 0
        samples: list[Sample] = []
        for number in range(400):
            now = number * 0.01
            samples += self.deliver(prober, arrivals, now)
            ((datagram, _, _),) = prober.outgoing(at(now))
            reply = datagram.replace(b"Ping", b"Pong")
            if protocol == "stamp":
                draft = reflector.read(datagram, HERE, at(now), Reception())
                draft.prepare()
                reply = draft.finish(at(now)).datagram
            fate = chance.choice(["answer"] * 4 + ["lose", "late", "twice", "cut", "forge", "swap"])
            delays[number] = {"late": 0.75, "swap": 0.0275}.get(fate, 0.0025)
            if fate not in ("lose", "cut"):
                arrivals.append((now + delays[number], number, reply, REFLECTOR))
            if fate == "twice":
                arrivals.append((now + 0.003, number, reply, REFLECTOR))
            if fate == "cut":
                arrivals.append(
                    (now + delays[number], number, reply[: 10 if protocol != "text" else 3], REFLECTOR)
                )
            if fate == "forge":
                arrivals.append((now + 0.001, number, reply, ("127.0.0.9", 12000)))
            expected[State.LATE if fate == "late" else State.RECEIVED] += fate not in ("lose", "cut")
            expected[State.LOST] += fate in ("lose", "late", "cut")
            expected[State.DUPLICATE] += fate == "twice"
            cut = State.CORRUPT if protocol == "stamp" else None
            if fate == "cut" and cut:
                expected[cut] += 1
            foreign += fate == "forge" or (fate == "cut" and not cut)
        samples += self.deliver(prober, arrivals, 10.0)
        rejected = self.rejected
        self.rejected = 0
        found = dict.fromkeys(State, 0)
        for sample in samples:
            found[sample.state] += 1
            reordered += sample.reordered
            if sample.rtt is not None:
                self.assertApproximates(sample.rtt, delays[sample.place], 1e-6)
        self.assertEqual(found, expected)
        self.assertEqual(rejected, foreign)
        self.assertGreater(reordered, 20)

    rejected = 0

    def deliver(self, prober: Prober, arrivals: list[Any], until: float) -> list[Sample]:
        samples: list[Sample] = []
        arrivals.sort(key=lambda arrival: arrival[0])
        while arrivals and arrivals[0][0] <= until:
            moment, _, datagram, peer = arrivals.pop(0)
            samples += prober.expire(at(moment))
            try:
                samples += prober.receive(datagram, peer, at(moment))
            except WireError:
                self.rejected += 1
        return samples + prober.expire(at(until))
