"""The place of one web worker: it reports (`netlab.http.channel`), each second and when it is asked."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ProcessProtocol

from netlab import slot
from netlab.channel import Lines
from netlab.errors import WireError
from netlab.http.channel import decode_report, encode_ask
from netlab.http.counters import Counters, total

PATIENCE = 1.0  # seconds that a question to a worker may take


class Slot(slot.Slot):
    """The place of one worker, with what its processes have counted."""

    def __init__(self, number: int, clock: Any, spawn: Callable[[ProcessProtocol], Any]) -> None:
        super().__init__(number, clock, spawn)
        self.connections = 0
        self._reports = Lines()
        self._past = Counters().snapshot()  # of the processes that have ended
        self._present = Counters().snapshot()  # of this one, as far as it is known
        self._questions = 0
        self._asked = False  # the last of them is not answered yet
        self._waiting: list[Deferred[None]] = []  # for the answer to the last question

    @property
    def snapshots(self) -> list[dict[str, Any]]:
        """What all its processes have counted, the dead ones', too."""
        return [self._past, self._present]

    def ask(self) -> Deferred[None]:
        """Ask how it is; the result comes when it is known, or will not be."""
        if not self.serves:
            return succeed(None)
        self._waiting = [waiting for waiting in self._waiting if not waiting.called]
        if not self._asked:
            if not self._send(encode_ask(self._questions + 1)):
                return succeed(None)
            self._questions += 1
            self._asked = True
        answered: Deferred[None] = Deferred()
        self._waiting.append(answered)
        return answered.addTimeout(PATIENCE, self._clock).addErrback(lambda late: None)

    def _begin(self) -> None:
        self._reports = Lines()

    def _told(self, octets: bytes) -> None:
        for line in self._reports.feed(octets):
            self._reported(line)

    def _reported(self, line: bytes) -> None:
        try:
            report = decode_report(line)
            self._present = total([report.counters]).snapshot()
        except (WireError, ValueError) as error:
            self.log.error("worker {number} makes no sense: {error}", number=self.number, error=error)
            return
        self.connections = report.connections
        self._came_up()
        if report.answers == self._questions:
            self._answered()

    def _answered(self) -> None:
        self._asked = False
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.called:
                one.callback(None)

    def _end(self) -> None:
        self.connections = 0
        self._past = total(self.snapshots).snapshot()
        self._present = Counters().snapshot()
        self._answered()
