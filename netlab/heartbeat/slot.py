"""The place of one of the monitor's workers: it takes up its clients, tells events, and answers questions."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from netlab import slot
from netlab.channel import Frames
from netlab.clocks import Clocks, read_clocks
from netlab.errors import WireError
from netlab.heartbeat.channel import UNASKED, Kind, decode, encode
from netlab.heartbeat.events import Told
from netlab.heartbeat.status import Reading
from netlab.heartbeat.web import OutOfReach

PATIENCE = 10.0  # seconds that a question may take


class Saved(NamedTuple):
    """Some clients as they were written down."""

    pages: Sequence[bytes] = ()
    at_ns: int = 0  # wall clock; 0: never
    final: bool = False  # as the last thing of all


class Answer(NamedTuple):
    """What a worker has answered."""

    parts: list[bytes]
    rest: Any


class Slot(slot.Slot):
    """
    The place of one worker. *saved* is what its next process begins with.

    *tell* takes its events; *pass_on* takes a beat that another worker owns: which, and the frame.
    """

    def __init__(
        self,
        number: int,
        clock: Any,
        spawn: Callable[[ProcessProtocol], Any],
        tell: Callable[[Told], object],
        pass_on: Callable[[int, bytes], object],
        clocks: Clocks = read_clocks,
    ) -> None:
        super().__init__(number, clock, spawn)
        self.saved = Saved()
        self.blind = False  # it judges nobody now
        self._tell = tell
        self._pass_on = pass_on
        self._clocks = clocks
        self._frames = Frames()
        self._left: list[bytes] = []  # pages of a process that ends by itself
        self._questions = 0
        self._asked: dict[int, tuple[list[bytes], Deferred[Answer]]] = {}
        self._past = Reading.total([])  # what its processes that have ended had counted
        self._present = self._past  # this one, as far as it is known

    def start(self) -> None:
        """Fill the place, and give the new worker its clients."""
        super().start()
        if self._process is not None:
            for page in self.saved.pages:
                self._send(encode(Kind.PAGE, page))
            self._send(encode(Kind.START, self.saved.at_ns, self.saved.final))

    async def ask(self, what: str, *more: Any, patience: float = PATIENCE) -> Answer:
        """
        Ask something.

        Raises:
            OutOfReach: the worker does not answer in time, or ends.
        """
        self._questions += 1
        number, answered = self._questions, Deferred[Answer]()
        if not self.serves or not self._send(encode(Kind.ASK, number, what, *more)):
            raise OutOfReach(f"worker {self.number} is just not there")
        self._asked[number] = [], answered
        try:
            return await answered.addTimeout(patience, self._clock)
        except defer.TimeoutError as error:
            raise OutOfReach(f"worker {self.number} does not answer") from error
        finally:
            self._asked.pop(number, None)

    async def read(self) -> Reading:
        """Everything that was counted here, as far as it can be known."""
        with suppress(OutOfReach, msgspec.ValidationError):
            self._present = msgspec.convert((await self.ask("reading")).rest, Reading)
        return Reading.total([self._past, self._present])

    def pass_beat(self, frame: bytes) -> None:
        """Let the worker have a beat that came to another; where there is none now, it is lost."""
        if self.serves:
            self._send(frame)

    def _begin(self) -> None:
        self._frames = Frames()
        self._left = []

    def _told(self, octets: bytes) -> None:
        try:
            for kind, payload in self._frames.feed(octets):
                self._take(kind, payload)
        except WireError as error:
            self.log.error("worker {number} makes no sense: {error}", number=self.number, error=error)
            self._frames = Frames()
            self._signal("KILL")

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == Kind.READY:
            self._came_up()
        elif kind == Kind.EVENT:
            at_ns, worthy, figures, lines = decode(payload, 4)[:4]
            if figures.get("event") in ("blind", "sighted"):
                self.blind = figures["event"] == "blind"
            self._tell(Told(at_ns, worthy, figures, tuple(lines)))
        elif kind == Kind.PART:
            number, part = decode(payload, 2)[:2]
            if number == UNASKED:
                self._left.append(part)
            elif number in self._asked:
                self._asked[number][0].append(part)
        elif kind == Kind.END:
            number, rest = decode(payload, 2)[:2]
            if number == UNASKED:
                self.saved = Saved(self._left, self._clocks().wall_ns)
            parts, answered = self._asked.pop(number, ([], None))
            if answered is not None and not answered.called:
                answered.callback(Answer(parts, rest))
        elif kind == Kind.BEAT:
            self._pass_on(decode(payload, 1)[0], payload)
        else:
            raise WireError(f"frames of kind {kind} are not known")

    def _end(self) -> None:
        self.blind = False
        frozen = Reading.total([self._past, self._present])
        self._past = Reading({}, frozen.beats, frozen.refused, frozen.unverified, 0)
        self._present = Reading.total([])
        asked, self._asked = self._asked, {}
        for _, answered in asked.values():
            if not answered.called:
                answered.errback(OutOfReach(f"worker {self.number} has ended"))
