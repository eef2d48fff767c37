"""What is told of the monitor: rows, actions, checkpoints, metrics, and a page."""

from collections.abc import Iterable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.heartbeat.client import ClientRule
from netlab.heartbeat.detector import Fixed
from netlab.heartbeat.events import Event
from netlab.heartbeat.metrics import heartbeat_metrics
from netlab.heartbeat.monitor import Monitor, Policy
from netlab.heartbeat.page import page
from netlab.heartbeat.sinks import Recent, fan_out
from netlab.heartbeat.status import Status
from netlab.http.admin import Admin
from netlab.http.message import Request, Response

WALL = 1_795_358_159
PEER = ("127.0.0.1", 4000)


class StatusTests(SynchronousTestCase):
    """A `Status` of a monitor that is told the time"""

    def setUp(self) -> None:
        self.now = 100.0
        self.recent = Recent()
        self.monitor = Monitor(Policy(Fixed(5.0)))
        self.status = self.make(self.monitor, self.recent)

    def make(self, monitor: Monitor, recent: Recent) -> Status:
        sink = fan_out([recent])

        def tell(events: Iterable[Event]) -> None:
            for event in events:
                sink(event)

        self.tell = tell
        return Status(monitor, recent, tell, self.clocks)

    def clocks(self) -> Instant:
        return Instant(self.now, WALL * 10**9 + round((self.now - 100) * 1e9))

    def beat(self, text: str) -> None:
        self.tell(self.monitor.receive(text.encode(), PEER, self.clocks()))

    def expire(self) -> None:
        for _ in range(300):
            self.now += 0.05
            self.tell(self.monitor.expire(self.clocks()))

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
        self.assertEqual(self.status.act("pause", "web-1"), "paused")
        self.assertEqual(self.status.act("resume", "web-1"), "up")
        self.assertEqual(self.status.act("maintenance", "web-1"), "maintenance")
        self.assertRaises(KeyError, self.status.act, "pause", "nobody")
        self.assertEqual(
            [event["state"] for event in self.status.events()], ["up", "paused", "up", "maintenance"]
        )

    def test_checkpoint(self) -> None:
        """What was written down is there after a restart, the events too."""
        self.beat(f"Heartbeat 1 {WALL}.000000 id=web-1")
        dumps = self.status.dump(list(self.status.clients()))
        before, events = self.row(), self.status.events()
        self.monitor, self.recent = Monitor(Policy(Fixed(5.0))), Recent()
        self.status = self.make(self.monitor, self.recent)
        self.status.load(dumps, events, WALL * 10**9, True)
        self.assertEqual(self.row()["beats"], before["beats"])
        self.assertEqual([event["event"] for event in self.status.events()], ["state", "restored"])
        self.assertRaises(ValueError, self.status.load, [], [1], WALL * 10**9, True)

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
