"""The options of netlab-http, and what they are wired to."""

import io
import os
import sys
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from netlab.daemon import StartRefused
from netlab.http.log import AccessLog
from netlab.http.rules import Rules
from netlab.http.tap import Options, makeService
from tests.http.wire import exchange, folder, get, responses

EXCHANGE = exchange()


class OptionsTests(SynchronousTestCase):
    """What a user may say."""

    def setUp(self) -> None:
        self.root = folder(self)

    def parse(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(["--root", str(self.root), *arguments])
        return options

    def test_defaults(self) -> None:
        """Port 8080 of the loopback interface."""
        self.assertEqual(self.parse()["listen"], ["tcp:8080:interface=127.0.0.1"])

    def test_listen(self) -> None:
        """Endpoint strings and bare ports, as many as wanted."""
        options = self.parse("--listen", "8000", "--listen", "unix:/tmp/s")
        self.assertEqual(options["listen"], ["tcp:8000:interface=127.0.0.1", "unix:/tmp/s"])

    def test_wrong(self) -> None:
        """Each mistake is one line that says what to do."""
        (self.root / "file").write_text("")
        for arguments in (
            ["--root", str(self.root / "nothing")],
            ["--root", str(self.root / "file")],
            ["--index", "a/b"],
            ["--index", ""],
            ["--listen", "70000"],
            ["--access-log", str(self.root / "nothing" / "log")],
            ["--access-log-format", "xml"],
            ["--grace", "soon"],
            ["--workers", "0"],
            ["--workers", "-1"],
            ["--workers", "257"],
            ["--workers", "two"],
            ["--workers", "2", "--once"],
            ["--colour"],
            ["stray"],
        ):
            with self.subTest(arguments=arguments):
                error = self.assertRaises(usage.UsageError, self.parse, *arguments)
                self.assertNotIn("\n", str(error))
        self.assertRaises(usage.UsageError, Options().parseOptions, [])

    def test_paths(self) -> None:
        """What the user named is meant where it was named, wherever the daemon goes."""
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.root)
        (self.root / "rules").write_text("")
        options = self.parse("--root", ".", "--config", "rules", "--access-log", "log")
        for name, path in (("root", ""), ("config", "rules"), ("access-log", "log")):
            self.assertEqual(options[name], os.path.join(os.getcwd(), path).rstrip("/"))
        self.assertEqual(self.parse("--access-log", "-")["access-log"], "-")

    def test_words(self) -> None:
        """A worker reads the same options, all but who else there is and what only the parent has."""
        (self.root / "rules").write_text('spa = {fallback = "/index.html"}')
        given = self.parse(
            *("--index", "a b.html", "--grace", "0.00001", "--listing", "--admin", "9000", "--workers", "3"),
            *("--config", str(self.root / "rules"), "--access-log", "-", "--access-log-format", "json"),
            *("--listen", "8000", "--listen", "haproxy:systemd:domain=INET:index=0"),
        )
        read = Options()
        read.parseOptions(given.words())
        different = {name for name in given if given[name] != read[name]}
        self.assertEqual(different, {"workers", "admin", "listen"})
        self.assertEqual(read["listen"], ["tcp:8000:interface=127.0.0.1", "haproxy:tcp:0"])
        self.assertEqual((read["workers"], read["admin"]), (1, None))

    def test_rules_by_hand(self) -> None:
        """Rules that stand in no file cannot be handed to a worker, and that is one line."""
        options = self.parse("--workers", "2")
        options["rules"] = Rules(spa="/index.html")
        error = self.assertRaises(StartRefused, makeService, options, MemoryReactorClock())
        self.assertEqual(str(error), "netlab-http: rules reach --workers only by a --config file")


