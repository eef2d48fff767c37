"""The monitor: who is alive, judged on the monotonic clock, and never wrong because of itself."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.heartbeat import wire
from netlab.heartbeat.client import ClientRule
from netlab.heartbeat.detector import Fixed, Intervals, LossAware, Phi
from netlab.heartbeat.events import (
    Beaten,
    Blinded,
    Changed,
    ClockStepped,
    Event,
    Moved,
    Restored,
    Sighted,
)
from netlab.heartbeat.monitor import Monitor, Policy
from netlab.heartbeat.sight import EVERYBODY
from netlab.heartbeat.signing import Keyring, derive, sign
from netlab.heartbeat.states import State

A, B, C = ((f"192.0.2.{number}", 4000) for number in (1, 2, 3))
EPOCH = 1_795_358_159
MASTER = b"a master of many octets"
TICK = 0.05


def at(seconds: float, step: float = 0.0) -> Instant:
    return Instant(seconds, EPOCH * 10**9 + round((seconds + step) * 1e9))


def line(number: int, sent: float | None = None, **tags: Any) -> bytes:
    sent_ns = EPOCH * 10**9 + round((number if sent is None else sent) * 1e9)
    return wire.encode(wire.Beat(number, sent_ns, **tags))


class Watched(SynchronousTestCase):
    """A monitor that is looked at twenty times a second."""

    def setUp(self) -> None:
        self.watch()

    def watch(self, **policy: Any) -> None:
        rules, keyring = policy.pop("rules", None), policy.pop("keyring", None)
        wants_beats = policy.pop("wants_beats", False)
        self.monitor = Monitor(Policy(**policy), keyring, rules, wants_beats)
        self.now, self.step = 0.0, 0.0
        self.events: list[Event] = []

    def hear(self, datagram: bytes, peer: Any = A) -> list[Event]:
        events = list(self.monitor.receive(datagram, peer, at(self.now, self.step)))
        self.events += events
        return events

    def turn(self, seconds: float) -> list[Event]:
        """Let time pass."""
        events: list[Event] = []
        for _ in range(round(seconds / TICK)):
            self.now = round(self.now + TICK, 6)
            events += self.monitor.expire(at(self.now, self.step))
        self.events += events
        return events

    def changes(self) -> list[tuple[str, State]]:
        """Which client came to which state, mere lateness left out."""
        return [
            (event.client, event.after)
            for event in self.events
            if isinstance(event, Changed) and event.notable
        ]

    def state(self, name: str = "192.0.2.1:4000") -> State:
        (client,) = (client for client in self.monitor.clients() if client.id == name)
        return self.monitor.state_of(client)

    def beat_on(self, seconds: int, first: int, *peers: Any) -> None:
        for number in range(first, first + seconds):
            for peer in peers or (A,):
                self.hear(line(number, self.now), peer)
            self.turn(1)


class CourseTests(Watched):
    """The letter of the assignment."""

    def test_life(self) -> None:
        """Up with the first beat, down once after the timeout, up again with the next beat."""
        (up,) = self.hear(line(1))
        assert isinstance(up, Changed)
        self.assertEqual((up.client, up.after, up.silence), ("192.0.2.1:4000", State.UP, None))
        self.turn(1)
        self.hear(line(2))
        self.turn(4.9)
        self.assertEqual(self.state(), State.LATE if self.state() is State.LATE else State.UP)
        down = [event for event in self.turn(30) if isinstance(event, Changed) and event.after is State.DOWN]
        self.assertEqual(len(down), 1)
        assert down[0].silence is not None
        self.assertTrue(5 <= down[0].silence <= 5.1)
        self.assertEqual(down[0].deadline_ns, EPOCH * 10**9 + 6_000_000_000)
        up = self.hear(line(3, self.now))[0]
        assert isinstance(up, Changed)
        self.assertEqual((up.before, up.after), (State.DOWN, State.UP))
        self.assertAlmostEqual(up.silence or 0, 34.9)

    def test_lost(self) -> None:
        """Every number that is skipped is reported; one that comes after all is late."""
        self.hear(line(1))
        (skipped,) = self.hear(line(4))
        assert isinstance(skipped, Beaten)
        self.assertEqual((list(skipped.entry.lost), skipped.as_dict()["lost"]), ([2, 3], 2))
        (late,) = self.hear(line(3))
        assert isinstance(late, Beaten)
        self.assertTrue(late.entry.found)
        self.assertEqual(self.monitor.beats, 3)

    def test_difference(self) -> None:
        """With each beat, where that is wanted, the difference of the wall clocks, whichever is ahead."""
        self.watch(wants_beats=True)
        self.now = 1.25
        for sent, difference in ((1.0, 0.25), (5.0, -3.75)):
            beaten = self.hear(line(1, sent))[-1]
            assert isinstance(beaten, Beaten)
            self.assertAlmostEqual(beaten.difference or 0, difference)

    def test_proof_of_life(self) -> None:
        """Neither a duplicate nor a late beat proves anything about now."""
        self.hear(line(1))
        self.hear(line(3))
        for _ in range(12):
            self.turn(0.5)
            self.hear(line(3))
            self.hear(line(2))
        self.assertEqual(self.changes()[-1][1], State.DOWN)

    def test_each_for_itself(self) -> None:
        """Each client has its own deadline."""
        self.hear(line(1), A)
        self.hear(line(1), B)
        self.beat_on(7, 2, A)
        self.assertEqual(self.changes()[2:], [("192.0.2.2:4000", State.DOWN)])

    def test_replies(self) -> None:
        """A sender that waits for an answer gets one, never longer than what it sent."""
        for reply, answer in (("ack", b"ACK 7"), ("upper", b"HEARTBEAT 7 1795358166.000000")):
            self.watch(reply=reply)
            self.hear(line(7))
            self.assertEqual(self.monitor.outgoing(at(0)), [(answer, A)])
            self.hear(b"up", B)
            ((datagram, _),) = self.monitor.outgoing(at(0))
            self.assertLessEqual(len(datagram), 2)
        self.watch()
        self.hear(line(7))
        self.assertEqual(self.monitor.outgoing(at(0)), [])

    def test_garbage(self) -> None:
        """What is no heartbeat makes nobody a client, and is counted."""
        self.assertRaises(WireError, self.hear, b"no beat at all")
        self.assertEqual((len(self.monitor.clients()), self.monitor.refused["malformed"]), (0, 1))

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 200)), max_size=60))
    def test_any_life(self, script: list[tuple[int, int]]) -> None:
        """Whoever beats whenever: down is who was silent for the timeout, and up who is heard."""
        self.watch()
        heard: dict[int, float] = {}
        for number, (who, ticks) in enumerate(script):
            self.turn(ticks * TICK)
            for one, when in heard.items():
                silence = self.now - when
                expected = {State.DOWN} if silence > 5 + 2 * TICK else {State.UP, State.LATE}
                if not 5 <= silence <= 5 + 2 * TICK:
                    self.assertIn(self.state(f"192.0.2.{one}:4000"), expected)
            self.hear(line(number, self.now), (f"192.0.2.{who}", 4000))
            heard[who] = self.now


class StateTests(Watched):
    """What else a client may be."""

    def test_goodbye(self) -> None:
        """Who says goodbye has stopped, and is not called down; how it ended is told."""
        for exit_, why in ((None, "goodbye"), (3, "status 3"), (-9, "signal 9")):
            self.watch()
            self.hear(line(1, id="a"))
            self.hear(line(2, id="a", status="bye", exit=exit_))
            self.turn(20)
            self.assertEqual(self.changes()[1:], [("a", State.STOPPED)])
            (client,) = self.monitor.clients()
            self.assertIn(why, client.cause)
        self.hear(line(3, id="a"))
        self.assertEqual(self.state("a"), State.UP)

    def test_maintenance(self) -> None:
        """Who announces a silence is not called down in it, and is judged again once all is well."""
        self.hear(line(1, id="a", status="maint"))
        self.turn(60)
        self.assertEqual(self.state("a"), State.MAINTENANCE)
        self.hear(line(2, id="a"))
        self.assertEqual(self.state("a"), State.MAINTENANCE)
        self.hear(line(3, id="a", status="ok"))
        self.turn(6)
        self.assertEqual(self.state("a"), State.DOWN)

    def test_hands(self) -> None:
        """A hand pauses, announces, resumes; who is resumed has its whole deadline."""
        self.hear(line(1, id="a"))
        self.events += self.monitor.pause("a", at(self.now))
        self.turn(60)
        self.hear(line(2, id="a", status="bye"))
        self.assertEqual(self.state("a"), State.PAUSED)
        self.events += self.monitor.resume("a", at(self.now))
        self.turn(4.9)
        self.assertNotEqual(self.state("a"), State.DOWN)
        self.turn(0.2)
        self.assertEqual(self.state("a"), State.DOWN)
        self.events += self.monitor.maintenance("a", at(self.now))
        self.assertEqual(self.state("a"), State.MAINTENANCE)
        self.assertEqual(self.monitor.pause("a", at(self.now))[0].as_dict()["state"], "paused")
        self.assertRaises(KeyError, self.monitor.pause, "b", at(self.now))
        self.hear(line(1), B)
        self.monitor.pause("192.0.2.2:4000", at(self.now))
        self.assertEqual(self.monitor.counts()[State.PAUSED], 2)

    def test_late(self) -> None:
        """A client whose beats are overdue is late before it is down, which is no news."""
        self.beat_on(5, 1)
        self.turn(2)
        self.assertEqual(self.state(), State.LATE)
        self.hear(line(8, self.now))
        self.assertEqual(self.state(), State.UP)
        self.assertEqual(len(self.changes()), 1)

    def test_expected(self) -> None:
        """A client that its owner expects is down if it never comes."""
        self.monitor.expect("a", ClientRule(), at(0))
        self.monitor.expect("a", ClientRule(), at(0))
        self.assertEqual(self.state("a"), State.NEW)
        self.turn(6)
        self.assertEqual(self.state("a"), State.DOWN)
        self.hear(line(1, id="a"))
        self.assertEqual(self.state("a"), State.UP)

    def test_moves(self) -> None:
        """A client may send from elsewhere, which is told; another port of the same host is not."""
        self.hear(line(1, id="a"), A)
        self.assertEqual(self.hear(line(2, id="a"), (A[0], 4001)), [])
        (moved,) = self.hear(line(3, id="a"), B)
        self.assertEqual(moved, Moved(at(0).wall_ns, "a", B, (A[0], 4001)))
        self.assertEqual(len(self.monitor.clients()), 1)

    def test_conflict(self) -> None:
        """Two senders with one name are in conflict, until one alone is left."""
        for number in range(1, 6):
            self.hear(line(number, id="a", inc=7), A)
            self.hear(line(number, id="a", inc=8), B)
            self.turn(1)
        self.assertEqual(self.state("a"), State.CONFLICT)
        for number in range(6, 22):
            self.hear(line(number, id="a", inc=8), B)
            self.turn(1)
        self.assertEqual(self.state("a"), State.UP)

    def test_conflict_without_incarnation(self) -> None:
        """Numbers that go back and forth between two addresses are two senders as well."""
        for number in range(1, 5):
            self.hear(line(100 + number, self.now, id="a"), A)
            self.hear(line(number, self.now + 0.01, id="a"), B)
            self.turn(1)
        self.assertEqual(self.state("a"), State.CONFLICT)

    def test_overtaken_restart(self) -> None:
        """One old beat that comes after a restart from another port is no conflict."""
        self.hear(line(9, id="a", inc=7), A)
        self.hear(line(1, id="a", inc=8), (A[0], 4001))
        self.hear(line(8, id="a", inc=7), A)
        self.turn(1)
        self.hear(line(2, id="a", inc=8), (A[0], 4001))
        self.assertEqual(self.state("a"), State.UP)


class BoundTests(Watched):
    """Nothing that a stranger can grow is unbounded."""

    def test_room(self) -> None:
        """With all places taken, one that is gone is forgotten, and none that is alive."""
        self.watch(max_clients=2)
        self.hear(line(1), A)
        self.turn(3)
        self.hear(line(1), B)
        self.assertRaises(WireError, self.hear, line(1), C)
        self.turn(3)
        self.hear(line(1), C)
        self.assertRaises(WireError, self.hear, line(2), A)
        self.assertEqual(self.monitor.refused["room"], 2)

    def test_source(self) -> None:
        """One address has so many clients, and no more; when they are forgotten there is room again."""
        self.watch(max_per_source=2, max_clients=3)
        self.hear(line(1, id="a"))
        self.hear(line(1, id="b"))
        self.assertRaises(WireError, self.hear, line(1, id="c"))
        self.hear(line(1, id="c"), B)
        self.assertEqual(self.monitor.refused["source"], 1)
        self.hear(line(2, id="a"), B)
        self.turn(6)
        self.hear(line(1, id="d"))
        self.assertEqual(len(self.monitor.clients()), 3)

    def test_strangers(self) -> None:
        """Where strangers are refused, only who has a rule is watched."""
        rules = {
            "a": ClientRule(detector=Fixed(2.0)),
            "m": ClientRule(maintenance=True),
            "p": ClientRule(paused=True),
        }
        self.watch(admit_unknown=False, rules=lambda name, address: rules.get(name or ""))
        for name in "amp":
            self.hear(line(1, id=name))
        self.assertRaises(WireError, self.hear, line(1, id="b"))
        self.assertRaises(WireError, self.hear, line(1))
        self.turn(2.2)
        self.assertEqual([self.state(name) for name in "amp"], [State.DOWN, State.MAINTENANCE, State.PAUSED])

    def test_policy(self) -> None:
        """A policy that is none is refused."""
        for wrong in ({"phase": "hope"}, {"reply": "shout"}, {"max_clients": 0}, {"max_per_source": 0}):
            self.assertRaises(ValueError, Policy, **wrong)


class OwnFaultTests(Watched):
    """Never wrong because of itself."""

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events if not isinstance(event, Changed)]

    def test_stall(self) -> None:
        """Held up for 30 s, it says so, and grants a whole deadline; who is dead is found after that."""
        self.hear(line(1), A)
        self.hear(line(1), B)
        self.turn(1)
        self.now += 30
        self.turn(TICK)
        self.assertEqual(self.kinds(), [Blinded, Sighted])
        self.assertIn("held up for 30.050 s", self.events[2].as_dict()["cause"])
        self.turn(4)
        self.hear(line(32, self.now), A)
        self.turn(4)
        self.assertEqual(self.changes()[2:], [("192.0.2.2:4000", State.DOWN)])

    def test_step(self) -> None:
        """An hour's step of the wall clock, either way, is told and makes nobody die."""
        self.beat_on(3, 1)
        for step in (3600.0, -3600.0):
            self.step += step
            self.turn(TICK)
            self.hear(line(self.monitor.beats + 1, self.now))
            self.turn(3)
        told = [event.seconds for event in self.events if isinstance(event, ClockStepped)]
        self.assertEqual([round(seconds) for seconds in told], [3600, -3600])
        self.assertEqual(len(self.changes()), 1)

    def test_sleep(self) -> None:
        """A machine that slept has not stepped its clock, and calls nobody down."""
        self.hear(line(1))
        self.turn(4)
        self.step += 600
        self.events += self.monitor.slept(600.0, at(self.now, self.step))
        self.turn(4)
        self.assertEqual(self.kinds(), [Blinded, Sighted])
        self.assertEqual(len(self.changes()), 1)

    def test_overflow(self) -> None:
        """While its own queue overflows, nobody is judged, lost beats are not told, and it is said once."""
        self.hear(line(1))
        for _ in range(200):
            self.events += self.monitor.overflowed(5, at(self.now))
            self.turn(TICK)
        self.assertEqual((self.kinds(), self.state()), ([Blinded], State.BLIND))
        self.assertEqual(self.hear(line(9, self.now)), [])
        self.turn(1.1)
        self.assertEqual(self.kinds(), [Blinded, Sighted])
        self.turn(4)
        self.assertEqual(len(self.changes()), 1)
        self.turn(1)
        self.assertEqual(self.changes()[-1][1], State.DOWN)

    def test_everybody(self) -> None:
        """When nobody at all is heard any more, the network is at fault until somebody is."""
        peers = [(f"192.0.2.{number}", 4000) for number in range(EVERYBODY)]
        self.beat_on(3, 1, *peers)
        self.turn(60)
        self.assertEqual(self.kinds(), [Blinded])
        self.assertEqual(self.monitor.counts()[State.BLIND], EVERYBODY)
        self.beat_on(7, 64, *peers[1:])
        down = [client for client, state in self.changes() if state is State.DOWN]
        self.assertEqual(down, ["192.0.2.0:4000"])

    def test_few(self) -> None:
        """A few clients may well stop together."""
        peers = [(f"192.0.2.{number}", 4000) for number in range(EVERYBODY - 1)]
        self.beat_on(3, 1, *peers)
        self.turn(10)
        self.assertEqual(self.monitor.counts()[State.DOWN], EVERYBODY - 1)

    def test_detectors(self) -> None:
        """No detector that knows of losses calls a client down for two lost beats; all find a dead one."""
        for detector, within in (
            (Intervals(4), 5),
            (LossAware(within=8.0), 8),
            (Fixed(5), 5),
            (Phi(100), 12),
        ):
            self.watch(detector=detector)
            for number in range(1, 100):
                if number % 20 not in (7, 8):
                    self.hear(line(number, self.now))
                self.turn(1)
            self.assertEqual(len(self.changes()), 1, detector)
            self.turn(within + 0.2)
            self.assertEqual(self.changes()[-1][1], State.DOWN, detector)

    def test_interval_not_told(self) -> None:
        """Who tells no interval is found dead by the one that its first few beats show."""
        for interval in (0.1, 1.0):
            self.watch(detector=Intervals(3))
            for number in range(4):
                self.hear(line(number, self.now))
                self.turn(interval)
            self.turn(3)
            self.assertEqual(self.state(), State.DOWN)

    def test_own_interval(self) -> None:
        """What a client tells of its interval counts from that beat on."""
        self.watch(detector=Intervals(3))
        self.hear(line(1, id="a", interval=100.0))
        self.turn(50)
        self.hear(line(2, self.now, id="a", interval=0.5, mult=4))
        self.turn(2.5)
        self.assertEqual(self.state("a"), State.DOWN)

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_fault(self, data: st.DataObject) -> None:
        """Whatever befalls the monitor, a client that beats is never down, and a dead one is in the end."""
        self.watch()
        for number in range(400):
            fault = data.draw(st.sampled_from(["none"] * 12 + ["stall", "step", "sleep", "drop"]))
            if fault == "stall":
                self.now = round(self.now + data.draw(st.sampled_from([1, 30, 3000])), 6)
            elif fault == "step":
                self.step += data.draw(st.sampled_from([3600, -3600, 1]))
            elif fault == "sleep":
                self.monitor.slept(100.0, at(self.now, self.step))
            elif fault == "drop":
                self.monitor.overflowed(1, at(self.now, self.step))
            if fault in ("none", "step"):  # else what was sent may be lost with it
                self.monitor.receive(line(number, self.now), A, at(self.now, self.step))
            for _ in range(2):
                self.now = round(self.now + 0.5, 6)
                for event in self.monitor.expire(at(self.now, self.step)):
                    self.assertFalse(isinstance(event, Changed) and event.after is State.DOWN, event)
        for _ in range(20):
            self.now = round(self.now + 0.5, 6)
            self.monitor.expire(at(self.now, self.step))
        self.assertIs(self.state(), State.DOWN)


