"""The options of netlab-heartbeat, and what they are wired to."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from netlab import udp
from netlab.heartbeat.tap import Options, makeService
from tests.ping.test_tap import Port


def parse(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


class TapTests(SynchronousTestCase):
    """Options and service."""

    def test_defaults(self) -> None:
        """Five seconds, on port 13000 of this machine."""
        options = parse()
        self.assertEqual((options["listen"], options["timeout"]), ([("127.0.0.1", 13000)], 5.0))
        self.assertFalse(options["log-beats"])

    def test_wrong(self) -> None:
        """Each mistake is one line."""
        for arguments in (["--timeout", "0"], ["--timeout", "soon"], ["--listen", "localhost"], ["stray"]):
            with self.subTest(arguments=arguments):
                self.assertNotIn("\n", str(self.assertRaises(usage.UsageError, parse, *arguments)))

    def test_service(self) -> None:
        """It says what it does, and at the end what it heard."""
        self.patch(udp, "DatagramPort", Port)
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        reactor: Any = MemoryReactorClock()
        service = makeService(parse("--timeout", "2.5"), reactor)
        service.startService()
        reactor.run()
        self.successResultOf(service.stopService())
        said = [event.get("promise") or event.get("words") for event in events if event.get("daemon")]
        self.assertEqual(
            said,
            [
                "on 127.0.0.1:13000 calls a client stopped after 2.5 s of silence",
                "0 heartbeats received, 0 other datagrams refused",
            ],
        )
