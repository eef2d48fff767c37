"""The judge: reads all that waits, sees what was dropped and when it slept, and only then judges."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.events import Blinded, Changed, Event, Sighted
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

    def down(self) -> int:
        return sum(isinstance(event, Changed) and event.after is State.DOWN for event in self.events)

    def blinded(self) -> list[str]:
        return [event.cause for event in self.events if isinstance(event, Blinded)]

    def test_all_ports(self) -> None:
        """Each queue is read at every tick; with the last port the loop rests."""
        self.turn(1)
        self.assertEqual([port.drained for port in self.ports], [40, 40])
        self.judge.leave(self.ports[0])
        self.judge.leave(Queue())
        self.turn(1)
        self.assertEqual([port.drained for port in self.ports], [40, 80])
        self.judge.leave(self.ports[1])
        self.assertEqual(self.clocks.clock.getDelayedCalls(), [])
        self.judge.join(self.ports[0])
        self.turn(TICK)
        self.assertEqual(self.ports[0].drained, 41)

    def test_full_queue(self) -> None:
        """While a queue cannot be read to its end nobody is judged, and after a while it says so."""
        self.ports[1].empty = False
        self.turn(8)
        self.assertEqual(self.blinded(), ["its own queue is read 1.000 s too late"])
        self.ports[1].empty = True
        self.turn(1)
        self.assertIsInstance(self.events[-1], Sighted)
        self.assertFalse(any(isinstance(event, Changed) for event in self.events))
        self.turn(4.1)
        self.assertEqual(self.down(), 1)

    def test_behind(self) -> None:
        """Where more comes than is read at once, judgement is by what was heard until then."""
        late: Any = Queue()
        self.judge.join(late)
        begun = self.clocks().monotonic
        while self.clocks().monotonic < begun + 5.9:
            late.read_until = self.clocks().monotonic + TICK - 0.8
            self.turn(TICK)
            if not 5 <= late.read_until - begun <= 5 + 2 * TICK:
                self.assertEqual(self.down(), int(late.read_until > begun + 5))
        self.assertEqual(self.blinded(), [])
        (gone,) = [event for event in self.events if isinstance(event, Changed) and event.after is State.DOWN]
        self.assertTrue(5 <= (gone.silence or 0) <= 5 + 2 * TICK)
        self.assertTrue(0.8 <= (gone.at_ns - (gone.deadline_ns or 0)) / 1e9 <= 0.8 + 2 * TICK)

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

    def test_stop(self) -> None:
        """Once the end has begun, nobody is judged, and nothing counts as a stall."""
        self.turn(1)
        self.judge.stop()
        self.turn(10)
        self.judge.leave(self.ports[0])
        self.judge.stop()
        self.assertEqual((self.events, self.clocks.clock.getDelayedCalls()), ([], []))

    def test_mistake(self) -> None:
        """Should the judging end, the log says so."""
        mistaken: Any = Queue()
        mistaken.drain = lambda: 1 / 0
        self.judge.join(mistaken)
        self.turn(TICK)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