class SecurityTests(Watched):
    """Signatures, and what they keep away."""

    def signed(self, number: int, master: bytes = MASTER, key: int = 1, **more: Any) -> bytes:
        datagram = line(number, number, **{"id": "a", "inc": 7, **more})
        return sign(datagram, key, derive(master, "a"))

    def guard(self, phase: str = "enforce", **policy: Any) -> None:
        self.watch(phase=phase, keyring=Keyring({1: MASTER, 2: MASTER[::-1]}), **policy)

    def attacks(self) -> list[bytes]:
        """Beats that are not, or no longer, the client's."""
        good = self.signed(5)
        flipped = [
            good[:place] + bytes((good[place] ^ 1 << bit,)) + good[place + 1 :]
            for place in range(10, len(good), 3)
            for bit in (0, 3)
        ]
        return [
            self.signed(1),
            self.signed(2),
            line(50, id="a"),
            line(50, id="a", inc=9),
            self.signed(50, master=b"another of many octets"),
            self.signed(50, key=2),
            self.signed(50, key=3),
            self.signed(50, inc=6),
            *flipped,
        ]

    def attack(self) -> None:
        (client,) = self.monitor.clients()
        heard = client.heard
        self.turn(1)
        for datagram in self.attacks():
            try:
                self.hear(datagram, C)
            except WireError:
                continue
        clients = [client for client in self.monitor.clients() if client.id == "a"]
        self.assertEqual([client.heard for client in clients], [heard])

    def test_attacks(self) -> None:
        """Replayed, forged, unsigned, other-key, flipped beats refresh nobody, nor after a restart."""
        self.guard()
        for number in (1, 2):
            self.hear(self.signed(number))
        self.attack()
        (client,) = (client for client in self.monitor.clients() if client.id == "a")
        dump = self.monitor.dump(client, at(self.now))
        saved = self.now
        self.guard()
        self.now = saved + 2
        self.monitor.load([dump], at(saved).wall_ns, False, at(self.now))
        self.attack()
        self.turn(6)
        self.assertEqual(self.state("a"), State.DOWN)
        self.hear(self.signed(60))
        self.assertEqual(self.state("a"), State.UP)

    def test_phases(self) -> None:
        """receive-only refuses nothing, permissive what is wrong, enforce what is missing as well."""
        wrong = sign(line(2, id="a", inc=7), 1, b"x" * 32)
        for phase, refused in (("receive-only", 0), ("permissive", 1), ("enforce", 2)):
            self.guard(phase)
            self.hear(self.signed(1))
            count = 0
            for datagram in (wrong, line(3, id="a", inc=7)):
                try:
                    self.hear(datagram)
                except WireError:
                    count += 1
            self.assertEqual(count, refused, phase)
        self.assertEqual(self.monitor.refused, {"signature": 1, "unsigned": 1})
        self.guard("receive-only")
        self.hear(wrong)
        self.assertEqual(self.monitor.unverified, 1)

    def test_owner_s_word(self) -> None:
        """Who has to sign by its owner's rule has to from its first beat on; others need not."""
        rules = {"a": ClientRule(phase="enforce")}
        self.guard("permissive", rules=lambda name, address: rules.get(name or ""))
        self.assertRaises(WireError, self.hear, line(1, id="a"))
        self.hear(self.signed(1))
        self.assertRaises(WireError, self.hear, line(2, id="a", inc=7))
        self.hear(line(1, id="b"))
        self.assertEqual(len(self.monitor.clients()), 2)

    def test_taken_name(self) -> None:
        """Who took a name before its owner signed does not hold it."""
        self.guard()
        self.hear(line(10**9, id="a", inc=2**60))
        self.hear(self.signed(1))
        self.assertRaises(WireError, self.hear, line(10**9 + 1, id="a", inc=2**60))
        self.assertEqual(self.hear(self.signed(2)), [])


