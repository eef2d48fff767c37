"""
UDP for Twisted: a port that errors cannot close, and the one driver of datagram machines.

A datagram machine is pure logic. It is handed datagrams and the time, and answers with events (for
people) and datagrams (for the network):

    datagramReceived -> machine.receive -> events ->  sink
                        machine.outgoing -> datagrams -> transport
    machine.deadline -> timer -> machine.expire -> events -> sink, and so on
"""

import errno
import select
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from twisted.application.service import Service
from twisted.internet import error, threads, udp
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.arguments import Address, address_text
from netlab.clocks import Clocks, Instant
from netlab.errors import Unreachable, WireError

MAX_DATAGRAM = 65_535  # octets; no UDP datagram is longer
BATCH = 256  # datagrams read before timers and other sockets have their turn
DRAIN_BATCHES = 256  # how often `drain` reads a batch: past any kernel's receive queue, yet bounded

Event = TypeVar("Event", covariant=True)
E = TypeVar("E")


class DatagramPort(udp.Port):
    """
    A UDP port that reads a bounded number of datagrams a turn and survives its socket's errors.

    The stock port bounds octets, so that empty datagrams can hold the reactor for ever; it cuts
    datagrams at 8192 octets; and an ICMP error closes it, since the reactor takes the socket's error
    condition for a disconnection. Here an error goes to the protocol's ``networkError(OSError)``
    where it has one, and reading goes on.
    """

    log = Logger()

    def __init__(self, port: int, protocol: DatagramProtocol, interface: str, reactor: Any) -> None:
        super().__init__(port, protocol, interface, maxPacketSize=MAX_DATAGRAM, reactor=reactor)
        self._watch: select.epoll | None = None

    def startReading(self) -> None:
        """
        Let the reactor watch the socket through an epoll descriptor of our own, where there is one.

        Such a descriptor is only ever readable: also when the socket has an error to tell.
        """
        if self._watch is None and hasattr(select, "epoll"):
            self._watch = select.epoll()
            self._watch.register(self.socket.fileno(), select.EPOLLIN)
            self.fileno = self._watch.fileno  # type: ignore[method-assign]
        super().startReading()

    def connectionLost(self, reason: Failure | None = None) -> None:
        watch, self._watch = self._watch, None  # first: who hears of the end may listen anew at once
        super().connectionLost(reason)
        if watch is not None:
            watch.close()

    def doRead(self) -> None:
        """Read one batch; the reactor calls this while the socket is readable."""
        self._read_batch()

    def drain(self) -> None:
        """Read what waits in the socket's queue now, so that a judgement can follow."""
        for _ in range(DRAIN_BATCHES):
            if self._read_batch():
                return

    def _read_batch(self) -> bool:
        """Read up to a batch; the answer tells whether the queue was seen empty."""
        for _ in range(BATCH):
            try:
                datagram, peer = self.socket.recvfrom(self.maxPacketSize)
            except (BlockingIOError, InterruptedError):
                return True
            except OSError as failure:  # an ICMP message about a datagram of ours: the socket is well
                self._tell(failure)
                continue
            try:
                self.protocol.datagramReceived(datagram, peer[:2])
            except Exception:
                self.log.failure("a datagram from {peer} was not understood", peer=address_text(peer))
        return False

    def _tell(self, failure: OSError) -> None:
        listener = getattr(self.protocol, "networkError", None)
        if listener is None:
            return
        try:
            listener(failure)
        except Exception:
            self.log.failure("an error of the network was not understood: {error}", error=failure)


class UDPService(Service):
    """A UDP port as a Twisted service; a taken port raises `CannotListenError` when it starts."""

    def __init__(self, address: Address, protocol: DatagramProtocol, reactor: Any) -> None:
        self._port = DatagramPort(address[1], protocol, address[0], reactor)
        self._listening = False

    @property
    def address(self) -> Address:
        """Where the port listens, once it does: the system may have chosen its number."""
        host = self._port.getHost()
        return host.host, host.port

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._port.startListening()
        self._listening = True

    def startService(self) -> None:
        super().startService()
        if not self._listening:
            self._port.startListening()
            self._listening = True

    def stopService(self) -> Deferred[Any] | None:
        super().stopService()
        if not self._listening:
            return None
        self._listening = False
        return maybeDeferred(self._port.stopListening)


class DatagramMachine(Protocol[Event]):
    """What the driver drives. None of these reads a clock or touches a socket."""

    def receive(self, datagram: bytes, peer: Address, now: Instant) -> Iterable[Event]:
        """Take in a datagram. Raises: WireError: it is not one of ours; nothing has changed."""
        ...

    def outgoing(self, now: Instant) -> Iterable[tuple[bytes, Address]]:
        """Give up the datagrams that are due, each with its destination."""
        ...

    def deadline(self) -> float | None:
        """When `expire` wants to be called, on the monotonic clock; None: not before a datagram."""
        ...

    def expire(self, now: Instant) -> Iterable[Event]:
        """Do what is due by *now*."""
        ...


