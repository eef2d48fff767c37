"""`MonitorProtocol`: the monitor on a UDP port, which hands it whole batches of datagrams."""

import socket
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from twisted.internet import error
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.arguments import Address, address_text
from netlab.batches import AVAILABLE, Batch, Batches, OneByOne
from netlab.clocks import Clocks, Instant, read_clocks
from netlab.errors import WireError
from netlab.heartbeat.detector import Fixed
from netlab.heartbeat.events import Event
from netlab.heartbeat.judge import Judge
from netlab.heartbeat.monitor import Monitor, NotOurs, Policy
from netlab.heartbeat.report import event_lines
from netlab.heartbeat.wire import MAX_LINE
from netlab.sockets import lengthen_queue
from netlab.udp import BATCH, DatagramPort, drops

BUSY = 50  # datagrams from one judgement to the next: 1,000 a second
REST = 0.002  # seconds; beats that come within so little of each other count as of one moment
LONGEST = MAX_LINE + 1  # octets read of a datagram: what is cut off is too long anyway
QUEUE = 67_108_864  # octets of the receive queue: 80,000 beats may come at one moment


class MonitorPort(DatagramPort):
    """A port that hands its protocol a whole batch with one reading of the clocks, and has a long queue."""

    protocol: "MonitorProtocol"
    reactor: Any

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._read = 0  # datagrams since the last judgement
        self._busy = False
        self.reactor: Any
        self._rest: Any = None  # the call that ends a rest from reading
        self._batches: Batches | OneByOne | None = None
        self.read_until = 0.0  # monotonic seconds: what came before then was read
        self._empty = 0.0  # when the queue was last seen empty

    def createInternetSocket(self) -> socket.socket:
        udp = super().createInternetSocket()
        lengthen_queue(udp, QUEUE)
        return udp

    def drops(self) -> int:
        """Datagrams that our own receive queue has dropped since it was opened."""
        return drops(self.socket)

    def doRead(self) -> None:
        """Read one batch; where there is much to read, rest a moment, so that the next one is a batch."""
        self._read_batch()
        if self._busy:
            self.stopReading()
            self._rest = self.reactor.callLater(REST, self._rested)

    def drain(self) -> bool:
        """Read what waits now; who judges calls this at every tick. False: there is more."""
        drained = super().drain()
        self._busy, self._read = self._read > BUSY, 0
        return drained

    def startReading(self) -> None:
        if self._batches is None:
            self._batches = (Batches if AVAILABLE else OneByOne)(self.socket, BATCH, LONGEST)
        super().startReading()

    def connectionLost(self, reason: Failure | None = None) -> None:
        rest, self._rest = self._rest, None
        if rest is not None:
            rest.cancel()
        super().connectionLost(reason)
        self._batches = None

    def _rested(self) -> None:
        self._rest = None
        self.startReading()

    def _read_batch(self) -> bool:
        batches = self._batches
        if batches is None:
            return True
        now = self.protocol.clocks()
        try:
            batch = batches.receive()
        except (BlockingIOError, InterruptedError):
            self._empty = self.read_until = now.monotonic
            return True
        except OSError as failure:  # an ICMP message about a reply of ours
            self._tell(failure)
            return False
        self._read += len(batch)
        self.read_until = self.protocol.take(batch, self._arrivals(batches, now))
        return False

    def _arrivals(self, batches: Batches | OneByOne, now: Instant) -> Iterable[Instant]:
        """When each of a batch, read by *now*, came: one moment for all, if they came within so little."""
        span = batches.span()
        if span is None:
            return repeat(now)
        first, last = span
        if abs(last - first) <= REST * 1e9:
            return repeat(self._arrival(last, now))
        return [self._arrival(stamp, now) for stamp in batches.stamps()]

    def _arrival(self, stamp_ns: int, now: Instant) -> Instant:
        """
        The moment of the kernel's stamp, as *now* tells it: the wall clock may have been set since.

        Whatever the stamp, it was not before the queue was last seen empty.
        """
        age = min(max(now.wall_ns - stamp_ns, 0) / 1e9, now.monotonic - self._empty)
        return Instant(now.monotonic - age, now.wall_ns - round(age * 1e9))


