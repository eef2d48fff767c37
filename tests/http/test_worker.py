"""A worker's side of the channel: when it reports, and how it notices that its parent is gone."""

import io
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogBeginner
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.channel import Report, decode_report, encode_ask
from netlab.http.counters import Counters, Reading
from netlab.http.worker import Reporter, log_to, main
from tests.http.wire import answered


class ReporterTests(SynchronousTestCase):
    """`Reporter`"""

    def setUp(self) -> None:
        self.clock = Clock()
        self.counters = Counters()
        self.gone: list[str] = []
        serving: Any = self
        self.reporter = Reporter(self.clock, serving, self.gone.append)
        self.transport = StringTransport()
        self.reporter.makeConnection(self.transport)

    def read(self) -> Reading:
        return Reading(self.counters, 3)

    def reports(self) -> list[Report]:
        """What was reported since the last call."""
        lines = self.transport.value().splitlines()
        self.transport.clear()
        return [decode_report(line) for line in lines]

    def test_unasked(self) -> None:
        """It reports at the start, which tells that it serves, and each second from then on."""
        expected = Report(None, 3, self.counters.snapshot())
        self.assertEqual(self.reports(), [expected])
        self.clock.advance(0.9)
        self.assertEqual(self.reports(), [])
        self.clock.advance(0.1)
        self.assertEqual(self.reports(), [expected])

    def test_asked(self) -> None:
        """It answers each question with what is true then."""
        self.reports()
        self.counters.add(answered("GET", 200, 1, 0.1))
        self.reporter.dataReceived(encode_ask(8))
        (report,) = self.reports()
        self.assertEqual((report.answers, report.counters), (8, self.counters.snapshot()))
        self.reporter.dataReceived(b"what?\n")
        self.assertEqual(self.reports(), [])

    def test_unread(self) -> None:
        """A parent that does not read is not reported to, and hears everything afterwards."""
        self.reports()
        self.reporter.pauseProducing()
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.reports(), [])
        self.reporter.resumeProducing()
        self.clock.advance(1.0)
        self.assertEqual(len(self.reports()), 1)
        self.reporter.stopProducing()
        self.clock.advance(1.0)
        self.assertEqual(self.reports(), [])

    def test_gone(self) -> None:
        """The end of the channel is the end of the parent, and so of the worker."""
        self.reporter.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.gone, ["its parent has ended"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(self.reporter.close())

    def test_close(self) -> None:
        """The last report is written before the worker ends."""
        self.reports()
        closed = self.reporter.close()
        self.assertEqual(len(self.reports()), 1)
        self.assertTrue(self.transport.disconnecting)
        self.assertNoResult(closed)
        self.reporter.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(closed)
        self.assertEqual((self.gone, self.clock.getDelayedCalls()), ([], []))


class StartTests(SynchronousTestCase):
    """How the process begins."""

    def test_log(self) -> None:
        """An event is a line, without the time and the system that the parent tells."""
        observers: list[Any] = []
        self.patch(globalLogBeginner, "beginLoggingTo", observers.extend)
        stream = io.StringIO()
        log_to(stream)
        observers[0]({"log_format": "hello {who}", "who": "parent", "log_time": 0.0})
        self.assertEqual(stream.getvalue(), "hello parent\n")

    def test_wrong_options(self) -> None:
        """Options that hold no more, such as a folder that has gone, end it with one line."""
        self.patch(globalLogBeginner, "beginLoggingTo", lambda observers: None)
        ended = self.assertRaises(SystemExit, main, ["/nonexistent", "4", "--root=/nonexistent"])
        self.assertEqual(ended.code, "netlab-http: --root /nonexistent: there is no such folder")