class ObeyTests(Watched):
    """Rules, keys and policy that change while clients are watched."""

    def obey(self, *rules: tuple[str, ClientRule], keyring: Keyring | None = None, **policy: Any) -> None:
        known = dict(rules)
        self.events += self.monitor.obey(
            Policy(**policy), keyring, lambda identity, address: known.get(identity or ""), at(self.now)
        )

    def test_patience(self) -> None:
        """Another detector holds at once, for all or for one, and takes back what it was before."""
        for name in ("a", "b"):
            self.hear(line(1, id=name))
        self.obey(("b", ClientRule(detector=Fixed(9.0))), detector=Fixed(2.0))
        self.turn(2.2)
        self.assertEqual((self.state("a"), self.state("b")), (State.DOWN, State.UP))
        self.obey(detector=Phi(8))
        self.turn(40)
        self.assertEqual(self.state("b"), State.DOWN)

    def test_silence_allowed(self) -> None:
        """Who is paused or left alone by a rule is so until the rule goes; by hand is by hand."""
        for name in ("a", "b", "c"):
            self.hear(line(1, id=name))
        self.monitor.pause("c", at(0))
        self.obey(("a", ClientRule(paused=True)), ("b", ClientRule(maintenance=True)))
        self.turn(20)
        states = [self.state(name) for name in ("a", "b", "c")]
        self.assertEqual(states, [State.PAUSED, State.MAINTENANCE, State.PAUSED])
        self.obey()
        self.turn(4.8)
        self.assertEqual([self.state(name) for name in ("a", "b", "c")][2], State.PAUSED)
        self.assertNotIn(State.DOWN, (self.state("a"), self.state("b")))
        self.turn(0.5)
        self.assertEqual((self.state("a"), self.state("b")), (State.DOWN, State.DOWN))

    def test_keys(self) -> None:
        """Who has to sign from now on is refused without, and what was said in its name is forgotten."""
        for number in (1, 2, 5):
            self.hear(line(number, id="a"))
        keyring = Keyring({1: MASTER})
        self.obey(("a", ClientRule(phase="enforce")), keyring=keyring)
        self.assertRaises(WireError, self.hear, line(6, id="a"))
        self.hear(sign(line(3, id="a", inc=1), 1, derive(MASTER, "a")))
        (client,) = self.monitor.clients()
        self.assertEqual((client.ledger.beats, client.ledger.lost), (1, 0))
        self.obey(("a", ClientRule(phase="enforce")), keyring=Keyring({2: b"another master of octets"}))
        self.assertRaises(WireError, self.hear, sign(line(4, id="a", inc=1), 1, derive(MASTER, "a")))

    def test_strangers(self) -> None:
        """Who is refused from now on is so only if it is not known yet; replies begin and end."""
        self.hear(line(1, id="a"))
        self.obey(admit_unknown=False, reply="ack")
        self.hear(line(2, id="a"))
        self.assertEqual(self.monitor.outgoing(at(0)), [(b"ACK 2", A)])
        self.assertRaises(WireError, self.hear, line(1, id="b"))
        self.obey()
        self.hear(line(1, id="b"))
        self.assertEqual(self.monitor.outgoing(at(0)), [])


