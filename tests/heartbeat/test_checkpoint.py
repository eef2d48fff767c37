"""What the monitor knows goes to the store in slices, and comes back from it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.daemon import StartRefused
from netlab.heartbeat.checkpoint import Checkpointer
from netlab.heartbeat.slices import SLICE, TURNS, in_slices
from netlab.heartbeat.store import Checkpoint, StoreError


class Memory:
    """Clients that are numbers."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.known: dict[int, int] = {}
        self.happened: list[str] = []
        self.saved_ns = 0
        self.final = False
        self.dumps = 0
        self.came = 0

    async def pages(self, within: float | None) -> list[bytes]:
        def write(clients: Sequence[int]) -> bytes:
            self.dumps += len(clients)
            return msgspec.msgpack.encode([(client, 2**64 - 1) for client in clients])

        return await in_slices(self.clock, list(self.known.values()), write, within)

    def newcomers(self) -> int:
        return self.came

    def events(self) -> Sequence[str]:
        return self.happened

    def load(self, pages: Sequence[bytes], events: Iterable[Any], saved_ns: int, final: bool) -> None:
        clients = [client for page in pages for client in msgspec.msgpack.decode(page)]
        self.known = {int(number): number for number, _ in clients}
        self.happened = list(events)
        self.saved_ns, self.final = saved_ns, final


class Disk:
    """A store whose content is at hand."""

    def __init__(self) -> None:
        self.content: Checkpoint | None = None
        self.error: StoreError | None = None
        self.saves = 0
        self.closed = False

    def __str__(self) -> str:
        return "disk"

    def open(self) -> Checkpoint | None:
        if self.error is not None:
            raise self.error
        return self.content

    def save(self, checkpoint: Checkpoint) -> None:
        if self.error is not None:
            raise self.error
        self.saves += 1
        self.content = checkpoint

    def close(self) -> None:
        self.closed = True


class CheckpointerTests(SynchronousTestCase):
    """A `Checkpointer` between a memory and a disk, on a clock of its own"""

    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = Disk()
        self.memory = Memory(self.clock)
        self.service = self.make()
        self.logged: list[Any] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)

    def make(self, in_thread: Any = execute) -> Checkpointer:
        disk: Any = self.disk
        return Checkpointer(
            self.clock, disk, self.memory, clocks=lambda: Instant(1.0, 77), in_thread=in_thread
        )

    def test_round_trip(self) -> None:
        """What was known at the end is known at the next start, and since when."""
        self.memory.known = dict.fromkeys(range(1000), 0) | {number: number for number in range(1000)}
        self.memory.happened = ["up", "down"]
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.assertTrue(self.disk.closed)
        before, self.memory = self.memory, Memory(self.clock)
        again = self.make()
        again.startService()
        self.assertEqual(self.memory.known, before.known)
        self.assertEqual((self.memory.happened, self.memory.saved_ns), (["up", "down"], 77))
        self.assertTrue(self.memory.final)
        self.successResultOf(again.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slices(self) -> None:
        """Every 5 s all is saved, a slice at a time, well within that time; clients may come meanwhile."""
        for count in (SLICE * 20, SLICE * TURNS * 2):
            with self.subTest(count=count):
                self.memory.known = {number: number for number in range(count)}
                self.memory.dumps = 0
                self.clock = self.memory.clock = Clock()
                self.disk = Disk()
                self.service = self.make()
                self.service.startService()
                self.clock.advance(4.9)
                self.assertEqual(self.memory.dumps, 0)
                self.clock.advance(0.101)
                size = max(SLICE, count // TURNS)
                self.assertEqual(self.memory.dumps, size)
                self.memory.known[-1] = -1
                for _ in range(4500):
                    before = self.memory.dumps
                    self.clock.advance(0.001)
                    self.assertLessEqual(self.memory.dumps - before, size)
                self.assertEqual((self.memory.dumps, self.disk.saves), (count, 1))
                assert self.disk.content is not None
                self.assertFalse(self.disk.content.final)
                self.clock.advance(0.6)
                self.assertGreater(self.memory.dumps, count)
                self.successResultOf(self.service.stopService())
                self.assertEqual(self.disk.saves, 2)
                del self.memory.known[-1]

    def test_newcomers(self) -> None:
        """Somebody new is saved within half a second, and a flood of them in a few checkpoints."""
        self.service.startService()
        self.clock.advance(0.5)
        self.assertEqual(self.disk.saves, 0)
        self.memory.known, self.memory.came = {1: 1}, 1
        self.clock.advance(0.5)
        self.assertEqual(self.disk.saves, 1)
        self.clock.pump([0.5] * 7)
        self.assertEqual(self.disk.saves, 1)
        for _ in range(215):
            self.memory.came += 1
            self.clock.advance(0.01)
        self.assertEqual(self.disk.saves, 5)  # after 5, 5.5, 6 and 6.5 s
        self.successResultOf(self.service.stopService())

    def test_stop_while_writing(self) -> None:
        """A checkpoint that the disk is busy with ends first; the last one follows it."""
        writing: list[Deferred[None]] = []

        def in_thread(*call: Any) -> Deferred[None]:
            writing.append(Deferred())
            return writing[-1]

        self.service = self.make(in_thread)
        self.service.startService()
        self.clock.advance(5)
        stopped = self.service.stopService()
        self.assertEqual(len(writing), 1)
        writing[0].callback(None)
        self.assertNoResult(stopped)
        writing[1].callback(None)
        self.successResultOf(stopped)

    def test_disk_full(self) -> None:
        """What cannot be saved is said once, tried again, and said once when it goes well."""
        self.service.startService()
        self.disk.error = StoreError("disk: full")
        for _ in range(3):
            self.clock.advance(5)
        self.disk.error = None
        for _ in range(2):
            self.clock.advance(5)
        lines = [
            event["log_format"]
            for event in self.logged
            if event["log_namespace"] == "netlab.heartbeat.checkpoint"
        ]
        self.assertEqual(
            lines, ["{error}; trying again every {every:g} s", "{store}: clients are saved again"]
        )
        self.successResultOf(self.service.stopService())

    def test_mistake(self) -> None:
        """A client that cannot be written down does not end the saving."""
        self.memory.known = {1: 1}
        self.service.startService()
        pages = self.memory.pages

        def broken(within: float | None) -> Any:
            raise ZeroDivisionError

        self.patch(self.memory, "pages", broken)
        self.clock.advance(5)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.patch(self.memory, "pages", pages)
        self.clock.pump([5, 0.1])
        self.assertEqual(self.disk.saves, 1)
        self.successResultOf(self.service.stopService())

    def test_refused(self) -> None:
        """A store that cannot be used, or has nonsense in it, refuses the start in one line."""
        self.disk.error = StoreError("disk: away")
        self.assertEqual(
            str(self.assertRaises(StartRefused, self.service.startService)),
            "netlab-heartbeat: --store disk: away",
        )
        self.disk.error = None
        for page in (b"", b"\x93\x01", b"\x01", b"\x91\xa1x"):
            self.disk.content = Checkpoint(1, (page,))
            line = str(self.assertRaises(StartRefused, self.service.startService))
            self.assertRegex(
                line, r"\Anetlab-heartbeat: --store disk: it is damaged \([^\n]+\); move it away"
            )
            self.assertTrue(self.disk.closed)
