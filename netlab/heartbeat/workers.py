"""
The workers of the monitor: processes that each watch a part of the clients, and one view over all.

    beats   -> kernel, steered by identity -> the worker that owns the client
    events  <- each worker                    to the parent's log, file and recent events
    API, metrics, store <- parent             which asks all workers, and joins what they answer

The parent keeps the sockets, so that what comes for a worker that has died waits for the next one, and
remembers what each knew at the last checkpoint.
"""

import os
import socket
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.arguments import Address
from netlab.channel import encode_frame
from netlab.clocks import Clocks, read_clocks
from netlab.heartbeat.channel import Kind
from netlab.heartbeat.events import Event, Told
from netlab.heartbeat.fleet import RECORD
from netlab.heartbeat.server import QUEUE
from netlab.heartbeat.sinks import Recent
from netlab.heartbeat.slot import Saved, Slot
from netlab.heartbeat.states import State
from netlab.heartbeat.status import Reading, dumped
from netlab.heartbeat.steering import owner, steer
from netlab.heartbeat.web import OutOfReach
from netlab.slot import spawn_worker
from netlab.sockets import bind_together

PAGE = 512  # clients of a page
GRACE = 5.0  # seconds that a worker may take to end
MARGIN = 10.0  # seconds that pages may take longer than they were to be spread over

Result = TypeVar("Result")


