"""
A daemon: services that start together, refuse to start in one line, and stop cleanly on a signal.
"""

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.application.strports import service as strports_service
from twisted.internet.error import CannotListenError, ReactorNotRunning
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from netlab.clocks import run_monotonic
from netlab.tcp import together

SPARE = 512  # descriptors for all but connections: files, logs, the reactor's own


class StartRefused(SystemExit, Exception):
    """
    The daemon cannot start; its text is the one line that the user sees, its exit status 1.

    As a `SystemExit` it ends the process without a traceback; as an `Exception` it lets twistd
    remove its pid file and tell a waiting parent first.
    """


class Daemon(MultiService):
    """The services of one daemon; *reactor* None means the process is this daemon's own."""

    log = Logger()

    def __init__(self, name: str, reactor: Any = None) -> None:
        super().__init__()
        self.setName(name)
        self._owns_process = reactor is None
        self._reloads: list[Callable[[], object]] = []
        if reactor is None:
            from twisted.internet import reactor

            run_monotonic(reactor)
            _raise_descriptor_limit()
        self.reactor: Any = reactor
        self._together = together(reactor)

    def listen_tcp(
        self, endpoint: str, factory: Factory, reactor: Any = None, option: str = "--listen"
    ) -> None:
        """
        Serve *factory* on a Twisted server endpoint string, by *reactor* in place of the daemon's own.

        *option* is where the user gave the endpoint, for messages.

        Raises:
            StartRefused: there is no such endpoint, or its files cannot be read.
        """
        try:
            service = strports_service(endpoint, factory, reactor or self.reactor)
        except Exception as error:  # each endpoint type fails in its own way: KeyError, OSError, SSL.Error
            raise StartRefused(f"{self.name}: {option} {endpoint}: no such endpoint ({error})") from error
        service.endpoint = self._together(service.endpoint)
        listening = _Listening(str(self.name), option)
        service.setServiceParent(listening)
        listening.setServiceParent(self)

    @staticmethod
    def room_for_connections(most: int) -> int:
        """How many of *most* connections the process may have open beside its files."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return most if limit == resource.RLIM_INFINITY else max(min(most, limit - SPARE), SPARE // 8)

    def announce(self, promise: Callable[[], str], last_words: Callable[[], str] | None = None) -> None:
        """Log what the daemon does once it runs, and its *last_words* when it stops."""
        _Announcement(str(self.name), self.reactor, promise, last_words).setServiceParent(self)

    def on_hangup(self, reload: Callable[[], object]) -> None:
        """Call *reload* on SIGHUP, as logrotate and administrators expect."""
        self._reloads.append(reload)

    def privilegedStartService(self) -> None:
        with _refusing(str(self.name), "--listen"):
            super().privilegedStartService()

    def startService(self) -> None:
        if self._owns_process:
            self.reactor.callWhenRunning(self._answer_signals)
        with _refusing(str(self.name), "--listen"):
            super().startService()

    def _answer_signals(self) -> None:
        """Stop on SIGTERM and SIGINT with status 0; Twisted's own handlers end by the signal instead."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        if self._reloads:
            signal.signal(signal.SIGHUP, lambda number, frame: self.reactor.callFromThread(self.hang_up))

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.reactor.callFromThread(self.stop, signal.Signals(number).name)

    def hang_up(self) -> None:
        """Reload what can be reloaded; what goes wrong there is logged, and the old stays."""
        for reload in self._reloads:
            try:
                reload()
            except Exception:
                self.log.failure("{name} goes on as before", name=self.name)

    def stop(self, why: str) -> None:
        """Stop the reactor, and with it this daemon; a second call changes nothing."""
        self.log.info("{name} stops: {why}", name=self.name, why=why)
        with suppress(ReactorNotRunning):
            self.reactor.stop()


class _Listening(MultiService):
    """A port, and the option that asked for it."""

    def __init__(self, daemon: str, option: str) -> None:
        super().__init__()
        self._daemon = daemon
        self._option = option

    def privilegedStartService(self) -> None:
        with _refusing(self._daemon, self._option):
            super().privilegedStartService()

    def startService(self) -> None:
        with _refusing(self._daemon, self._option):
            super().startService()


@contextmanager
def _refusing(daemon: str, option: str) -> Iterator[None]:
    """Say in one line that an address is taken, and which option gives another."""
    try:
        yield
    except CannotListenError as error:
        reason = getattr(error.socketError, "strerror", None) or error.socketError
        where = error.interface or "any address"
        raise StartRefused(
            f"{daemon}: cannot listen on {where} port {error.port} ({reason});"
            f" stop what uses it, or give {option} another address"
        ) from error


class _Announcement(Service):
    def __init__(
        self, daemon: str, reactor: Any, promise: Callable[[], str], last_words: Callable[[], str] | None
    ) -> None:
        self._daemon = daemon
        self._reactor = reactor
        self._promise = promise
        self._last_words = last_words

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._announce)

    def stopService(self) -> None:
        super().stopService()
        if self._last_words is not None:
            Daemon.log.info("{daemon}: {words}", daemon=self._daemon, words=self._last_words())

    def _announce(self) -> None:
        Daemon.log.info("{daemon} {promise}", daemon=self._daemon, promise=self._promise())


def _raise_descriptor_limit() -> None:
    """Let the process open as many files and sockets as its administrator allows at all."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # "as many as you like" may be more than the kernel can
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
