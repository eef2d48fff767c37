"""What is told of the monitor: rows, actions, checkpoints, metrics, and a page."""

import json
from collections.abc import Coroutine, Iterable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.heartbeat.client import ClientRule
from netlab.heartbeat.detector import Fixed
from netlab.heartbeat.events import Event
from netlab.heartbeat.metrics import heartbeat_metrics
from netlab.heartbeat.monitor import Monitor, Policy
from netlab.heartbeat.page import page
from netlab.heartbeat.sinks import Recent, fan_out
from netlab.heartbeat.slices import SLICE
from netlab.heartbeat.status import Status, dumped
from netlab.http.admin import Admin
from netlab.http.message import Request, Response

WALL = 1_795_358_159
PEER = ("127.0.0.1", 4000)


class StatusTests(SynchronousTestCase):
    """A `Status` of a monitor that is told the time"""

    def setUp(self) -> None:
        self.now = 100.0
        self.clock = Clock()
        self.recent = Recent()
        self.monitor = Monitor(Policy(Fixed(5.0)))
        self.status = self.make(self.monitor, self.recent)

    def make(self, monitor: Monitor, recent: Recent) -> Status:
        sink = fan_out([recent])

        def tell(events: Iterable[Event]) -> None:
            for event in events:
                sink(event)

        self.tell = tell
        return Status(monitor, recent, tell, self.clocks, self.clock)

    def clocks(self) -> Instant:
        return Instant(self.now, WALL * 10**9 + round((self.now - 100) * 1e9))

    def beat(self, text: str) -> None:
        self.tell(self.monitor.receive(text.encode(), PEER, self.clocks()))

    def expire(self) -> None:
        for _ in range(300):
            self.now += 0.05
            self.tell(self.monitor.expire(self.clocks()))

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        done = Deferred.fromCoroutine(coroutine)
        while not done.called:
            self.clock.advance(0.1)
        return self.successResultOf(done)

    def row(self) -> dict[str, Any]:
        (row,) = self.status.rows(list(self.status.clients()))
        return row

    def test_row(self) -> None:
        """A client in the words of the contract, its moments in seconds since 1970."""
        for number in (1, 2, 4):
            self.beat(f"Heartbeat {number} {WALL}.000000 id=web-1 int=1000")
        row = self.row()
        self.assertEqual(
            {name: row[name] for name in ("id", "address", "state", "beats", "lost", "interval")},
            {
                "id": "web-1",
                "address": "127.0.0.1:4000",
                "state": "up",
                "beats": 3,
                "lost": 1,
                "interval": 1.0,
            },
        )
        self.assertEqual((row["since"], row["deadline"]), (WALL, WALL + 5))
        self.expire()
        row = self.row()
        self.assertEqual(row["state"], "down")
        self.assertAlmostEqual(row["deadline"], WALL + 5, places=5)
        self.assertTrue(WALL + 5 <= row["since"] < WALL + 5.1)

    def test_expected(self) -> None:
        """A client that was never heard has no address, and nothing that could be measured."""
        self.monitor.expect("backup", ClientRule(), self.clocks())
        row = self.row()
        self.assertEqual((row["state"], row["address"], row["interval"]), ("new", None, None))

    def test_act(self) -> None:
        """An action tells the state that follows; who is nobody is refused."""
        self.beat(f"Heartbeat 1 {WALL}.000000 id=web-1")
        for action, state in (("pause", "paused"), ("resume", "up"), ("maintenance", "maintenance")):
            self.assertEqual(self.finish(self.status.act(action, "web-1")), state)
        self.failureResultOf(Deferred.fromCoroutine(self.status.act("pause", "nobody")), KeyError)
        self.assertEqual(
            [event["state"] for event in self.status.events()], ["up", "paused", "up", "maintenance"]
        )

    def test_checkpoint(self) -> None:
        """What was written down is there after a restart, the events too."""
        self.beat(f"Heartbeat 1 {WALL}.000000 id=web-1")
        pages = self.finish(self.status.pages(None))
        before, events = self.row(), self.status.events()
        self.monitor, self.recent = Monitor(Policy(Fixed(5.0))), Recent()
        self.status = self.make(self.monitor, self.recent)
        self.status.load(pages, events, WALL * 10**9, True)
        self.assertEqual(self.row()["beats"], before["beats"])
        self.assertEqual([event["event"] for event in self.status.events()], ["state", "restored"])
        for wrong in (([], [1]), ([b"\5"], []), ([b"\x91\1"], []), ([b"x\1"], [])):
            self.assertRaises(ValueError, self.status.load, *wrong, WALL * 10**9, True)

    def test_many(self) -> None:
        """Many are told of, and written down, a slice at a time: all of them, once."""
        for number in range(3 * SLICE + 1):
            self.beat(f"Heartbeat 1 {WALL}.000000 id=web-{number}")
        parts = Deferred.fromCoroutine(self.status.parts())
        pages = Deferred.fromCoroutine(self.status.pages(4.0))
        for _ in range(3):
            self.assertFalse(pages.called)
            self.clock.advance(0.02)
        rows = json.loads(b"[" + b",".join(self.successResultOf(parts)) + b"]")
        names = [f"web-{number}" for number in range(3 * SLICE + 1)]
        self.assertEqual([row["id"] for row in rows], names)
        self.assertEqual([key for key, *_ in dumped(self.successResultOf(pages))], names)

    def test_health(self) -> None:
        """A monitor that is blind, or is about to stop, is not well."""
        self.assertEqual(self.status.state(), "ok")
        self.monitor.overflowed(3, self.clocks())
        self.assertEqual(self.status.state(), "blind")
        self.status.draining = True
        self.assertEqual(self.status.state(), "draining")

    def test_metrics(self) -> None:
        """Clients by state, beats, and what was refused by reason."""
        self.beat(f"Heartbeat 1 {WALL}.000000 id=web-1")
        self.monitor.refused["room"] += 2
        response = Admin(self.status, heartbeat_metrics)(Request("GET", "/metrics", (1, 1)))
        assert isinstance(response, Response)
        assert isinstance(response.body, bytes)
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(response.body.decode())
            for sample in family.samples
        }
        self.assertEqual(samples["netlab_heartbeat_clients", "up"], 1)
        self.assertEqual(samples["netlab_heartbeat_clients", "down"], 0)
        self.assertEqual(samples["netlab_heartbeat_beats_total",], 1)
        self.assertEqual(samples["netlab_heartbeat_refused_total", "room"], 2)
        self.assertEqual(samples["netlab_heartbeat_blind",], 0)

    def test_page(self) -> None:
        """People get a page in which nothing runs but its own script."""
        for target in ("/", "/?x"):
            response = page(Request("GET", target, (1, 1)))
            assert response is not None
            self.assertIn("script-src 'sha256-", response.fields.get("content-security-policy") or "")
        self.assertIsNone(page(Request("GET", "/api/clients", (1, 1))))
        refused = page(Request("POST", "/", (1, 1)))
        assert refused is not None
        self.assertEqual(refused.status, 405)
