"""The judge: reads all that waits, sees what was dropped and when it slept, and only then judges."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.events import Blinded, Changed, Event
from netlab.heartbeat.judge import TICK, Judge, time_asleep
from netlab.heartbeat.monitor import Monitor
from netlab.heartbeat.states import State
from netlab.testing import TestClocks

A = ("127.0.0.1", 4000)


class Queue:
    """A port with a queue."""

    def __init__(self) -> None:
        self.drained = 0
        self.dropped = 0
        self.empty = True

    def drain(self) -> bool:
        self.drained += 1
        return self.empty

    def drops(self) -> int:
        return self.dropped


class JudgeTests(SynchronousTestCase):
    """`Judge`"""

    def setUp(self) -> None:
        self.clocks, self.monitor, self.events = TestClocks(), Monitor(), list[Event]()
        self.asleep = 0.0
        self.judge = Judge(
            self.clocks.clock, self.monitor, self.events.extend, self.clocks, asleep=lambda: self.asleep
        )
        self.ports = [Queue(), Queue()]
        for port in self.ports:
            self.judge.join(port)
        self.monitor.receive(b"Heartbeat 1 1795358159.0", A, self.clocks())

    def turn(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.clocks.advance(TICK)

    def blinded(self) -> list[str]:
        return [event.cause for event in self.events if isinstance(event, Blinded)]

    def test_all_ports(self) -> None:
        """Each queue is read at every tick; with the last port the loop rests."""
        self.turn(1)
        self.assertEqual([port.drained for port in self.ports], [20, 20])
        self.judge.leave(self.ports[0])
        self.judge.leave(Queue())
        self.turn(1)
        self.assertEqual([port.drained for port in self.ports], [20, 40])
        self.judge.leave(self.ports[1])
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])
        self.judge.join(self.ports[0])
        self.turn(TICK)
        self.assertEqual(self.ports[0].drained, 21)

    def test_full_queue(self) -> None:
        """While a queue cannot be read to its end nobody is judged, and after a while that is a stall."""
        self.ports[1].empty = False
        self.turn(8)
        self.assertEqual(self.events, [])
        self.ports[1].empty = True
        self.turn(1)
        self.assertIn("held up for", self.blinded()[0])
        self.assertFalse(any(isinstance(event, Changed) for event in self.events))
        self.turn(6)
        self.assertTrue(
            any(isinstance(event, Changed) and event.after is State.DOWN for event in self.events)
        )

    def test_drops(self) -> None:
        """What any queue has dropped is told, past the end of the system's counter as well."""
        self.ports[0].dropped = 2**32 - 1
        self.turn(TICK)
        self.turn(2)
        self.ports[0].dropped, self.ports[1].dropped = 1, 3
        self.turn(TICK)
        self.assertEqual([cause.split(", ")[1] for cause in self.blinded()][1], "5 datagrams were dropped")

    def test_sleep(self) -> None:
        """A suspended machine is told from a stall."""
        self.turn(1)
        self.asleep += 60
        self.turn(TICK)
        self.assertEqual(self.blinded(), ["the machine was asleep for 60.000 s"])
        self.assertGreaterEqual(time_asleep(), -1e-3)

    def test_mistake(self) -> None:
        """Should the judging end, the log says so."""
        mistaken: Any = Queue()
        mistaken.drain = lambda: 1 / 0
        self.judge.join(mistaken)
        self.turn(TICK)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
