"""
The process of one worker: ``python -m netlab.http.worker FOLDER DESCRIPTORS [options of netlab-http]``.

FOLDER is where relative paths begin, as those of keys in an endpoint. DESCRIPTORS are those of its
listening sockets, with commas between them, in the order of ``--listen``. It answers its parent's
questions, which come on standard input, and ends when the parent does.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python import usage
from twisted.python.failure import Failure

from netlab.daemon import Daemon
from netlab.errors import WireError
from netlab.http import tap
from netlab.http.channel import MAX_LINE, Report, decode_ask, encode_report
from netlab.slot import CONTROL, HELD, log_to
from netlab.sockets import AdoptingReactor

EVERY = 1.0  # seconds between two reports that nobody asked for


class Reporter(LineOnlyReceiver):
    """Report each second, and when asked; *gone* is called when the parent is there no more."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_LINE
    log = Logger()

    def __init__(self, clock: Any, serving: tap.Serving, gone: Callable[[str], object]) -> None:
        self._serving = serving
        self._gone = gone
        self._paused = False
        self._closed: Deferred[None] | None = None  # set once we close
        self._lost = False
        self._every = LoopingCall(self._report_unasked)
        self._every.clock = clock

    transport: Any

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        self._every.start(EVERY)

    def lineReceived(self, line: bytes) -> None:
        try:
            self._report(decode_ask(line))
        except WireError as error:
            self.log.error("the parent makes no sense: {error}", error=error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if self._every.running:
            self._every.stop()
        if self._closed is None:
            self._gone("its parent has ended")
        else:
            self._closed.callback(None)

    def close(self) -> Deferred[None]:
        """Report for the last time; the result comes when that is written."""
        if self._lost:
            return succeed(None)
        self._report(None)
        self._closed = Deferred()
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        return self._closed

    def pauseProducing(self) -> None:
        """The parent does not read: what it missed, the next report says as well."""
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False

    def stopProducing(self) -> None:
        self._paused = True

    def _report_unasked(self) -> None:
        if not self._paused:
            self._report(None)

    def _report(self, answers: int | None) -> None:
        reading = self._serving.read()
        self.transport.write(encode_report(Report(answers, reading.connections, reading.counters.snapshot())))


def main(arguments: Sequence[str]) -> None:
    """
    Serve until the parent says or ends.

    Raises:
        SystemExit: it cannot start, with the line that says why.
    """
    from twisted.internet import reactor

    folder, descriptors, *words = arguments
    log_to(sys.stderr)
    with suppress(OSError):  # we may not go there any more, and perhaps nothing is relative
        os.chdir(folder)
    options = tap.Options()
    try:
        options.parseOptions(words)
    except usage.UsageError as error:
        raise SystemExit(f"netlab-http: {error}") from error
    daemon = Daemon("netlab-http")
    clock: Any = reactor
    serving = tap.serve(daemon, options, AdoptingReactor(clock, map(int, descriptors.split(","))))
    daemon.privilegedStartService()
    daemon.startService()
    reporter = Reporter(clock, serving, daemon.stop)
    clock.callWhenRunning(StandardIO, reporter, 0, CONTROL, clock)
    clock.callWhenRunning(signal.pthread_sigmask, signal.SIG_UNBLOCK, HELD)
    clock.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(_finish(daemon, reporter))
    )
    clock.run()


async def _finish(daemon: Daemon, reporter: Reporter) -> None:
    await daemon.stopService()
    await reporter.close()
    # The loop gives signals back their default action as it ends: one told twice would be killed.
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)


if __name__ == "__main__":
    main(sys.argv[1:])
