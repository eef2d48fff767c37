"""The live view: what is collected, and handed to the process that draws."""

import json
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.clients.live import ACKNOWLEDGEMENTS, KEPT, PATIENCE, LiveView, figures
from netlab.ping.sample import Sample, State
from netlab.ping.stats import Report, Run, Statistics
from tests.memory import MemoryReactor

SAMPLES = [Sample(place, State.RECEIVED, 0.001 * (place + 1), place=place) for place in range(4)]


def report(*samples: Sample, **run: Any) -> Report:
    figures = Statistics()
    for sample in samples:
        figures.add(sample)
    return figures.report(Run(**{"sent": len(samples), **run}))


class Reactor(MemoryReactor):
    """Keeps the process that it was to start, and what that was given."""

    def spawnProcess(self, protocol: Any, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named
        self.process = mock.Mock()
        protocol.makeConnection(self.process)

    def pictures(self) -> list[Any]:
        return [json.loads(call.args[0]) for call in self.process.write.call_args_list]


class ViewTests(SynchronousTestCase):
    """`LiveView`"""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.view = LiveView(self.reactor)
        session: Any = mock.Mock()
        session.report = lambda: report(*SAMPLES, Sample(5, State.LOST, place=4), sent=5)
        session.statistics.rtt.histogram.bars = lambda most: [(10**6, 2 * 10**6, 4)]
        self.view.watch("here:1", session)
        self.view.start()

    def stop(self) -> None:
        stopped = Deferred.fromCoroutine(self.view.stop())
        self.reactor.process.closeStdin.assert_called_once()
        self.view.processEnded(Failure(Exception()))
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_process(self) -> None:
        """It draws on our own output, is told by its input, and tells by a descriptor of its own."""
        self.assertEqual(self.reactor.given[1][-2:], ["netlab.clients.picture", "3"])
        self.assertEqual(self.reactor.named["childFDs"], {0: "w", 1: 1, 2: 2, ACKNOWLEDGEMENTS: "r"})
        self.stop()

    def test_pictures(self) -> None:
        """A few times a second what is known is handed on, but never before the last was drawn."""
        for sample in [*SAMPLES, Sample(5, State.LOST), Sample(5, State.LATE), Sample(6, State.UNSENT)]:
            self.view.add("here:1", sample)
        self.view.add("nobody:1", SAMPLES[0])
        self.reactor.advance(0.25)
        self.assertEqual(self.reactor.pictures(), [])  # the process is not ready yet
        for pictures in (1, 2):
            self.view.childDataReceived(ACKNOWLEDGEMENTS, b".")
            self.reactor.advance(0.25)
            self.reactor.advance(0.25)
            self.assertEqual(len(self.reactor.pictures()), pictures)
        ((track,), _) = self.reactor.pictures()
        self.assertEqual(track["name"], "here:1")
        self.assertEqual(track["recent"], [0.001, 0.002, 0.003, 0.004, None])
        self.assertEqual(track["bars"], [[10**6, 2 * 10**6, 4]])
        self.assertEqual(len(track["figures"]), 2)
        self.stop()

    def test_bounded(self) -> None:
        """Only so many fates are kept as a terminal has columns."""
        for place in range(KEPT + 9):
            self.view.add("here:1", Sample(place, State.LOST))
        self.assertEqual(len(self.view._tracks["here:1"].recent), KEPT)
        self.stop()

    def test_process_that_died(self) -> None:
        """Without the process the measurement goes on, and ends."""
        self.view.childDataReceived(ACKNOWLEDGEMENTS, b".")
        self.view.processEnded(Failure(Exception()))
        self.view.processEnded(Failure(Exception()))
        self.reactor.advance(0.25)
        self.assertEqual(self.reactor.pictures(), [])
        self.successResultOf(Deferred.fromCoroutine(self.view.stop()))

    def test_process_that_hangs(self) -> None:
        """One that does not end, as on a terminal that was stopped, is made to."""
        stopped = Deferred.fromCoroutine(self.view.stop())
        self.reactor.advance(PATIENCE)
        self.successResultOf(stopped)
        self.reactor.process.signalProcess.assert_called_once_with("KILL")


class FigureTests(SynchronousTestCase):
    """`figures`"""

    def test_figures(self) -> None:
        """The counters in one line, the RTT in another; what did not happen is not named."""
        lost = (Sample(5, State.LOST, place=4), Sample(5, State.LATE, place=4))
        self.assertEqual(
            figures(report(*SAMPLES, *lost, sent=5, missed=3)),
            [
                "5 sent, 4 received  loss 20.00% (3.62% to 62.45%)  1 late  3 missed",
                "RTT  min 1.000  avg 2.500  p99 4.000  max 4.000 ms",
            ],
        )
        self.assertEqual(figures(report()), ["0 sent, 0 received  loss 0.00% (0.00% to 100.00%)"])
