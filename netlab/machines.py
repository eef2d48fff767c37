"""
The one driver of datagram machines.

A datagram machine is pure logic. It is handed datagrams and the time, and answers with events (for
people) and datagrams (for the network):

    datagramReceived -> machine.receive -> events ->  sink
                        machine.outgoing -> datagrams -> transport
    machine.deadline -> timer -> machine.expire -> events -> sink, and so on
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet import error
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from netlab.arguments import Address, address_text
from netlab.clocks import Clocks, Instant
from netlab.errors import WireError

Event = TypeVar("Event", covariant=True)
E = TypeVar("E")


class DatagramMachine(Protocol[Event]):
    """What the driver drives. None of these reads a clock or touches a socket."""

    def receive(self, datagram: bytes, peer: Address, now: Instant) -> Iterable[Event]:
        """Take in a datagram. Raises: WireError: it is not one of ours; nothing has changed."""
        ...

    def outgoing(self, now: Instant) -> Iterable[tuple[Any, ...]]:
        """Give up the datagrams that are due, each with its destination; what else, `_write` knows."""
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
        self._take(datagram, addr, self._clocks())

    def _take(self, datagram: bytes, addr: Address, now: Instant, *noted: Any) -> None:
        """Hand a datagram to the machine, with what the kernel noted of it where the machine wants that."""
        try:
            events = self.machine.receive(datagram, addr, now, *noted)
        except WireError as error:
            self._refuse(addr, error)
            return
        self._emit(events)
        self._send(now)

    def _refuse(self, addr: Address, error: WireError) -> None:
        self.rejected += 1
        if self.rejected & (self.rejected - 1) == 0:  # 1, 2, 4, 8…: a flood must not fill the log
            self.log.debug(
                "refused from {peer}: {error} ({count} so far)",
                peer=address_text(addr),
                error=error,
                count=self.rejected,
            )

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
        for datagram, peer, *rest in self.machine.outgoing(now):
            try:
                self._write(datagram, peer, *rest)
            except (OSError, error.MessageLengthError) as failure:
                self.unsent += 1
                self.log.debug("not sent to {peer}: {why}", peer=address_text(peer), why=failure)
        self._schedule(now)

    def _write(self, datagram: bytes, peer: Address) -> None:
        self.transport.write(datagram, peer)

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