class MonitorProtocol(DatagramProtocol):
    """
    Watch heartbeats: a `DatagramProtocol` for ``listenUDP``, or better for a `MonitorPort`.

    *sink* takes each event; without one they are logged, ordinary beats only with *log_beats*.
    Deadlines are judged on the monotonic clock by a `LoopingCall` on *clock*, which should be
    monotonic as well (see `netlab.clocks.run_monotonic`). *monitor* is made for one fixed *timeout*
    unless it is given; protocols that share one share its *judge* too. *pass_on* takes what another
    monitor owns, with when it came.
    """

    noisy = False
    log = Logger()
    transport: Any

    def __init__(
        self,
        clock: Any,
        timeout: float = 5.0,
        sink: Callable[[Event], object] | None = None,
        log_beats: bool = False,
        clocks: Clocks = read_clocks,
        monitor: Monitor | None = None,
        judge: Judge | None = None,
        pass_on: Callable[[NotOurs, bytes, Instant], object] | None = None,
    ) -> None:
        if timeout <= 0:
            raise ValueError("timeout is more than 0 seconds")
        wants_beats = log_beats or sink is not None
        self.monitor = monitor or Monitor(Policy(Fixed(timeout)), wants_beats=wants_beats)
        self.clocks = clocks
        self.rejected = 0  # datagrams that were refused
        self.unsent = 0  # replies that the system did not take
        self._sink = sink or self._log_event
        self._log_beats = log_beats
        self._port: Any = None
        self._judge = judge or Judge(clock, self.monitor, self.tell, clocks)
        self._pass_on = pass_on or (lambda other, datagram, arrival: None)

    def startProtocol(self) -> None:
        self._port = self.transport  # which is taken from us before we hear that it closes
        self._judge.join(self._port)

    def stopProtocol(self) -> None:
        self._judge.leave(self._port)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        self.take([(datagram, addr)], [self.clocks()])

    def take(self, batch: Batch, arrivals: Iterable[Instant]) -> float:
        """
        Hand datagrams to the monitor, each with when it came, and on what it makes of them.

        The result is when the last of them came, monotonic seconds.
        """
        receive, monitor = self.monitor.receive, self.monitor
        for (datagram, peer), now in zip(batch, arrivals, strict=False):
            try:
                events = receive(datagram, peer, now)
            except WireError as refusal:
                self._refuse(peer, refusal)
                continue
            except NotOurs as other:
                self._pass_on(other, datagram, now)
                continue
            except Exception:
                self.log.failure("a datagram from {peer} was not understood", peer=address_text(peer))
                continue
            if events:
                self.tell(events)
            if monitor.replies:
                self._send(now)
        return now.monotonic

    def tell(self, events: Iterable[Event]) -> None:
        """Hand events to the sink."""
        for event in events:
            try:
                self._sink(event)
            except Exception:  # the sink is the embedder's: its mistake costs this event, not the rest
                self.log.failure("an event was not taken: {event}", event=event)

    def counts_line(self) -> str:
        """What became of the datagrams so far."""
        return f"{self.monitor.beats} heartbeats received, {self.rejected} other datagrams refused"

    def _refuse(self, peer: Address, refusal: WireError) -> None:
        self.rejected += 1
        if self.rejected & (self.rejected - 1) == 0:  # 1, 2, 4, 8…: a flood must not fill the log
            self.log.debug(
                "refused from {peer}: {error} ({count} so far)",
                peer=address_text(peer),
                error=refusal,
                count=self.rejected,
            )

    def _send(self, now: Instant) -> None:
        for datagram, peer in self.monitor.outgoing(now):
            try:
                self.transport.write(datagram, peer)
            except (OSError, error.MessageLengthError) as failure:
                self.unsent += 1
                self.log.debug("not sent to {peer}: {why}", peer=address_text(peer), why=failure)

    def _log_event(self, event: Event) -> None:
        for line in event_lines(event, self._log_beats):
            self.log.info("{line}", line=line)
