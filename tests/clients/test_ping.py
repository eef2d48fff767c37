"""The ping client's output and status."""

import csv
import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from random import Random
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab import stamps
from netlab.clients import ping
from netlab.clients.ping import Output
from netlab.errors import Unreachable
from netlab.ping import Pinger, Plan, ReflectorProtocol
from netlab.testing import MemoryPort, TestClocks, pump
from tests.memory import MemoryReactor, OpenedPort

HERE = ("127.0.0.1", 12000)


class PingTests(SynchronousTestCase):
    """`ping` against a reflector in memory."""

    def setUp(self) -> None:
        self.reactor, self.clocks = MemoryReactor(), TestClocks()
        self.clocks.clock = self.reactor
        self.patch(stamps, "StampedPort", OpenedPort)
        self.patch(OpenedPort, "opened", [])
        self.patch(ping, "Pinger", lambda reactor: Pinger(reactor, self.clocks, Random(1)))
        self.out, self.err = StringIO(), StringIO()

    def start(self, *targets: tuple[str, int], output: Output | None = None, **plan: Any) -> Deferred[int]:
        for stream in (redirect_stdout(self.out), redirect_stderr(self.err)):
            stream.__enter__()
            self.addCleanup(stream.__exit__, None, None, None)
        wanted = Plan(**{"count": 2, **plan})
        run = ping.ping(self.reactor, targets or (HERE,), wanted, output or Output())
        return Deferred.fromCoroutine(run)

    def answer(self, *addresses: tuple[str, int]) -> None:
        ports = [MemoryPort(address, ReflectorProtocol()) for address in addresses or (HERE,)]
        pump(*OpenedPort.opened, *ports)

    def test_course(self) -> None:
        """A line for each ping, then the summary."""
        status = self.start()
        self.answer()
        self.assertEqual(self.successResultOf(status), 0)
        self.assertTrue(
            self.out.getvalue().startswith(
                "Ping 1: Pong 1 1795358159.000000  RTT 0.000 ms\n"
                "Ping 2: Pong 2 1795358159.000000  RTT 0.000 ms\n"
                "\n2 sent, 2 received, 0.0% loss\nRTT min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms\n"
            )
        )
        self.assertEqual(self.err.getvalue(), "")
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_json(self) -> None:
        """With --json each line is an object, the last one the summary."""
        status = self.start(output=Output(style="json"))
        self.answer()
        self.assertEqual(self.successResultOf(status), 0)
        first, second, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((first["seq"], second["seq"], first["state"]), (1, 2, "received"))
        self.assertEqual(first["target"], "127.0.0.1:12000")
        self.assertEqual(summary["summary"]["received"], 2)

    def test_csv(self) -> None:
        """With --csv there is a row a ping, under a row of names, and no summary."""
        status = self.start(output=Output(style="csv"))
        self.answer()
        self.assertEqual(self.successResultOf(status), 0)
        rows = list(csv.DictReader(self.out.getvalue().splitlines()))
        self.assertEqual([row["seq"] for row in rows], ["1", "2"])
        self.assertEqual(rows[0]["received_by"], "user")

    def test_several(self) -> None:
        """Several targets are pinged at once; each line and each summary says whose it is."""
        status = self.start(HERE, ("127.0.0.1", 5))
        self.answer(HERE, ("127.0.0.1", 5))
        self.assertEqual(self.successResultOf(status), 0)
        lines = self.out.getvalue().splitlines()
        self.assertEqual(sum(line.startswith("127.0.0.1:5  Ping ") for line in lines), 2)
        self.assertIn("127.0.0.1:5", lines)

    def test_one_of_several(self) -> None:
        """One target that is not there does not spoil the others; the status is the first failure's."""
        status = self.start(HERE, ("a..b", 1))
        self.answer()
        self.assertEqual(self.successResultOf(status), 3)
        self.assertIn("no such host: a..b", self.err.getvalue())
        self.assertIn("2 sent, 2 received", self.out.getvalue())

    def test_extras(self) -> None:
        """The histogram and the explanation follow the summary."""
        status = self.start(output=Output(histogram=True, explain=True))
        self.answer()
        self.successResultOf(status)
        self.assertIn("█", self.out.getvalue())
        self.assertIn("RTT is the time from", self.out.getvalue())

    def test_all_lost(self) -> None:
        """When no reply came in time the status is 1, and a line says why."""
        status = self.start()
        self.clocks.advance(1)
        self.clocks.advance(1)
        self.assertEqual(self.successResultOf(status), 1)
        self.assertTrue(
            self.out.getvalue().startswith(
                "Ping 1: Request timed out\nPing 2: Request timed out\n\n2 sent, 0 received, 100.0% loss\n"
            )
        )
        self.assertEqual(
            self.err.getvalue(), "netlab: no reply from 127.0.0.1:12000 in time: 2 of 2 pings were lost\n"
        )

    def test_thresholds(self) -> None:
        """More loss, or a longer RTT, than is allowed is status 1 and a line; as much is not."""
        for output, status, why in (
            (Output(fail_loss=0.5, fail_p99=0.25), 0, ""),
            (Output(fail_loss=0.4), 1, "50.00% of the pings were lost, more than 40.00%"),
            (Output(fail_p99=0.2), 1, "the RTT's p99 is 250.000 ms, more than 200 ms"),
        ):
            with self.subTest(output=output):
                OpenedPort.opened.clear()
                self.err = StringIO()
                run = self.start(output=output)
                self.clocks.advance(0.25)
                protocol: Any = OpenedPort.opened[0].protocol
                protocol.datagramReceived(b"Pong 1 x", HERE)
                self.clocks.advance(1)
                self.assertEqual(self.successResultOf(run), status)
                self.assertIn(why, self.err.getvalue())

    def test_interrupted(self) -> None:
        """Interrupted, it sums up what there is."""
        status = self.start(count=10)
        port: Any = OpenedPort.opened[0]
        port.protocol.datagramReceived(b"Pong 1 x", HERE)
        status.cancel()
        self.assertEqual(self.successResultOf(status), 0)
        self.assertIn("2 sent, 1 received, 0.0% loss, 1 on their way", self.out.getvalue())
        self.assertEqual((port.stopped, self.reactor.getDelayedCalls()), (True, []))

    def test_unreachable(self) -> None:
        """No such host, or nobody there: the error is for the caller to tell."""
        self.failureResultOf(self.start(("a..b", 1)), Unreachable)
        refused = self.start()
        protocol: Any = OpenedPort.opened[0].protocol
        protocol.networkError(ConnectionRefusedError(111, "Connection refused"))
        self.failureResultOf(refused, Unreachable)
        self.assertEqual(self.out.getvalue(), "")

    def test_live(self) -> None:
        """With --live the lines are drawn instead, and the summary follows."""
        view: list[Any] = []

        class Reactor(MemoryReactor):
            def spawnProcess(self, protocol: Any, *given: Any, **named: Any) -> None:
                view.append(protocol)
                protocol.makeConnection(mock.Mock())

        self.reactor = self.clocks.clock = Reactor()
        status = self.start(output=Output(style="live"))
        self.answer()
        self.assertNoResult(status)
        view[0].processEnded(None)
        self.assertEqual(self.successResultOf(status), 0)
        self.assertNotIn("Ping 1:", self.out.getvalue())
        self.assertIn("2 sent, 2 received", self.out.getvalue())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
