"""UDP for Twisted: a port that errors cannot close, as a service too, and a protocol for one peer."""

import errno
import select
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet import error, threads, udp
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.arguments import Address, address_text
from netlab.errors import Unreachable

MAX_DATAGRAM = 65_535  # octets; no UDP datagram is longer
BATCH = 256  # datagrams read before timers and other sockets have their turn
_MEMINFO, _MEMINFO_DROPS = 55, 8  # linux/sock_diag.h
DRAIN_BATCHES = 96  # how often `drain` reads a batch, at most: a fifth of a second's work


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

    def adopt(self, held: socket.socket) -> None:
        """Listen on a socket that is bound already, and whatever waits in its queue, when told to listen."""
        held.setblocking(False)
        self.addressFamily = held.family
        self._preexistingSocket = held  # type: ignore[assignment]

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

    def drain(self) -> bool:
        """Read what waits in the socket's queue now, so that a judgement can follow; False: more has come."""
        return any(self._read_batch() for _ in range(DRAIN_BATCHES))

    def _read_batch(self) -> bool:
        """Read up to a batch; the answer tells whether the queue was seen empty."""
        for _ in range(BATCH):
            try:
                self._read_one()
            except (BlockingIOError, InterruptedError):
                return True
            except OSError as failure:  # an ICMP message about a datagram of ours: the socket is well
                self._tell(failure)
        return False

    def _read_one(self) -> None:
        """Read one datagram and hand it on. Raises: OSError: there is none, or the socket has an error."""
        datagram, peer = self.socket.recvfrom(self.maxPacketSize)
        self._deliver(peer, self.protocol.datagramReceived, datagram, peer[:2])

    def _deliver(self, peer: Address, take: Callable[..., object], *given: Any) -> None:
        try:
            take(*given)
        except Exception:
            self.log.failure("a datagram from {peer} was not understood", peer=address_text(peer))

    def _tell(self, failure: OSError, *peer: Address) -> None:
        """Tell the protocol of an error; of the peer that it came about, where that is known."""
        listener = getattr(self.protocol, "networkError", None)
        if listener is None:
            return
        try:
            listener(failure, *peer)
        except Exception:
            self.log.failure("an error of the network was not understood: {error}", error=failure)


class UDPService(Service):
    """
    A UDP port as a Twisted service; a taken port raises `CannotListenError` when it starts.

    *port* makes the port, of `DatagramPort` or a kind of it. A socket in the address's place is bound
    already, and is listened on as it is.
    """

    def __init__(
        self,
        address: Address | socket.socket,
        protocol: DatagramProtocol,
        reactor: Any,
        port: Callable[..., DatagramPort] | None = None,
    ) -> None:
        held = address if isinstance(address, socket.socket) else None
        bound: Address = held.getsockname()[:2] if held is not None else address  # type: ignore[assignment]
        self._port = (port or DatagramPort)(bound[1], protocol, bound[0], reactor)
        if held is not None:
            self._port.adopt(held)
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


def drops(udp: socket.socket) -> int:
    """Datagrams that a socket's own queue has dropped, modulo 2**32; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    try:
        counts = udp.getsockopt(socket.SOL_SOCKET, _MEMINFO, 64)
    except OSError:
        return 0
    begin = _MEMINFO_DROPS * 4
    return int.from_bytes(counts[begin : begin + 4], sys.byteorder) if len(counts) >= begin + 4 else 0


def resolve(reactor: Any, host: str, port: int, family: int = socket.AF_UNSPEC) -> Deferred[Address]:
    """
    Look *host* up; the first address, of *family*, that the system prefers for UDP wins.

    Raises:
        Unreachable: there is no such host.
    """

    def look_up() -> Address:
        try:
            found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
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
