"""Daemons: how they refuse to start, announce themselves, reload and stop."""

import resource
import signal
import time
from typing import Any

import twisted.internet
from twisted.application.service import Service
from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from netlab.daemon import Daemon, StartRefused


class Unstartable(Service):
    def startService(self) -> None:
        raise CannotListenError("", 80, OSError("in use"))


class DaemonTests(SynchronousTestCase):
    """`Daemon` on a reactor that is not its own."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.daemon = Daemon("netlab-test", self.reactor)

    def test_refusal(self) -> None:
        """It is an exit for the interpreter, and an exception for twistd."""
        Unstartable().setServiceParent(self.daemon)
        refusal = self.assertRaises(StartRefused, self.daemon.startService)
        self.assertIsInstance(refusal, SystemExit)
        self.assertIsInstance(refusal, Exception)
        self.assertEqual(
            refusal.code,
            "netlab-test: cannot listen on any address port 80 (in use);"
            " stop what uses it, or give --listen another address",
        )

    def test_stop(self) -> None:
        """Stopping twice is stopping once."""
        self.reactor.stop = self.fail_to_stop
        self.daemon.stop("a test")

    def fail_to_stop(self) -> None:
        raise ReactorNotRunning

    def test_last_words(self) -> None:
        """A daemon without last words stops without."""
        self.daemon.announce(lambda: "tests")
        self.daemon.startService()
        self.successResultOf(self.daemon.stopService())

    def test_hang_up(self) -> None:
        """What cannot be reloaded is logged, and the rest is."""
        called: list[str] = []
        self.daemon.on_hangup(lambda: 1 / 0)
        self.daemon.on_hangup(lambda: called.append("reloaded"))
        self.daemon.hang_up()
        self.assertEqual(called, ["reloaded"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_signals(self) -> None:
        """SIGTERM and SIGINT stop the reactor, SIGHUP reloads, each from the reactor's own thread."""
        handlers: dict[int, Any] = {}
        self.patch(signal, "signal", handlers.__setitem__)
        called: list[Any] = []
        self.reactor.callFromThread = lambda function, *arguments: called.append((function, *arguments))
        self.daemon._answer_signals()
        self.assertEqual(set(handlers), {signal.SIGTERM, signal.SIGINT})
        self.daemon.on_hangup(lambda: None)
        self.daemon._answer_signals()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            handlers[number](number, None)
        self.assertEqual(
            called, [(self.daemon.stop, "SIGTERM"), (self.daemon.stop, "SIGINT"), (self.daemon.hang_up,)]
        )

    def test_endpoint(self) -> None:
        """An endpoint that does not exist, or whose files do not, is refused in one line."""
        for endpoint in ("nosuch:80", "tcp:http:x", "ssl:0:privateKey=/nonexistent:certKey=/nonexistent", ""):
            with self.subTest(endpoint=endpoint):
                refusal = self.assertRaises(StartRefused, self.daemon.listen_tcp, endpoint, Factory())
                self.assertTrue(
                    str(refusal).startswith(f"netlab-test: --listen {endpoint}: no such endpoint (")
                )
                self.assertNotIn("\n", str(refusal))

    def test_own_process(self) -> None:
        """In a process of its own it schedules in monotonic time, may open many files, and hears signals."""
        limits: list[Any] = []
        self.patch(twisted.internet, "reactor", self.reactor)
        self.patch(resource, "setrlimit", lambda what, limit: limits.append(limit))
        self.patch(signal, "signal", lambda number, handler: None)
        daemon = Daemon("netlab-own")
        self.assertIs(self.reactor.seconds, time.monotonic)
        self.assertEqual(limits, [(resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2])
        answered: list[None] = []
        self.patch(daemon, "_answer_signals", lambda: answered.append(None))
        daemon.startService()
        self.reactor.run()
        self.assertEqual(answered, [None])

    def test_file_limit(self) -> None:
        """A limit that cannot be raised stays as it is."""

        def refuse(what: int, limit: tuple[int, int]) -> None:
            raise ValueError("not allowed to raise maximum limit")

        self.patch(twisted.internet, "reactor", self.reactor)
        self.patch(resource, "setrlimit", refuse)
        Daemon("netlab-own")
