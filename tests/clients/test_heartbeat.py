"""The heartbeat client's output and status."""

import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab import udp
from netlab.clients import heartbeat
from netlab.clients.running import UNREACHABLE, WORKED, WRONG_USAGE
from netlab.errors import Unreachable
from netlab.heartbeat import sender, wire
from netlab.heartbeat.sender import LINGER
from tests.memory import MemoryReactor, OpenedPort


class BeatTests(SynchronousTestCase):
    """`beat` towards a monitor in memory."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.patch(udp, "DatagramPort", OpenedPort)
        self.patch(OpenedPort, "opened", [])
        self.patch(sender.BeatProtocol.log, "observer", lambda event: None)
        self.out, self.err = StringIO(), StringIO()

    def start(self, count: int | None = None, host: str = "127.0.0.1") -> Deferred[int]:
        for stream in (redirect_stdout(self.out), redirect_stderr(self.err)):
            stream.__enter__()
            self.addCleanup(stream.__exit__, None, None, None)
        return self.beat(heartbeat.Wanted(((host, 13000),), 0.5, count))

    def beat(self, wanted: heartbeat.Wanted) -> Deferred[int]:
        return Deferred.fromCoroutine(heartbeat.beat(self.reactor, wanted))

    @property
    def protocol(self) -> Any:
        return OpenedPort.opened[0].protocol

    def test_count(self) -> None:
        """Each beat is printed as it is sent; after the last one it ends with status 0."""
        status = self.start(2)
        self.reactor.advance(0.5)
        self.assertNoResult(status)
        self.reactor.advance(LINGER)
        self.assertEqual(self.successResultOf(status), WORKED)
        sent = [datagram.decode() for datagram, _ in OpenedPort.opened[0].written]
        self.assertEqual(self.out.getvalue().splitlines(), sent)
        for number, datagram in enumerate(sent, 1):
            self.assertTrue(re.fullmatch(rf"Heartbeat {number} \d+\.\d{{6}}", datagram))
        self.assertEqual(self.err.getvalue(), "")
        self.assertEqual((OpenedPort.opened[0].stopped, self.reactor.getDelayedCalls()), (True, []))

    def test_interrupted(self) -> None:
        """Without a count it beats until it is interrupted, which is no failure."""
        status = self.start()
        self.reactor.advance(0.5)
        status.cancel()
        self.assertEqual(self.successResultOf(status), WORKED)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_unreachable(self) -> None:
        """A monitor that is not there is told once; after the last beat the status is 3."""
        status = self.start(3)
        for _ in range(2):
            self.protocol.connectionRefused()
            self.reactor.advance(0.5)
        self.protocol.connectionRefused()
        self.reactor.advance(LINGER)
        self.assertEqual(self.successResultOf(status), UNREACHABLE)
        self.assertEqual(len(self.out.getvalue().splitlines()), 3)
        self.assertEqual(
            self.err.getvalue(),
            "netlab: 127.0.0.1:13000 refused: nothing listens on that UDP port; beating on\n",
        )

    def test_last_beat(self) -> None:
        """If only the last beat finds nobody, that is told at the end."""
        status = self.start(1)
        self.protocol.connectionRefused()
        self.reactor.advance(LINGER)
        self.assertEqual(self.successResultOf(status), UNREACHABLE)
        self.assertEqual(
            self.err.getvalue(), "netlab: 127.0.0.1:13000 refused: nothing listens on that UDP port\n"
        )

    def test_found_again(self) -> None:
        """A monitor that is there for the last beat makes it a success."""
        status = self.start(2)
        self.protocol.connectionRefused()
        self.reactor.advance(0.5)
        self.reactor.advance(LINGER)
        self.assertEqual(self.successResultOf(status), WORKED)
        self.assertEqual(wire.decode(OpenedPort.opened[0].written[1][0]).sequence, 2)

    def test_no_such_host(self) -> None:
        """Where there is no such host, no port is opened."""
        self.failureResultOf(self.start(host="a..b"), Unreachable)
        self.assertEqual(OpenedPort.opened, [])

    def test_no_such_command(self) -> None:
        """Where there is no such command, nothing is sent, and that is wrong usage."""
        with redirect_stderr(self.err):
            status = self.beat(heartbeat.Wanted((("127.0.0.1", 13000),), command=("no such command",)))
        self.assertEqual(self.successResultOf(status), WRONG_USAGE)
        self.assertEqual(self.err.getvalue(), "netlab: there is no command 'no such command'\n")
        self.assertEqual(OpenedPort.opened, [])