class MachineProtocol(DatagramProtocol, Generic[E]):
    """Drive one datagram machine: carry datagrams, wake it at its deadline, hand its events on."""

    noisy = False
    log = Logger()
    transport: Any

    def __init__(
        self,
        machine: DatagramMachine[E],
        sink: Callable[[E], object],
        clock: IReactorTime,
        clocks: Clocks,
    ) -> None:
        self.machine = machine
        self.rejected = 0  # datagrams that broke the format
        self.unsent = 0  # datagrams that the system did not take
        self._sink = sink
        self._clock = clock
        self._clocks = clocks
        self._timer: Any = None

    def startProtocol(self) -> None:
        self._send(self._clocks())

    def stopProtocol(self) -> None:
        self._cancel_timer()

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        now = self._clocks()
        try:
            events = self.machine.receive(datagram, addr, now)
        except WireError as error:
            self.rejected += 1
            if self.rejected & (self.rejected - 1) == 0:  # 1, 2, 4, 8…: a flood must not fill the log
                self.log.debug(
                    "refused from {peer}: {error} ({count} so far)",
                    peer=address_text(addr),
                    error=error,
                    count=self.rejected,
                )
            return
        self._emit(events)
        self._send(now)

    def expire(self) -> None:
        """Let the machine do what is due now."""
        now = self._clocks()
        self._emit(self.machine.expire(now))
        self._send(now)

    def _emit(self, events: Iterable[E]) -> None:
        for event in events:
            try:
                self._sink(event)
            except Exception:  # the sink is the embedder's: its mistake costs this event, not the rest
                self.log.failure("an event was not taken: {event}", event=event)

    def _send(self, now: Instant) -> None:
        for datagram, peer in self.machine.outgoing(now):
            try:
                self.transport.write(datagram, peer)
            except (OSError, error.MessageLengthError) as failure:
                self.unsent += 1
                self.log.debug("not sent to {peer}: {why}", peer=address_text(peer), why=failure)
        self._schedule(now)

    def _schedule(self, now: Instant) -> None:
        self._cancel_timer()
        deadline = self.machine.deadline()
        if deadline is not None:
            self._timer = self._clock.callLater(max(0.0, deadline - now.monotonic), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.expire()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def resolve(reactor: Any, host: str, port: int) -> Deferred[Address]:
    """
    Look *host* up; the first address that the system prefers for UDP wins.

    Raises:
        Unreachable: there is no such host.
    """

    def look_up() -> Address:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"no such host: {host} ({_reason(error)})") from error
        address, number = found[0][4][:2]
        # "Any address" is where a server listens; who sends there means the machine itself.
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(str(address), str(address)), int(number)

    return threads.deferToThreadPool(reactor, reactor.getThreadPool(), look_up)


class PeerProtocol(DatagramProtocol):
    """
    Speak with one peer alone: the kernel drops what others send and passes on the peer's ICMP errors.

    Every error, from "no route" at the start to "nobody listens there", comes to `networkError`.
    """

    noisy = False
    transport: Any

    def __init__(self, peer: Address) -> None:
        self.peer = peer

    def open(self, reactor: Any) -> DatagramPort:
        """
        Open a port of the system's choice on *reactor*; `startProtocol` then connects it.

        Raises:
            Unreachable: the machine has no such ports, as one without IPv6.
        """
        port = DatagramPort(0, self, "::" if ":" in self.peer[0] else "0.0.0.0", reactor)
        try:
            port.startListening()
        except error.CannotListenError as failure:
            raise why_unreachable(self.peer, failure.socketError) from failure
        return port

    def startProtocol(self) -> None:
        try:
            self.transport.connect(*self.peer)
        except OSError as failure:
            self.networkError(failure)

    def send(self, datagram: bytes) -> None:
        """Send to the peer; where there was no route when the port opened, there may be one now."""
        try:
            self.transport.write(datagram)
        except OSError as failure:
            self.networkError(failure)
            if failure.errno == errno.EDESTADDRREQ:
                with suppress(OSError):
                    self.transport.getHandle().connect(self.peer)

    def connectionRefused(self) -> None:
        self.networkError(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))

    def networkError(self, failure: OSError) -> None:
        """Take note that a datagram could not be delivered."""
        raise NotImplementedError


def why_unreachable(peer: Address, failure: OSError) -> Unreachable:
    """Say in one line what *failure* means for a user who wanted to speak with *peer*."""
    where = address_text(peer)
    if failure.errno == errno.ECONNREFUSED:
        return Unreachable(f"{where} refused: nothing listens on that UDP port")
    return Unreachable(f"{where} cannot be reached: {_reason(failure)}")


def _reason(failure: Exception) -> str:
    return (getattr(failure, "strerror", None) or str(failure)).lower()
