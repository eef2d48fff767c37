"""Where events go, and that they never hold the monitor up."""

import json
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat import sinks
from netlab.heartbeat.events import Sighted
from netlab.heartbeat.sinks import KEPT, JSONLines, LogSink, Paced, Recent, fan_out
from netlab.lines import LineFile


class Happened:
    """An event that has a number."""

    def __init__(self, number: int, notable: bool = True) -> None:
        self.number = number
        self.notable = notable

    def as_dict(self) -> dict[str, Any]:
        return {"event": "happened", "number": self.number}


class SinkTests(SynchronousTestCase):
    """Sinks that are given events one by one"""

    def setUp(self) -> None:
        self.clock = Clock()
        self.now = 0.0
        self.lines: list[str] = []
        self.logged: list[Any] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def later(self) -> float:
        """A clock on which a line takes a millisecond."""
        self.now += 0.001
        return self.now

    def log(self) -> Any:
        return Paced(lambda event: self.lines.append(f"line {event.number}"), self.clock, self.later)  # type: ignore[attr-defined]

    def test_fan_out(self) -> None:
        """Every sink takes every event, though one before it has made a mistake."""
        taken: list[Any] = []
        sink: Any = fan_out([lambda event: 1 // 0, taken.append])
        sink(1)
        sink(2)
        self.assertEqual(taken, [1, 2])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_log(self) -> None:
        """A line is logged in the same turn of the loop, as it is called for."""
        sink = self.log()
        sink(Happened(1))
        self.clock.advance(0)
        self.assertEqual(self.lines, ["line 1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        sink.close()

    def test_many(self) -> None:
        """Many lines at once are logged a few a turn, in their order, and at the end all that are left."""
        sink = self.log()
        for number in range(100):
            sink(Happened(number))
        self.clock.advance(0)
        self.assertLess(len(self.lines), 10)
        self.clock.pump([0.02] * 5)
        self.assertLess(len(self.lines), 60)
        sink.close()
        sink(Happened(100))
        self.assertEqual(self.lines, [f"line {number}" for number in range(100)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_many(self) -> None:
        """Past the most that may wait, lines are left out, and counted."""
        self.patch(sinks, "WAITING", 10)
        sink = self.log()
        for number in range(15):
            sink(Happened(number))
        self.clock.pump([0] + [0.02] * 9)
        self.assertEqual(len(self.lines), 10)
        self.assertEqual(self.logged[-1]["count"], 5)
        sink(Happened(15))
        self.clock.advance(0)
        self.assertEqual(self.lines[-1], "line 15")

    def test_mistake(self) -> None:
        """An event that is not taken is logged, and the next one handed on."""
        taken: list[Any] = []
        sink: Any = Paced(lambda event: taken.append(1 // event), self.clock, self.later)  # type: ignore[operator]
        sink(0)
        sink(1)
        self.clock.advance(0)
        self.assertEqual(taken, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lines(self) -> None:
        """The log has the lines for people."""
        LogSink()(Sighted(0, 2.0))
        self.assertIn("judging again", self.logged[-1]["line"])

    def test_recent(self) -> None:
        """The last thousand are remembered, ordinary beats apart, those from before a restart first."""
        recent: Any = Recent()
        recent.restore([{"number": -2}, {"number": -1}])
        recent(Happened(0, notable=False))
        recent(Happened(1))
        self.assertEqual([event["number"] for event in recent.told()], [-2, -1, 1])
        for number in range(2, KEPT + 5):
            recent(Happened(number))
        self.assertEqual([event["number"] for event in recent.told()], list(range(5, KEPT + 5)))

    def test_json_lines(self) -> None:
        """An event is an object in a line; an ordinary beat only where it is asked for."""
        with tempfile.TemporaryDirectory() as folder:
            file = LineFile(str(Path(folder) / "events"), "--events")
            file.open()
            for beats in (False, True):
                sink: Any = JSONLines(file, beats)
                sink(Happened(1, notable=False))
                sink(Happened(2))
            file.close()
            text = (Path(folder) / "events").read_text()
        self.assertEqual([json.loads(line)["number"] for line in text.splitlines()], [2, 1, 2])
