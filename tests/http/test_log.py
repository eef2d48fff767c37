"""The access log: exchanges gathered, written together, in their order, and to the right file."""

import errno
import io
import os
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netlab import lines
from netlab.http.access import Exchange
from netlab.http.log import BATCH, PATIENCE, AccessLog, Journal
from netlab.http.tap import Options, makeService
from tests.http.wire import Client, exchange, folder, get


class JournalTests(SynchronousTestCase):
    """Exchanges on their way to who wants to know of them."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[Sequence[Exchange]] = []

    def connections(self) -> list[int]:
        return [exchange.connection for exchanges in self.told for exchange in exchanges]

    @given(st.lists(st.one_of(st.integers(1, 2 * BATCH), st.floats(0, 0.2), st.none())))
    def test_all_in_order(self, steps: list[int | float | None]) -> None:
        """All are told, once, in their order, at most so many at once, and at most so late."""
        self.setUp()
        journal = Journal(self.clock, [self.told.append])
        taken: list[int] = []
        waiting_since = 0.0
        for step in steps:
            if step is None:
                journal.flush()
                self.assertEqual(self.connections(), taken)
            elif isinstance(step, float):
                self.clock.advance(step)
            else:
                for _ in range(step):
                    if len(self.connections()) == len(taken):
                        waiting_since = self.clock.seconds()
                    taken.append(len(taken))
                    journal.add(exchange(connection=taken[-1]))
            if self.clock.seconds() - waiting_since >= PATIENCE + 1e-9:
                self.assertEqual(self.connections(), taken)
        journal.close()
        self.assertEqual(self.connections(), taken)
        self.assertTrue(all(len(exchanges) <= BATCH for exchanges in self.told))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_mistaken_listener(self) -> None:
        """A listener that raises is logged; it harms neither the others nor the request."""

        def mistaken(exchanges: object) -> None:
            raise ZeroDivisionError

        journal = Journal(self.clock, [mistaken, self.told.append])
        client = Client()
        client.factory.record = journal.add
        for _ in range(BATCH):
            self.assertTrue(client.send(get()))
        self.assertEqual(len(self.connections()), BATCH)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        journal.close()


class ShortOfSpace(io.RawIOBase):
    """A file on a disk that has room for so many octets."""

    def __init__(self, room: int) -> None:
        self.octets = b""
        self.room = room

    def write(self, octets: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = bytes(octets[: self.room])
        self.octets += taken
        self.room -= len(taken)
        return len(taken)


class AccessLogTests(SynchronousTestCase):
    """The file, its rotation, and its disk."""

    def setUp(self) -> None:
        self.folder = folder(self)
        self.path = self.folder / "log"

    def log_on_disk_with(self, room: int) -> tuple[AccessLog, ShortOfSpace]:
        stream = ShortOfSpace(room)
        self.patch(lines, "_open", lambda path: stream)
        log = AccessLog(str(self.path))
        log.open()
        return log, stream

    def test_reopen(self) -> None:
        """After SIGHUP the file is a new one, and the lines of requests before then are in the old one."""
        reactor: Any = MemoryReactorClock()
        options = Options()
        options.parseOptions(["--root", str(self.folder), "--access-log", str(self.path)])
        service = makeService(options, reactor)
        service.startService()
        (_, factory, *_) = reactor.tcpServers[0]
        client = Client()
        client.factory = factory
        client.connect()
        client.send(get("/before"))
        self.path.rename(self.folder / "log.1")
        service.hang_up()
        client.send(get("/after"))
        client.protocol.connectionLost()
        self.successResultOf(service.stopService())
        self.assertIn("GET /before ", (self.folder / "log.1").read_text())
        self.assertNotIn("GET /after ", (self.folder / "log.1").read_text())
        self.assertIn("GET /after ", self.path.read_text())
        self.assertNotIn("GET /before ", self.path.read_text())

    def test_reopen_fails(self) -> None:
        """Where the file cannot be opened anew, the lines go on to where they went."""
        log = AccessLog(str(self.path))
        log.open()
        self.path.unlink()
        self.path.mkdir()
        self.assertRaises(OSError, log.reopen)
        log.record([exchange()])
        log.close()

    def test_batch(self) -> None:
        """A batch is whole lines, in one write."""
        log, stream = self.log_on_disk_with(10**6)
        log.record([exchange(start_line=b"GET /%d HTTP/1.1" % number) for number in range(3)])
        written = stream.octets.decode().splitlines()
        self.assertEqual([line.split('"')[1].split()[1] for line in written], ["/0", "/1", "/2"])

    def test_disk_that_fills(self) -> None:
        """A line that the disk cut short does not run into the first line after there is room again."""
        log, stream = self.log_on_disk_with(100)
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        log.record([exchange(start_line=b"GET /%d HTTP/1.1" % number) for number in range(3)])
        log.record([exchange(start_line=b"GET /3 HTTP/1.1")])
        self.assertEqual(len(events), 2)
        stream.room = 10**6
        log.record([exchange(start_line=b"GET /4 HTTP/1.1")])
        log.record([exchange(start_line=b"GET /5 HTTP/1.1")])
        whole = [line for line in stream.octets.decode().splitlines() if line.endswith('"curl/8"')]
        self.assertEqual([line.split('"')[1] for line in whole], [f"GET /{n} HTTP/1.1" for n in (0, 4, 5)])