class Workers(Service):
    """
    Watch with *count* workers on each of *addresses*; *words* is the command line of each.

    *tell* takes their events, which also stand in *recent*. As one `Status` is, they together are what
    the API, the store and Prometheus are told by.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        addresses: Sequence[Address],
        count: int,
        words: Sequence[str],
        recent: Recent,
        tell: Callable[[Iterable[Event]], object],
        clocks: Clocks = read_clocks,
    ) -> None:
        self._reactor = reactor
        self._addresses = addresses
        self._count = count
        self._words = words
        self._recent = recent
        self._tell = tell
        self._newcomers = 0
        self._clocks = clocks
        self._folder = os.getcwd()  # where the user named files; a daemon may go elsewhere
        self._sockets: list[list[socket.socket]] = []  # of each address, by worker
        self._memory = _shared_memory(8 * RECORD * count)
        self._farewell: Deferred[list[bytes]] | None = None
        self.ended: Deferred[None] = Deferred()  # comes when all of them have, and with them the last event
        self._slots = [
            Slot(number + 1, reactor, partial(self._spawn, number), self._told, self._pass_on)
            for number in range(count)
        ]

    @property
    def addresses(self) -> list[Address]:
        """Where they listen, once they do."""
        return [sockets[0].getsockname()[:2] for sockets in self._sockets]

    # As a service.

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._bind()

    def startService(self) -> None:
        super().startService()
        self._bind()
        for slot in self._slots:
            slot.start()

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def hang_up(self) -> None:
        """Let all of them reload what can be reloaded."""
        for slot in self._slots:
            slot.hang_up()

    def _bind(self) -> None:
        if self._sockets:
            return
        for host, port in self._addresses:
            try:
                sockets = bind_together(socket.SOCK_DGRAM, host, port, self._count, QUEUE)
            except OSError as error:
                raise CannotListenError(host, port, error) from error
            self._sockets.append(sockets)
            try:
                steer(sockets[0], self._count)
            except OSError as error:
                self.log.warn(
                    "this kernel does not steer datagrams ({error}): workers pass them on", error=error
                )

    def _spawn(self, number: int, process: ProcessProtocol) -> Any:
        handed = [self._memory, *(sockets[number].fileno() for sockets in self._sockets)]
        words = [str(number), *self._words]
        return spawn_worker(self._reactor, process, "netlab.heartbeat.worker", self._folder, handed, words)

    def _told(self, told: Told) -> None:
        self._newcomers += told.figures.get("before") == State.NEW.value
        self._tell([told])

    def _pass_on(self, number: int, payload: bytes) -> None:
        """Let the owner of a beat have it."""
        if isinstance(number, int) and 0 <= number < self._count:
            self._slots[number].pass_beat(encode_frame(Kind.BEAT, payload))

    async def _stop(self) -> None:
        try:
            await self._last_pages()
            self._say_what_was_counted(await self.read())
        finally:
            await gatherResults([slot.stop(GRACE) for slot in self._slots])
            for one in (one for sockets in self._sockets for one in sockets):
                one.close()
            self._sockets.clear()
            os.close(self._memory)
            self.ended.callback(None)

    def _say_what_was_counted(self, reading: Reading) -> None:
        self.log.info(
            "netlab-heartbeat: {beats} heartbeats received, {refused} other datagrams refused",
            beats=reading.beats,
            refused=sum(reading.refused.values()),
        )

    # For the API.

    async def parts(self) -> list[bytes]:
        """All clients as JSON objects with commas between, in some parts."""
        answers = await self._all([slot.ask("rows") for slot in self._slots])
        return [part for answer in answers for part in answer.parts]

    def events(self) -> Sequence[dict[str, Any]]:
        """The last of them, the oldest first."""
        return self._recent.told()

    async def act(self, action: str, identity: str) -> str:
        """
        Do something with a client; the result is its state from now on.

        Raises:
            KeyError: there is no such client.
            OutOfReach: a worker does not answer.
        """
        for answer in await self._all([slot.ask("act", action, identity) for slot in self._slots]):
            if answer.rest is not None:
                return str(answer.rest)
        raise KeyError(identity)

    # For the store.

    def newcomers(self) -> int:
        """How many clients have come since the start."""
        return self._newcomers

    async def pages(self, within: float | None) -> list[bytes]:
        """All clients, written down; those of a worker that does not answer as they were last."""
        if within is None:
            return await self._last_pages()
        return await self._written("pages", within)

    def load(self, pages: Sequence[bytes], events: Iterable[Any], saved_ns: int, final: bool) -> None:
        """
        Take up what was written down, perhaps by another number of workers.

        Raises:
            ValueError: this is nothing that was ever written down.
        """
        events = list(events)
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is no object")
        owned: list[list[Any]] = [[] for _ in self._slots]
        try:
            for client in dumped(pages):
                key = client[0]
                name, address = (key, None) if isinstance(key, str) else (None, (str(key[0]), int(key[1])))
                owned[owner(name, address, self._count)].append(client)
        except (TypeError, IndexError, LookupError) as error:
            raise ValueError(f"no client's dump: {error}") from error
        self._recent.restore(events)
        encode = msgspec.msgpack.encode
        for slot, clients in zip(self._slots, owned, strict=True):
            written = [encode(clients[start : start + PAGE]) for start in range(0, len(clients), PAGE)]
            slot.saved = Saved(written, saved_ns, final)

    def _last_pages(self) -> Deferred[list[bytes]]:
        """Have them listen no more, and write down all for the last time; who asks later gets the same."""
        if self._farewell is None:
            self._farewell = Deferred()
            Deferred.fromCoroutine(self._written("farewell", 0.0)).chainDeferred(self._farewell)
        waiting: Deferred[list[bytes]] = Deferred()

        def hand_on(pages: list[bytes]) -> list[bytes]:
            waiting.callback(pages)
            return pages

        self._farewell.addCallback(hand_on)
        return waiting

    async def _written(self, what: str, within: float) -> list[bytes]:
        asked_ns = self._clocks().wall_ns
        pages: list[bytes] = []
        for slot, answer in zip(
            self._slots,
            await self._all([self._pages_of(slot, what, within) for slot in self._slots]),
            strict=True,
        ):
            if answer is not None:
                slot.saved = Saved(answer, asked_ns)
            pages += slot.saved.pages
        return pages

    @staticmethod
    async def _pages_of(slot: Slot, what: str, within: float) -> list[bytes] | None:
        try:
            return (await slot.ask(what, within, patience=within + MARGIN)).parts
        except OutOfReach:
            return None

    # For those who look after the monitor.

    async def read(self) -> Reading:
        """Everything that is counted, by all of them."""
        return Reading.total(await self._all([slot.read() for slot in self._slots]))

    def state(self) -> str:
        """``ok``, or why no judgement, or not all of them, comes from here now."""
        if not self.running:
            return "draining"
        if not all(slot.serves for slot in self._slots):
            return "a worker is not there"
        return "blind" if any(slot.blind for slot in self._slots) else "ok"

    async def _all(self, asked: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
        """What all of them come to; the first that fails is the failure of all."""
        waiting = gatherResults([Deferred.fromCoroutine(one) for one in asked], consumeErrors=True)
        waiting.addErrback(_first)
        return await waiting


def _first(failure: Failure) -> Any:
    """What made one of several fail."""
    error: Any = failure.value
    return error.subFailure


def _shared_memory(octets: int) -> int:
    """A descriptor of memory that processes can share, filled with zeros."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("netlab-heartbeat")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, octets)
    return descriptor
