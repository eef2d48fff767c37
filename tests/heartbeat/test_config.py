"""The settings of a monitor out of TOML, and every mistake in one line."""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.client import ClientRule
from netlab.heartbeat.config import Settings, parse
from netlab.heartbeat.detector import Fixed, Intervals
from netlab.toml import ConfigError

MANUAL = Path(__file__).parents[2] / "docs" / "heartbeat.md"
V4, V6 = ("192.0.2.7", 4000), ("2001:db8::7%eth0", 4000)


class ConfigTests(SynchronousTestCase):
    """`parse`"""

    def test_nothing(self) -> None:
        """An empty file says nothing: strangers are admitted, and no client has a rule."""
        settings = parse("", "a.toml")
        self.assertEqual(settings, Settings())
        self.assertIsNone(settings.rule("web-1", V4))

    def test_rules(self) -> None:
        """The first rule that covers a client holds: by its id, its address, or both."""
        settings = parse(
            """
            [[client]]
            id = "web-1"
            paused = true
            [[client]]
            id = "web-*"
            address = "192.0.2.0/24"
            detector = "interval:3"
            [[client]]
            id = "web-[23]"
            interval = 2
            [[client]]
            address = "2001:db8::/32"
            maintenance = true
            phase = "permissive"
            """,
            "a.toml",
        )
        for identity, address, rule in (
            ("web-1", V6, ClientRule(paused=True)),
            ("web-2", V4, ClientRule(detector=Intervals(3))),
            ("web-2", ("198.51.100.1", 1), ClientRule(interval=2.0)),
            ("web-9", V6, ClientRule(maintenance=True, phase="permissive")),
            (None, V6, ClientRule(maintenance=True, phase="permissive")),
            (None, V4, None),
            ("db-1", V4, None),
        ):
            with self.subTest(identity=identity, address=address):
                self.assertEqual(settings.rule(identity, address), rule)
        self.assertEqual(dict(settings.expected()), {"web-1": ClientRule(paused=True)})

    def test_mistakes(self) -> None:
        """Each is told with its line and key."""
        for text, message in (
            ("unknown = 'no'", "a.toml:1: unknown: is not admit or refuse"),
            ("phase = 'strict'", "a.toml:1: phase: is not one of receive-only, permissive, enforce"),
            ("\ndetector = 'magic'", "a.toml:2: detector: 'magic' is no detector: there are fixed, "),
            ("max-clients = 0", "a.toml:1: max-clients: is not a whole number above 0"),
            ("[keys]\none = 'a'", "a.toml:2: keys.one: is not the number of a key"),
            ("[[client]]\npaused = true", "a.toml:1: client.id: is missing: say which clients"),
            ("[[client]]\nid = 'a b'", "a.toml:2: client.id: is not an identity"),
            ("[[client]]\naddress = '10.0.0.1/8'", "a.toml:2: client.address: is neither an IP address"),
            (
                "[[client]]\nid = 'a'\ninterval = true",
                "a.toml:3: client.interval: is not a number of seconds",
            ),
            ("[[client]]\nid = 'a'\nsecret = 1", "a.toml:3: client.secret: is unknown; known are id, "),
        ):
            with self.subTest(text=text):
                error = str(self.assertRaises(ConfigError, parse, text, "a.toml"))
                self.assertTrue(error.startswith(message), error)

    def test_manual(self) -> None:
        """The example of the manual is read, and does what stands there."""
        (example,) = re.findall(r"```toml\n(.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
        settings = parse(example, "monitor.toml")
        self.assertEqual(
            (settings.unknown, settings.phase, settings.max_clients), ("admit", "enforce", 20_000)
        )
        self.assertEqual(settings.keys, {1: "keys/2026", 2: "keys/2027"})
        rule = settings.rule("backup", V4)
        assert rule is not None
        self.assertEqual((rule.detector, rule.interval), (Fixed(90_000.0), 86_400.0))
        self.assertEqual([identity for identity, _ in settings.expected()], ["backup"])
