"""The options of netlab-ping, and what they are wired to."""

from tempfile import NamedTemporaryFile
from typing import Any
from unittest import mock

from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from netlab.daemon import StartRefused
from netlab.ping import tap
from netlab.ping.tap import Options, makeService


def parse(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


class OptionsTests(SynchronousTestCase):
    """What a user may say."""

    def test_defaults(self) -> None:
        """The course's server: three in ten are lost, on port 12000 of this machine."""
        options = parse()
        self.assertEqual((options["listen"], options["loss"]), ([("127.0.0.1", 12000)], 0.3))
        self.assertEqual((options["seed"], options["reply"]), (None, "pong"))

    def test_several(self) -> None:
        """Several addresses, of both kinds."""
        options = parse("--listen", "127.0.0.1:1", "--listen", "[::1]:2", "--seed", "7", "--loss", "0")
        self.assertEqual(options["listen"], [("127.0.0.1", 1), ("::1", 2)])
        self.assertEqual((options["seed"], options["loss"]), (7, 0.0))

    def test_stamp(self) -> None:
        """How STAMP is answered: with a key out of a file, stateless, short requests too."""
        with NamedTemporaryFile() as key:
            key.write(b"secret\n")
            key.flush()
            options = parse("--key-file", key.name, "--stateless", "--answer-short")
        self.assertEqual((options["key-file"], options["stateless"]), (b"secret", True))
        self.assertEqual(options["answer-short"], True)
        self.assertEqual((parse()["stateless"], parse()["answer-short"]), (False, False))

    def test_wrong(self) -> None:
        """Each mistake is one line."""
        for arguments in (
            ["--loss", "30%"],
            ["--seed", "x"],
            ["--reply", "lower"],
            ["--listen", "12000"],
            ["--key-file", "/nonexistent"],
            ["stray"],
        ):
            with self.subTest(arguments=arguments):
                self.assertNotIn("\n", str(self.assertRaises(usage.UsageError, parse, *arguments)))


class Port:
    """Stands for a port of the system's."""

    taken = False

    def __init__(self, port: int, protocol: Any, interface: str, reactor: Any) -> None:
        self.address, self.protocol, self.listening = (interface, port), protocol, False

    def startListening(self) -> None:
        if Port.taken:
            raise CannotListenError(*self.address, OSError(98, "Address already in use"))
        self.listening = True

    def stopListening(self) -> None:
        self.listening = False

    def getHost(self) -> Any:
        return mock.Mock(host=self.address[0], port=self.address[1])


class ServiceTests(SynchronousTestCase):
    """What runs, and what it says."""

    def setUp(self) -> None:
        self.patch(tap, "StampedPort", Port)
        self.patch(Port, "taken", False)
        self.reactor: Any = MemoryReactorClock()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def run_and_stop(self, *arguments: str) -> list[str]:
        service = makeService(parse(*arguments), self.reactor)
        service.startService()
        self.reactor.run()
        self.successResultOf(service.stopService())
        return [event.get("promise") or event.get("words") for event in self.events if event.get("daemon")]

    def test_announcements(self) -> None:
        """At the start what is dropped and how to change that; at the end what was."""
        said, counts = self.run_and_stop("--seed", "7")
        self.assertEqual(
            said,
            "on 127.0.0.1:12000 drops 30.0% of all pings on purpose, at random"
            " (seed 7; --seed 7 repeats it, --loss 0 drops none)",
        )
        self.assertTrue(counts.startswith("0 pings received"))

    def test_no_loss(self) -> None:
        """Without loss it says so."""
        said, _ = self.run_and_stop("--loss", "0", "--listen", "[::1]:5")
        self.assertEqual(said, "on [::1]:5 answers every ping")

    def test_privileged(self) -> None:
        """A port is opened once, before privileges are shed."""
        service = makeService(parse(), self.reactor)
        service.privilegedStartService()
        service.startService()
        self.successResultOf(service.stopService())
        self.successResultOf(makeService(parse(), self.reactor).stopService())

    def test_taken(self) -> None:
        """A taken port ends the start with one line."""
        self.patch(Port, "taken", True)
        for start in ("startService", "privilegedStartService"):
            error = self.assertRaises(StartRefused, getattr(makeService(parse(), self.reactor), start))
            self.assertIn("127.0.0.1 port 12000 (Address already in use)", str(error))
