"""`Checkpointer`: save what the monitor knows every few seconds and at the end, without holding it up."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.clocks import Clocks, read_clocks
from netlab.daemon import StartRefused
from netlab.heartbeat.store import Checkpoint, Nowhere, Store, StoreError

EVERY = 5.0  # seconds from one checkpoint to the next
SOON = 0.5  # seconds after which somebody new is saved: who is forgotten can be replayed
SPREAD = 0.8  # part of the time between two checkpoints that the writing down is spread over

_log = Logger()


class Memory(Protocol):
    """What there is to remember."""

    def pages(self, within: float | None) -> Awaitable[Sequence[bytes]]:
        """
        All clients, written down, some of them a page.

        *within*: seconds that this may be spread over; None: now, for it is the last time.
        """

    def newcomers(self) -> int:
        """How many clients have come since the start, those that are gone among them."""

    def events(self) -> Sequence[Any]:
        """The last events, as values that MessagePack has."""

    def load(self, pages: Sequence[bytes], events: Iterable[Any], saved_ns: int, final: bool) -> None:
        """
        Take up what was written down by *saved_ns*, wall clock, *final* as the last thing of all.

        Raises:
            ValueError: this is nothing that was ever written down.
        """


InThread = Callable[..., "Deferred[Any]"]


class Checkpointer(Service):
    """
    Load *memory* from *store* as it starts, and save it from then on.

    The writing down is spread over most of the time there is, so that beats are read and judged
    meanwhile; a thread does what has to wait for the disk.
    """

    def __init__(
        self,
        reactor: Any,
        store: Store | Nowhere,
        memory: Memory,
        *,
        every: float = EVERY,
        clocks: Clocks = read_clocks,
        in_thread: InThread | None = None,
    ) -> None:
        self._clock = reactor
        self._store = store
        self._memory = memory
        self._every = every
        self._clocks = clocks
        self._in_thread = in_thread or self._thread_of(reactor)
        self._loop = LoopingCall(self._save_slowly)
        self._loop.clock = reactor
        self._soon = LoopingCall(self._save_newcomers)
        self._soon.clock = reactor
        self._newcomers = 0  # that a checkpoint has, or is about to have
        self._saving: Deferred[None] | None = None
        self._writing = False
        self._failing = False

    def startService(self) -> None:
        """Load. Raises: StartRefused: the store cannot be used."""
        try:
            saved = self._store.open()
            if saved is not None:
                self._load(saved)
        except StoreError as error:
            self._store.close()
            raise StartRefused(f"netlab-heartbeat: --store {error}") from error
        super().startService()
        self._loop.start(self._every, now=False).addErrback(
            lambda failure: _log.failure("nothing is saved any more", failure)
        )
        self._soon.start(SOON, now=False)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._finish())

    def _load(self, saved: Checkpoint) -> None:
        try:
            events = [event for page in saved.events for event in msgspec.msgpack.decode(page)]
            self._memory.load(saved.clients, events, saved.saved_ns, saved.final)
        except (ValueError, TypeError) as error:  # msgspec's are ValueErrors
            raise StoreError(
                f"{self._store}: it is damaged ({error}); move it away, or give --store another file or none"
            ) from error

    async def _finish(self) -> None:
        for loop in (self._loop, self._soon):
            if loop.running:
                loop.stop()
        saving = self._saving
        if saving is not None:
            if not self._writing:  # what is half gathered, the last checkpoint has anew
                saving.cancel()
            await saving
        await self._save(None)
        self._store.close()

    def _save_slowly(self) -> "Deferred[None]":
        if self._saving is None:
            saving = self._saving = Deferred.fromCoroutine(self._save(self._every * SPREAD))
            saving.addBoth(self._saved)
            return saving
        return self._saving

    def _save_newcomers(self) -> None:
        if self._saving is None and self._memory.newcomers() != self._newcomers:
            self._save_slowly()

    def _saved(self, result: Any) -> None:
        self._saving = None
        if isinstance(result, Failure) and not result.check(CancelledError):
            _log.failure("this checkpoint could not be made", result)

    async def _save(self, within: float | None) -> None:
        """Save all: spread over so many seconds, or at once as the last thing of all."""
        saved_ns, self._newcomers = self._clocks().wall_ns, self._memory.newcomers()
        pages = await self._memory.pages(within)
        events = (msgspec.msgpack.encode(self._memory.events()),)
        self._writing = True
        try:
            await self._in_thread(
                self._store.save, Checkpoint(saved_ns, tuple(pages), events, within is None)
            )
        except StoreError as error:
            if not self._failing:
                _log.error("{error}; trying again every {every:g} s", error=error, every=self._every)
            self._failing = True
        else:
            if self._failing:
                _log.info("{store}: clients are saved again", store=self._store)
            self._failing = False
        finally:
            self._writing = False

    @staticmethod
    def _thread_of(reactor: Any) -> InThread:
        return lambda call, *given: deferToThreadPool(reactor, reactor.getThreadPool(), call, *given)
