"""The options of netlab-heartbeat, and what they are wired to."""

import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat import tap
from netlab.heartbeat.detector import Fixed, Intervals
from netlab.heartbeat.signing import derive, sign
from netlab.heartbeat.tap import Calm, Options, make_policy, makeService
from netlab.heartbeat.wire import Beat, decode, encode
from tests.ping.test_tap import Port

ALONE = ("--web", "off", "--store", "none")


def parse(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


class OptionTests(SynchronousTestCase):
    """What a user writes"""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def test_defaults(self) -> None:
        """Five seconds, on port 13000 of this machine; a page at 8081, a store in this folder."""
        options = parse()
        self.assertEqual((options["listen"], options["timeout"]), ([("127.0.0.1", 13000)], 5.0))
        self.assertFalse(options["log-beats"])
        self.assertEqual(options["web"], "tcp:8081:interface=127.0.0.1")
        self.assertEqual(options["store"], f"sqlite:///{Path('heartbeat.sqlite').absolute()}")
        policy = make_policy(options)
        self.assertEqual((policy.detector, policy.reply, policy.admit_unknown), (Fixed(5.0), "none", True))

    def test_off(self) -> None:
        """Page and store can be left out."""
        options = parse(*ALONE)
        self.assertEqual((options["web"], options["store"]), (None, None))

    def test_wrong(self) -> None:
        """Each mistake is one line."""
        short = self.write("short", "abc")
        for arguments in (
            ["--timeout", "0"],
            ["--timeout", "soon"],
            ["--listen", "localhost"],
            ["--listen", "systemd:x"],
            ["--listen", "systemd:999"],
            ["stray"],
            ["--detector", "magic"],
            ["--detector", "loss:alarms=1/year,within=1s,fleet=100000"],
            ["--reply", "shout"],
            ["--store", "heartbeat.sqlite"],
            ["--web", "99999"],
            ["--config", "/nosuch"],
            ["--config", self.write("a.toml", "x = 1")],
            ["--config", self.write("b.toml", "[keys]\n1 = 'nosuch'")],
            ["--key-file", "/nosuch"],
            ["--key-file", short],
        ):
            with self.subTest(arguments=arguments):
                self.assertNotIn("\n", str(self.assertRaises(usage.UsageError, parse, *arguments)))

    def test_settings(self) -> None:
        """The file holds where no option says otherwise; keys are files beside it."""
        self.write("one", "a master of many octets")
        path = self.write(
            "a.toml",
            "unknown = 'refuse'\nphase = 'permissive'\ndetector = 'interval:3'\nmax-clients = 7\n"
            "[keys]\n4 = 'one'",
        )
        options = parse("--config", path)
        policy = make_policy(options)
        self.assertEqual((policy.detector, policy.phase, policy.max_clients), (Intervals(3), "permissive", 7))
        self.assertFalse(policy.admit_unknown)
        signed = sign(encode(Beat(1, 10**18, "a", 1), "tagged"), 4, derive(b"a master of many octets", "a"))
        self.assertTrue(options["keyring"].verify(signed, decode(signed)))
        self.assertEqual(make_policy(parse("--config", path, "--detector", "fixed:2s")).detector, Fixed(2.0))

    def test_held(self) -> None:
        """A socket that systemd holds is taken by its number."""
        with socket.socket(type=socket.SOCK_DGRAM) as held:
            self.patch(tap, "held_by_systemd", lambda number: held if number == 2 else None)
            self.assertEqual(parse("--listen", "systemd:2")["listen"], [held])


class ServiceTests(SynchronousTestCase):
    """What the options are wired to"""

    def setUp(self) -> None:
        self.patch(tap, "MonitorPort", Port)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.reactor: Any = MemoryReactorClock()

    def said(self, *arguments: str) -> list[str]:
        service = makeService(parse(*ALONE, *arguments), self.reactor)
        service.startService()
        self.reactor.run()
        self.successResultOf(service.stopService())
        return [event.get("promise") or event.get("words") for event in self.events if event.get("daemon")]

    def test_service(self) -> None:
        """It says what it does, and at the end what it heard."""
        self.assertEqual(
            self.said("--timeout", "2.5"),
            [
                "on 127.0.0.1:13000 calls a client stopped after 2.5 s of silence",
                "0 heartbeats received, 0 other datagrams refused",
            ],
        )

    def test_promise(self) -> None:
        """Another detector says what it promises, on all addresses."""
        said = self.said("--detector", "interval:3", "--listen", "127.0.0.1:1", "--listen", "[::1]:2")
        self.assertEqual(said[0], "on 127.0.0.1:1 and [::1]:2: a client is down after 3 of its intervals")

    def test_reload(self) -> None:
        """On SIGHUP the file's rules hold anew; where it is no good, the old ones, and one line says why."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "rules.toml")
        path.write_text("detector = 'fixed:5s'")
        service = makeService(parse(*ALONE, "--config", str(path)), self.reactor)
        service.startService()
        (watching,) = [one for one in service.services if isinstance(one, tap.Watching)]
        path.write_text("detector = 'fixed:7s'\n[[client]]\nid = 'backup'")
        service.hang_up()
        self.assertEqual(watching.monitor.policy.detector, Fixed(7.0))
        self.assertEqual([client.id for client in watching.monitor.clients()], ["backup"])
        path.write_text("detector = 'magic'")
        service.hang_up()
        self.assertEqual(watching.monitor.policy.detector, Fixed(7.0))
        said = [formatEvent(event) for event in self.events]
        self.assertTrue(any("detector" in line and line.endswith("the old rules stay") for line in said))
        self.successResultOf(service.stopService())

    def test_workers(self) -> None:
        """Workers have sockets of their own, the command line as it was given, and one store for all."""
        self.assertRaises(usage.UsageError, parse, "--workers", "0")
        with socket.socket(type=socket.SOCK_DGRAM) as held:
            self.patch(tap, "held_by_systemd", lambda number: held)
            refused = self.assertRaises(usage.UsageError, parse, "--listen", "systemd:0", "--workers", "2")
            self.assertIn("--workers", str(refused))
        options = parse(*ALONE, "--workers", "2", "--timeout", "7")
        self.assertEqual(options.words, [*ALONE, "--workers", "2", "--timeout", "7"])
        service = makeService(options, self.reactor)
        self.assertEqual([type(one).__name__ for one in service.services][-2:], ["Checkpointer", "Workers"])

    def test_calm(self) -> None:
        """What is there is frozen when many clients have come, and not again before more have."""
        clients: list[int] = []
        frozen: list[int] = []
        self.patch(tap.gc, "freeze", lambda: frozen.append(len(clients)))
        calm = Calm(self.reactor, clients)
        calm.startService()
        for more in (1000, 1, 1000, 2000):
            clients += range(more)
            self.reactor.advance(0.25)
        calm.stopService()
        self.assertEqual(frozen, [1001, 4001])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
