"""The live view: graph, histogram, counters, drawn beside the measurement."""

import io
import sys
from typing import Any
from unittest import mock

from rich.console import Console
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab.clients.live import LiveView, draw, graph, histogram
from netlab.ping.plan import Plan
from netlab.ping.sample import Sample, State
from netlab.ping.stats import Report, Run, Statistics
from tests.memory import MemoryReactor


def report(*samples: Sample, **run: Any) -> Report:
    figures = Statistics()
    for sample in samples:
        figures.add(sample)
    return figures.report(Run(**{"sent": len(samples), **run}))


SAMPLES = [Sample(place, State.RECEIVED, 0.001 * (place + 1), place=place) for place in range(4)]


class DrawingTests(SynchronousTestCase):
    """What is drawn."""

    def test_graph(self) -> None:
        """A column a ping, as high as its RTT; a lost one is a gap, with a mark below."""
        *rows, marks = [line.plain[12:] for line in graph([0.002, None, 0.001], 80, rows=4)]
        self.assertEqual(rows, ["█  ", "█  ", "█ █", "█ █"])
        self.assertEqual(marks, " x ")

    def test_scale(self) -> None:
        """The top and the middle say their RTT."""
        lines = [line.plain for line in graph([0.002, 0.0], 80, rows=4)]
        self.assertTrue(lines[0].startswith("   2.000 ms "))
        self.assertTrue(lines[2].startswith("   1.000 ms "))
        self.assertEqual(lines[3][13], "▁")  # who came back at once is still there

    def test_width(self) -> None:
        """Only so many pings are drawn as the terminal has columns, the newest."""
        for width in (80, 200):
            rows = graph([0.001] * 500, width)
            self.assertTrue(all(len(row.plain) <= width for row in rows))
            self.assertEqual(len(rows[0].plain), width)
            bars = histogram([(10**6, 2 * 10**6, 7), (2 * 10**6, 3 * 10**6, 0)], width)
            self.assertTrue(all(len(bar.plain) <= width for bar in bars))

    def test_nothing_yet(self) -> None:
        """Before the first ping there is an empty picture."""
        console = Console(file=io.StringIO(), width=80)
        console.print(draw([], report(), [], 76))


class ViewTests(SynchronousTestCase):
    """`LiveView`"""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactor()
        self.screen = io.StringIO()
        console = Console(file=self.screen, width=80, height=40, force_terminal=True, color_system=None)
        self.view = LiveView(self.reactor, Plan(), console)
        session: Any = mock.Mock()
        session.report = lambda: report(
            *SAMPLES, Sample(5, State.LOST, place=4), Sample(5, State.LATE, place=4), sent=5, missed=3
        )
        session.statistics.rtt.histogram.bars = lambda most: [(10**6, 2 * 10**6, 4)]
        self.session = session

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.view.stop()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_draws(self) -> None:
        """A few times a second what is known is drawn; then the terminal is left as it was."""
        before = sys.getswitchinterval()
        self.view.watch("here:1", self.session)
        for sample in [*SAMPLES, Sample(5, State.LOST), Sample(5, State.LATE)]:
            self.view.add("here:1", sample)
        self.view.add("nobody:1", SAMPLES[0])
        self.view.start()
        self.reactor.advance(0.25)
        drawn = self.screen.getvalue()
        for words in ("here:1", "text", "lost", "5 sent, 4 received", "1 late", "3 missed", "p99 4.000"):
            self.assertIn(words, drawn)
        self.assertNotIn("nobody", drawn)
        self.stop()
        self.assertEqual(sys.getswitchinterval(), before)

    def test_one_at_a_time(self) -> None:
        """While one picture is drawn no other is begun, and the end waits for it."""
        told: list[Any] = []
        self.reactor.callInThreadWithCallback = lambda done, function, *given: told.append(done)
        self.view.start()
        self.reactor.advance(0.25)
        self.reactor.advance(0.25)
        self.assertEqual(len(told), 1)
        stopped = Deferred.fromCoroutine(self.view.stop())
        self.assertNoResult(stopped)
        told[0](True, None)
        self.successResultOf(stopped)

    def test_broken_terminal(self) -> None:
        """A terminal that cannot be written to does not end the measurement."""
        self.view.watch("here:1", self.session)
        self.view.start()
        self.patch(self.view, "_show", mock.Mock(side_effect=OSError))
        self.reactor.advance(0.25)
        self.reactor.advance(0.25)
        self.stop()