class ServiceTests(SynchronousTestCase):
    """What runs."""

    def setUp(self) -> None:
        self.root = folder(self)
        (self.root / "index.html").write_text("home")
        self.reactor: Any = MemoryReactorClock()

    def make(self, *arguments: str) -> Any:
        options = Options()
        options.parseOptions(["--root", str(self.root), *arguments])
        return makeService(options, self.reactor)

    def ask(self) -> bytes:
        (_, factory, *_) = self.reactor.tcpServers[0]
        transport = StringTransport()
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(get())
        protocol.connectionLost()
        return transport.value()

    def test_serves(self) -> None:
        """The folder is served where --listen says."""
        service = self.make("--listen", "8000")
        service.startService()
        (port, _, _, interface) = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (8000, "127.0.0.1"))
        self.assertEqual(responses(self.ask())[0][2], b"home")
        self.successResultOf(service.stopService())

    def test_access_log(self) -> None:
        """One line a request is appended to the file."""
        log = self.root / "log"
        log.write_text("before\n")
        service = self.make("--access-log", str(log))
        service.startService()
        self.ask()
        self.reactor.advance(0.1)
        before, line = log.read_text().splitlines()
        self.assertEqual(before, "before")
        self.assertIn('"GET / HTTP/1.1" 200 4 "-" "-"', line)
        self.ask()
        self.successResultOf(service.stopService())
        self.assertEqual(len(log.read_text().splitlines()), 3)

    def test_admin(self) -> None:
        """The administrator's endpoint tells what the server has done."""
        service = self.make("--admin", "9000")
        service.startService()
        self.ask()
        (port, factory, *_) = self.reactor.tcpServers[1]
        self.assertEqual(port, 9000)
        transport = StringTransport()
        protocol = factory.buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(get("/metrics"))
        self.assertIn(b'netlab_http_requests_total{method="GET",status="200"} 1.0', transport.value())
        transport.clear()
        protocol.dataReceived(get("/healthz"))
        self.assertEqual(responses(transport.value())[0][::2], (200, b"ok\n"))

    def test_once(self) -> None:
        """After one request the reactor stops."""
        service = self.make("--once")
        service.startService()
        self.ask()
        self.assertTrue(self.reactor.hasStopped)

    def test_refused_starts(self) -> None:
        """A taken port, an unknown endpoint and an unwritable log end the start with one line."""
        self.assertRaises(StartRefused, self.make, "--listen", "carrier:pigeon")
        self.assertRaises(StartRefused, self.make, "--listen", "ssl:443:privateKey=/nothing")
        error = self.assertRaises(StartRefused, self.make("--access-log", str(self.root)).startService)
        self.assertNotIn("\n", str(error))

        def taken(port: int, factory: Any, backlog: int = 50, interface: str = "") -> None:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))

        self.reactor.listenTCP = taken
        for start in ("startService", "privilegedStartService"):
            error = self.assertRaises(StartRefused, getattr(self.make(), start))
            self.assertIn("8080", str(error))


class AccessLogTests(SynchronousTestCase):
    """Where the lines go."""

    def test_daemon_log(self) -> None:
        """Without a file they are events of the daemon's log."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        log = AccessLog(None)
        log.open()
        log.record([EXCHANGE])
        self.assertIn('"GET / HTTP/1.1" 200', events[-1]["line"])
        log.close()

    def test_standard_output(self) -> None:
        """A dash is standard output, which stays open."""
        stream = io.TextIOWrapper(io.BytesIO())
        self.patch(sys, "__stdout__", stream)
        log = AccessLog("-")
        log.open()
        log.record([EXCHANGE])
        log.close()
        log.record([EXCHANGE])
        self.assertEqual(stream.buffer.getvalue().count(b"\n"), 1)  # type: ignore[attr-defined]

    def test_full_disk(self) -> None:
        """Where a line cannot be written, that is logged, and the server goes on."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        log = AccessLog("/dev/full")
        log.open()
        log.record([EXCHANGE])
        self.assertIn("No space left", str(events[-1]["error"]))
        log.close()
