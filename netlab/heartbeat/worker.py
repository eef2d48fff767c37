"""
The process of one worker: ``python -m netlab.heartbeat.worker FOLDER DESCRIPTORS NUMBER [options]``.

FOLDER is where relative paths begin. DESCRIPTORS are those of the memory that all workers share, and of
its sockets, with commas between them. NUMBER counts from 0; the options are those of netlab-heartbeat.
It listens once its parent has given it its clients, answers the parent's questions
(`netlab.heartbeat.channel`), and ends when the parent does.
"""

import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from netlab.arguments import Address
from netlab.channel import Frames
from netlab.clocks import Instant, read_clocks
from netlab.daemon import Daemon
from netlab.errors import WireError
from netlab.heartbeat import tap
from netlab.heartbeat.channel import UNASKED, Kind, decode, encode
from netlab.heartbeat.events import ClientEvent, Event
from netlab.heartbeat.fleet import Fleet
from netlab.heartbeat.monitor import NotOurs
from netlab.heartbeat.report import event_lines
from netlab.heartbeat.sinks import Paced, Recent
from netlab.heartbeat.status import Status
from netlab.heartbeat.steering import owner
from netlab.slot import CONTROL, HELD, log_to


class Worker(Protocol):
    """One part of the monitor, at the parent's other end; *number* counts from 0, of *workers*."""

    transport: Any
    log = Logger()

    def __init__(self, daemon: Daemon, options: tap.Options, number: int, fleet: Fleet) -> None:
        self._daemon = daemon
        self._number = number
        self._workers = options["workers"]
        self._beats = bool(options["log-beats"])
        self._frames = Frames()
        self._pages: list[bytes] = []
        self._closed: Deferred[None] | None = None
        self._lost = False
        self._events = Paced(self._tell, daemon.reactor, time.monotonic)
        self._watching = tap.Watching(
            daemon.reactor,
            options,
            self._events,
            fleet=fleet,
            owns=self._owns,
            pass_on=self._pass_on,
        )
        self._status = Status(
            self._watching.monitor, Recent(), self._watching.tell, read_clocks, daemon.reactor
        )
        self._services = MultiService()
        if options["config"] is not None:
            daemon.on_hangup(self._watching.reload)

    def listen_on(self, sockets: Iterable[socket.socket]) -> None:
        """Watch what comes to *sockets*, once the clients are there."""
        for one in sockets:
            self._watching.listen(one).setServiceParent(self._services)
        self._watching.setServiceParent(self._services)

    # What comes from the parent.

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        try:
            for kind, payload in self._frames.feed(data):
                self._take(kind, payload)
        except WireError as error:
            self._daemon.stop(f"its parent makes no sense: {error}")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if self._closed is None:
            self._daemon.stop("its parent has ended")
        else:
            self._closed.callback(None)

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == Kind.PAGE:
            self._pages += decode(payload, 1)[:1]
        elif kind == Kind.START:
            at_ns, final = decode(payload, 2)[:2]
            self._start(at_ns, final)
        elif kind == Kind.ASK:
            number, what, *more = decode(payload, 2)
            ensureDeferred(self._answer(number, what, more)).addErrback(
                lambda failure: self.log.failure("a question was not answered", failure)
            )
        elif kind == Kind.BEAT:
            _, monotonic, wall_ns, peer, datagram = decode(payload, 5)[:5]
            self._watching.take(datagram, (peer[0], peer[1]), Instant(monotonic, wall_ns))
        else:
            raise WireError(f"frames of kind {kind} are not known")

    def _start(self, at_ns: int, final: bool) -> None:
        pages, self._pages = self._pages, []
        if at_ns:
            self._status.load(pages, (), at_ns, final)
        self._services.privilegedStartService()
        self._services.startService()
        self._write(encode(Kind.READY))

    async def _answer(self, number: int, what: str, more: Sequence[Any]) -> None:
        parts: list[bytes] = []
        rest: Any = None
        if what == "rows":
            parts = await self._status.parts()
        elif what == "pages":
            parts = await self._status.pages(float(more[0]))
        elif what == "farewell":
            await maybeDeferred(self._services.stopService)
            self._events.close()
            parts = await self._status.pages(None)
        elif what == "reading":
            rest = asdict(self._status.read())
        elif what == "act":
            with suppress(KeyError):
                rest = await self._status.act(str(more[0]), str(more[1]))
        for part in parts:
            self._write(encode(Kind.PART, number, part))
        self._write(encode(Kind.END, number, rest))

    # What goes to the parent.

    def _tell(self, event: Event) -> None:
        lines = list(event_lines(event, self._beats))
        worthy = event.notable
        if not lines and not worthy:
            return
        figures = event.as_dict()
        if not isinstance(event, ClientEvent):  # it is about this worker's own clients
            figures["worker"] = self._number + 1
            lines = [f"worker {self._number + 1}: {line}" for line in lines]
        self._write(encode(Kind.EVENT, event.at_ns, worthy, figures, lines))

    def _owns(self, identity: str | None, address: Address | None) -> bool:
        return owner(identity, address, self._workers) == self._number

    def _pass_on(self, other: NotOurs, datagram: bytes, arrival: Instant) -> None:
        number = owner(other.identity, other.address, self._workers)
        self._write(encode(Kind.BEAT, number, *arrival, list(other.address), datagram))

    def _write(self, frame: bytes) -> None:
        if not self._lost:
            self.transport.write(frame)

    # While the parent reads more slowly than we tell.

    def pauseProducing(self) -> None:
        self._events.pause()

    def resumeProducing(self) -> None:
        self._events.resume()

    def stopProducing(self) -> None:
        self._events.pause()

    async def finish(self) -> None:
        """Stop watching, if the parent has not asked for that, and tell it all that is still to be told."""
        if self._services.running:
            await self._answer(UNASKED, "farewell", ())
        if not self._lost:
            self._closed = Deferred()
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            await self._closed
        # The loop gives signals back their default action as it ends: one told twice would be killed.
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD)


def main(arguments: Sequence[str]) -> None:
    """
    Watch until the parent says or ends.

    Raises:
        SystemExit: it cannot start, with the line that says why.
    """
    from twisted.internet import reactor

    folder, descriptors, number, *words = arguments
    os.setpgid(0, 0)  # a Ctrl-C is for the parent, which then asks for what we know
    log_to(sys.stderr)
    with suppress(OSError):  # we may not go there any more, and perhaps nothing is relative
        os.chdir(folder)
    options = tap.Options()
    try:
        options.parseOptions(words)
    except usage.UsageError as error:
        raise SystemExit(f"netlab-heartbeat: {error}") from error
    memory, *handed = map(int, descriptors.split(","))
    daemon = Daemon("netlab-heartbeat")
    numbers = memoryview(mmap.mmap(memory, os.fstat(memory).st_size)).cast("d")
    worker = Worker(daemon, options, int(number), Fleet(numbers, int(number)))
    worker.listen_on([socket.socket(fileno=descriptor) for descriptor in handed])
    daemon.startService()
    clock: Any = reactor
    clock.callWhenRunning(StandardIO, worker, 0, CONTROL, clock)
    clock.callWhenRunning(signal.pthread_sigmask, signal.SIG_UNBLOCK, HELD)
    clock.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(worker.finish()))
    clock.run()


if __name__ == "__main__":
    main(sys.argv[1:])