class RestartTests(Watched):
    """A restart forgets nothing."""

    def test_restart(self) -> None:
        """States, numbers and figures are as they were; whoever was alive has a whole deadline."""
        self.beat_on(4, 1)
        self.hear(line(1, self.now, id="b", interval=2.0, mult=3), B)
        self.hear(line(2, self.now, id="b", interval=2.0, mult=3, status="bye"), B)
        dumps = [self.monitor.dump(client, at(self.now)) for client in self.monitor.clients()]
        saved = self.now
        self.watch()
        self.now = saved + 30
        (restored,) = self.monitor.load(dumps, at(saved).wall_ns, True, at(self.now))
        self.assertEqual(restored, Restored(at(self.now).wall_ns, 2, 30.0, True))
        self.assertEqual((self.state(), self.state("b")), (State.UP, State.STOPPED))
        self.turn(4)
        (*_, beaten) = self.hear(line(38, self.now))
        assert isinstance(beaten, Beaten)
        self.assertEqual(len(beaten.entry.lost), 33)
        self.assertEqual(self.changes(), [])
        self.turn(6)
        self.assertEqual(self.changes(), [("192.0.2.1:4000", State.DOWN)])

    def test_late_and_reordered(self) -> None:
        """Who repairs a loss is late; who stands before the first is only reordered; both are remembered."""
        for number in (5, 7, 6, 4, 8):
            self.hear(line(number, number))
        (client,) = self.monitor.clients()
        figures = lambda ledger: (ledger.lost, ledger.late, ledger.reordered, ledger.duplicates)  # noqa: E731
        self.assertEqual(figures(client.ledger), (0, 1, 2, 0))
        dump = self.monitor.dump(client, at(self.now))
        for written, late in ((dump, 1), (dump[:-1], 2)):
            self.watch()
            self.monitor.load([written], 0, True, at(10))
            (restored,) = self.monitor.clients()
            self.assertEqual(figures(restored.ledger), (0, late, 2, 0))

    def test_damaged(self) -> None:
        """What is no dump is refused."""
        for dump in (None, (), (1, 2, 3, 4, 5, 6, 7, 8, 9), ("a", None, "up", 0, "", False, None, None, [1])):
            self.assertRaises(ValueError, Monitor().load, [dump], 0, False, at(0))
