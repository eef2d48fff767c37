"""
The place of one worker, seen from the parent: its process is started, replaced, ended.

A worker is told what it has to know on standard input, writes what it has to tell to descriptor 3,
and what it has to say, a line an event, to standard error.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TextIO

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import FileLogObserver, Logger, eventAsText, globalLogBeginner
from twisted.python.failure import Failure

from netlab.channel import Lines

CONTROL = 3  # descriptor of what a worker tells
QUICK = 1.0  # seconds; who has served for less may die of something that lasts
LONGEST = 30.0  # seconds that the place of a worker is empty at most
OVERTIME = 5.0  # seconds that a worker may need for its end beyond the grace
LOG_LINE = 8_192  # octets of a line of a worker's log
HELD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that a worker starts with blocked, until it can answer them."""

_CONTROL = re.compile(r"[\0-\x08\x0b-\x1f\x7f]")


class Restarts:
    """When the place of a worker that died is filled again: at once, or 1, 2, 4 to 30 s later."""

    def __init__(self) -> None:
        self._quick = 0  # deaths, one after another, of workers that had just come up, or never did

    def delay(self, served: float) -> float:
        """Seconds to wait after the death of one that has *served* for so many seconds."""
        self._quick = self._quick + 1 if served < QUICK else 0
        return min(2.0 ** min(self._quick - 1, 10), LONGEST) if self._quick else 0.0


class _Process(ProcessProtocol):
    """One process: what it tells and logs, handed on as it comes, and its end."""

    def __init__(
        self,
        told: Callable[[bytes], object],
        logged: Callable[[str], object],
        ended: Callable[[str], object],
    ) -> None:
        self._told = told
        self._logged = logged
        self._ended = ended
        self._log = Lines(LOG_LINE)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == CONTROL:
            self._told(data)
        else:
            for line in self._log.feed(data):
                self._logged(_printable(line))

    def processEnded(self, reason: Failure) -> None:
        for line in self._log.close():
            self._logged(_printable(line))
        number = getattr(reason.value, "signal", None)
        if number is not None:
            self._ended(f"killed by signal {number} ({signal.strsignal(number)})")
        else:
            self._ended(f"status {getattr(reason.value, 'exitCode', None) or 0}")


def _printable(line: bytes) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", line.decode(errors="replace"))


class Slot:
    """
    The place of one worker, and the process that fills it just now, if any.

    *spawn* starts a process with the protocol that it is given; *number* counts from 1. A subclass
    says what becomes of what a worker tells, and calls `_came_up` once the worker serves.
    """

    log = Logger()

    def __init__(self, number: int, clock: Any, spawn: Callable[[ProcessProtocol], Any]) -> None:
        self.number = number
        self.restarts = 0
        self._clock = clock
        self._spawn = spawn
        self._policy = Restarts()
        self._process: Any = None
        self._since: float | None = None  # when it came up
        self._later: Any = None  # the call that starts the next
        self._gone: Deferred[None] | None = None  # set once the place is to stay empty

    @property
    def serves(self) -> bool:
        """It has come up, and has not ended."""
        return self._since is not None

    def start(self) -> None:
        """Fill the place."""
        self._later = None
        self._begin()
        try:
            self._process = self._spawn(_Process(self._told, self._logged, self._ended))
        except OSError as error:
            self._ended(f"it cannot start: {error}")

    def hang_up(self) -> None:
        """Let it reload what can be reloaded."""
        self._signal("HUP")

    def stop(self, grace: float) -> Deferred[None]:
        """Let it finish what is under way within *grace* seconds; the result comes when it has ended."""
        self._gone = Deferred()
        if self._later is not None:
            self._later.cancel()
        if self._process is None:
            return succeed(None)
        self._signal("TERM")
        late = self._clock.callLater(grace + OVERTIME, self._signal, "KILL")
        return self._gone.addCallback(lambda gone: late.cancel() if late.active() else None)

    # What a kind of worker does.

    def _begin(self) -> None:
        """A process is about to start."""

    def _told(self, octets: bytes) -> None:
        """The worker has told something: any part of it."""
        raise NotImplementedError

    def _end(self) -> None:
        """The process has ended."""

    # What it needs for that.

    def _send(self, octets: bytes) -> bool:
        """Tell the worker something; False: it hears no more, and will have ended in a moment."""
        try:
            self._process.writeToChild(0, octets)
        except KeyError:  # Twisted's: it has closed its end
            return False
        return True

    def _came_up(self) -> None:
        if self._since is None:
            self._since = self._clock.seconds()
            pid = self._process.pid
            self.log.info("worker {number} serves (process {pid})", number=self.number, pid=pid)

    def _signal(self, name: str) -> None:
        if self._process is not None:
            with suppress(ProcessExitedAlready):  # and its end will be told in a moment
                self._process.signalProcess(name)

    def _logged(self, line: str) -> None:
        self.log.info("worker {number}: {line}", number=self.number, line=line)

    def _ended(self, cause: str) -> None:
        served = 0.0 if self._since is None else self._clock.seconds() - self._since
        self._process = self._since = None
        self._end()
        if self._gone is not None:
            self.log.info("worker {number} has ended: {cause}", number=self.number, cause=cause)
            self._gone.callback(None)
            return
        delay = self._policy.delay(served)
        self.log.error(
            "worker {number} has ended: {cause}; the next starts {when}",
            number=self.number,
            cause=cause,
            when=f"in {delay:g} s" if delay else "at once",
        )
        self.restarts += 1
        self._later = self._clock.callLater(delay, self.start)


def spawn_worker(
    reactor: Any,
    process: ProcessProtocol,
    module: str,
    folder: str,
    handed: Sequence[int],
    words: Sequence[str],
) -> Any:
    """
    Start ``python -m MODULE FOLDER DESCRIPTORS WORDS...`` with descriptors that are *handed* down.

    FOLDER is where relative paths begin; DESCRIPTORS are the numbers that those have in the worker,
    with commas between them. The result is Twisted's transport of the process.
    """
    places = range(CONTROL + 1, CONTROL + 1 + len(handed))
    # -P, since the folder that we happen to be in may hold anything.
    command = [sys.executable, "-P", "-m", module, folder, ",".join(map(str, places)), *words]
    # Standard output is ours, for what is written to -, if there is one.
    output: Any = 1 if sys.__stdout__ is not None else "r"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    try:
        return reactor.spawnProcess(
            process,
            sys.executable,
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            childFDs={0: "w", 1: output, 2: "r", CONTROL: "r", **dict(zip(places, handed, strict=True))},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def log_to(stream: TextIO) -> None:
    """Log, in a worker, without the time, which the parent adds."""

    def line(event: Any) -> str:
        return eventAsText(event, includeTimestamp=False, includeSystem=False) + "\n"

    globalLogBeginner.beginLoggingTo([FileLogObserver(stream, line)])
