"""
The place of one worker, seen from the parent: its process is started, asked, replaced, ended.

A worker writes reports (`netlab.http.channel`) to descriptor 3, and what it has to say, a line an
event, to standard error.
"""

import re
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.errors import WireError
from netlab.http.channel import Lines, Report, decode_report, encode_ask
from netlab.http.counters import Counters, total

CONTROL = 3  # descriptor of the reports, in the worker
QUICK = 1.0  # seconds; who has served for less may die of something that lasts
LONGEST = 30.0  # seconds that the place of a worker is empty at most
PATIENCE = 1.0  # seconds that a question to a worker may take
OVERTIME = 5.0  # seconds that a worker may need for its end beyond the grace
LOG_LINE = 8_192  # octets of a line of a worker's log

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
    """One process: what it reports and logs, handed on as it comes, and its end."""

    def __init__(
        self,
        told: Callable[[bytes], object],
        logged: Callable[[str], object],
        ended: Callable[[str], object],
    ) -> None:
        self._told = told
        self._logged = logged
        self._ended = ended
        self._reports, self._log = Lines(), Lines(LOG_LINE)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD == CONTROL:
            for line in self._reports.feed(data):
                self._told(line)
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

    *spawn* starts a process with the protocol that it is given; *number* counts from 1.
    """

    log = Logger()

    def __init__(self, number: int, clock: Any, spawn: Callable[[ProcessProtocol], Any]) -> None:
        self.restarts = 0
        self.connections = 0
        self._number = number
        self._clock = clock
        self._spawn = spawn
        self._policy = Restarts()
        self._process: Any = None
        self._since: float | None = None  # when it came up
        self._past = Counters().snapshot()  # of the processes that have ended
        self._present = Counters().snapshot()  # of this one, as far as it is known
        self._later: Any = None  # the call that starts the next
        self._questions = 0
        self._asked = False  # the last of them is not answered yet
        self._waiting: list[Deferred[None]] = []  # for the answer to the last question
        self._gone: Deferred[None] | None = None  # set once the place is to stay empty

    @property
    def serves(self) -> bool:
        """It has come up, and has not ended."""
        return self._since is not None

    @property
    def snapshots(self) -> list[dict[str, Any]]:
        """What all its processes have counted, the dead ones', too."""
        return [self._past, self._present]

    def start(self) -> None:
        """Fill the place."""
        self._later = None
        try:
            self._process = self._spawn(_Process(self._told, self._logged, self._ended))
        except OSError as error:
            self._ended(f"it cannot start: {error}")

    def hang_up(self) -> None:
        """Let it reload what can be reloaded."""
        self._signal("HUP")

    def ask(self) -> Deferred[None]:
        """Ask how it is; the result comes when it is known, or will not be."""
        if not self.serves:
            return succeed(None)
        self._waiting = [waiting for waiting in self._waiting if not waiting.called]
        if not self._asked:
            try:
                self._process.writeToChild(0, encode_ask(self._questions + 1))
            except KeyError:  # Twisted's: it has closed its end, and will have ended in a moment
                return succeed(None)
            self._questions += 1
            self._asked = True
        answered: Deferred[None] = Deferred()
        self._waiting.append(answered)
        return answered.addTimeout(PATIENCE, self._clock).addErrback(lambda late: None)

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

    def _signal(self, name: str) -> None:
        if self._process is not None:
            with suppress(ProcessExitedAlready):  # and its end will be told in a moment
                self._process.signalProcess(name)

    def _told(self, line: bytes) -> None:
        try:
            report = decode_report(line)
            self._present = total([report.counters]).snapshot()
        except (WireError, ValueError) as error:
            self.log.error("worker {number} makes no sense: {error}", number=self._number, error=error)
            return
        self.connections = report.connections
        if self._since is None:
            self._since = self._clock.seconds()
            pid = self._process.pid
            self.log.info("worker {number} serves (process {pid})", number=self._number, pid=pid)
        self._answered(report)

    def _answered(self, report: Report | None) -> None:
        if report is None or report.answers == self._questions:
            self._asked = False
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                if not one.called:
                    one.callback(None)

    def _logged(self, line: str) -> None:
        self.log.info("worker {number}: {line}", number=self._number, line=line)

    def _ended(self, cause: str) -> None:
        served = 0.0 if self._since is None else self._clock.seconds() - self._since
        self._process = self._since = None
        self.connections = 0
        self._past = total(self.snapshots).snapshot()
        self._present = Counters().snapshot()
        self._answered(None)
        if self._gone is not None:
            self.log.info("worker {number} has ended: {cause}", number=self._number, cause=cause)
            self._gone.callback(None)
            return
        delay = self._policy.delay(served)
        self.log.error(
            "worker {number} has ended: {cause}; the next starts {when}",
            number=self._number,
            cause=cause,
            when=f"in {delay:g} s" if delay else "at once",
        )
        self.restarts += 1
        self._later = self._clock.callLater(delay, self.start)
