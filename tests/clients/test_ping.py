"""The ping client's output and status."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab import udp
from netlab.clients import ping
from netlab.errors import Unreachable
from netlab.ping import Pinger, ReflectorProtocol
from netlab.testing import MemoryPort, TestClocks, pump
from tests.memory import MemoryReactor, OpenedPort


class PingTests(SynchronousTestCase):
    """`ping` against a reflector in memory."""

    def setUp(self) -> None:
        self.reactor, self.clocks = MemoryReactor(), TestClocks()
        self.clocks.clock = self.reactor
        self.patch(udp, "DatagramPort", OpenedPort)
        self.patch(OpenedPort, "opened", [])
        self.patch(ping, "Pinger", lambda reactor: Pinger(reactor, self.clocks))
        self.out, self.err = StringIO(), StringIO()

    def start(self, host: str = "127.0.0.1", count: int = 2, as_json: bool = False) -> Deferred[int]:
        for stream in (redirect_stdout(self.out), redirect_stderr(self.err)):
            stream.__enter__()
            self.addCleanup(stream.__exit__, None, None, None)
        return Deferred.fromCoroutine(ping.ping(self.reactor, host, 12000, count, 1.0, as_json))

    def answer(self) -> None:
        pump(*OpenedPort.opened, MemoryPort(("127.0.0.1", 12000), ReflectorProtocol()))

    def test_course(self) -> None:
        """A line for each ping, then the summary."""
        status = self.start()
        self.answer()
        self.assertEqual(self.successResultOf(status), 0)
        self.assertEqual(
            self.out.getvalue(),
            "Ping 1: Pong 1 1795358159.000000  RTT 0.000 ms\n"
            "Ping 2: Pong 2 1795358159.000000  RTT 0.000 ms\n"
            "\n2 sent, 2 received, 0.0% loss\nRTT min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n",
        )
        self.assertEqual(self.err.getvalue(), "")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_json(self) -> None:
        """With --json each line is an object, the last one the summary."""
        status = self.start(as_json=True)
        self.answer()
        self.assertEqual(self.successResultOf(status), 0)
        first, second, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((first["seq"], second["seq"], first["state"]), (1, 2, "received"))
        self.assertEqual(summary["summary"]["received"], 2)

    def test_all_lost(self) -> None:
        """When no reply came in time the status is 1, and a line says why."""
        status = self.start()
        self.clocks.advance(1)
        self.clocks.advance(1)
        self.assertEqual(self.successResultOf(status), 1)
        self.assertEqual(
            self.out.getvalue(),
            "Ping 1: Request timed out\nPing 2: Request timed out\n\n2 sent, 0 received, 100.0% loss\n",
        )
        self.assertEqual(
            self.err.getvalue(), "netlab: no reply from 127.0.0.1 in time: 2 of 2 pings were lost\n"
        )

    def test_interrupted(self) -> None:
        """Interrupted, it sums up what there is."""
        status = self.start(count=10)
        port: Any = OpenedPort.opened[0]
        port.protocol.datagramReceived(b"Pong 1 x", ("127.0.0.1", 12000))
        status.cancel()
        self.assertEqual(self.successResultOf(status), 0)
        self.assertIn("2 sent, 1 received", self.out.getvalue())
        self.assertEqual((port.stopped, self.reactor.getDelayedCalls()), (True, []))

    def test_unreachable(self) -> None:
        """No such host, or nobody there: the error is for the caller to tell."""
        self.failureResultOf(self.start("a..b"), Unreachable)
        refused = self.start()
        protocol: Any = OpenedPort.opened[0].protocol
        protocol.connectionRefused()
        self.failureResultOf(refused, Unreachable)
        self.assertEqual(self.out.getvalue(), "")
