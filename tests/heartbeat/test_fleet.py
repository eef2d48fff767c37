"""Several monitors that each watch a part of the clients, and know enough of each other."""

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.heartbeat.client import ClientRule
from netlab.heartbeat.detector import Fixed, LossAware
from netlab.heartbeat.events import Blinded, Changed, Event
from netlab.heartbeat.fleet import RECORD, Fleet, Part, alone
from netlab.heartbeat.monitor import Monitor, NotOurs, Policy
from netlab.heartbeat.sight import EVERYBODY
from netlab.heartbeat.states import State

PEER = ("192.0.2.1", 4000)


def at(seconds: float) -> Instant:
    return Instant(seconds, round((1_795_358_159 + seconds) * 1e9))


def line(number: int, identity: str) -> bytes:
    return f"Heartbeat {number} {1_795_358_159 + number}.000000 id={identity}".encode()


class FleetTests(SynchronousTestCase):
    """`Fleet`, and monitors that share one"""

    def setUp(self) -> None:
        self.numbers = [0.0] * (3 * RECORD)
        self.monitors = [
            Monitor(Policy(Fixed(2.0)), fleet=Fleet(self.numbers, own), owns=self.owner(own))
            for own in range(3)
        ]
        self.events: list[Event] = []

    @staticmethod
    def owner(own: int):  # type: ignore[no-untyped-def]
        return lambda identity, address: identity is None or int(identity[-1]) % 3 == own

    def hear(self, number: int, *names: str) -> None:
        for name in names:
            self.events += self.monitors[int(name[-1]) % 3].receive(line(number, name), PEER, at(number))

    def turn(self, begin: float, end: float) -> None:
        for tick in range(round((end - begin) * 20)):
            for monitor in self.monitors:
                self.events += monitor.expire(at(begin + tick / 20))

    def down(self) -> list[str]:
        return [
            event.client for event in self.events if isinstance(event, Changed) and event.after is State.DOWN
        ]

    def test_parts(self) -> None:
        """Each knows what all others have told, and not itself."""
        fleets = [Fleet(self.numbers, own) for own in range(3)]
        self.assertEqual(fleets[0].others(), Part())
        fleets[0].tell(Part(-inf, 1, 1))
        fleets[1].tell(Part(7.5, 10, 9))
        fleets[2].tell(Part(3.0, 100, 90))
        self.assertEqual(fleets[0].others(), Part(7.5, 110, 99))
        self.assertEqual(fleets[1].others(), Part(3.0, 101, 91))
        self.assertEqual(alone().others(), Part())

    def test_not_ours(self) -> None:
        """What another owns is not admitted; what is known is never asked about again."""
        with self.assertRaises(NotOurs) as caught:
            self.monitors[0].receive(line(1, "a1"), PEER, at(1))
        self.assertEqual((caught.exception.identity, caught.exception.address), ("a1", PEER))
        self.assertEqual((len(self.monitors[0].clients()), self.monitors[0].refused), (0, {}))
        for monitor in self.monitors:
            monitor.expect("a1", ClientRule(), at(0))
        self.assertEqual([len(monitor.clients()) for monitor in self.monitors], [0, 1, 0])

    def test_silence_of_some(self) -> None:
        """All of one monitor's clients may die while others' beat; who dies alone among many is down."""
        names = [f"{letter}0" for letter in "abcdefghij"]
        others = [f"{letter}1" for letter in "abcdefghij"]
        self.assertGreaterEqual(len(names), EVERYBODY)
        for number in range(1, 4):
            self.hear(number, *names, *others)
            self.turn(number, number + 1)
        for number in range(4, 9):
            self.hear(number, *others)
            self.turn(number, number + 1)
        self.assertEqual(sorted(self.down()), names)
        self.assertFalse([event for event in self.events if isinstance(event, Blinded)])

    def test_silence_of_all(self) -> None:
        """Where all clients of all are silent at once, each monitor is blind, though it has few of them."""
        names = [f"{letter}{number}" for letter in "abc" for number in range(3)]
        for number in range(1, 4):
            self.hear(number, *names)
            self.turn(number, number + 1)
        self.turn(4, 10)
        blind = [event for event in self.events if isinstance(event, Blinded)]
        self.assertEqual(
            [(event.cause, event.clients) for event in blind],
            [("not one of 9 clients is heard any more", 3)] * 3,
        )
        self.assertEqual(self.down(), [])
        for number in range(10, 14):
            self.hear(number, "a0")
            self.turn(number, number + 1)
        self.assertEqual(sorted(self.down()), sorted(set(names) - {"a0"}))

    def test_counted_together(self) -> None:
        """The most clients there may be, and the fleet of a budget, are of all monitors together."""
        policy = Policy(LossAware(alarms=1.0, within=60.0, loss=0.2), max_clients=3)
        one, other = (Monitor(policy, fleet=Fleet(self.numbers, own)) for own in range(2))
        one.receive(line(1, "a"), PEER, at(1))
        one.receive(line(1, "b"), PEER, at(1))
        one.expire(at(1))
        other.expire(at(1))
        other.receive(line(1, "c"), PEER, at(1))
        other.expire(at(1.1))
        self.assertRaises(WireError, other.receive, line(1, "d"), PEER, at(1.2))
        Fleet(self.numbers, 2).tell(Part(1.0, 1_000_000, 0))
        patience = []
        for monitor, name in ((one, "a"), (other, "c")):
            for number in range(2, 6):
                monitor.receive(line(number, name), PEER, at(number))
                monitor.expire(at(number + 0.5))
            (client,) = (client for client in monitor.clients() if client.id == name)
            patience.append(client.patience)
        self.assertEqual(patience[0], patience[1])
