"""
Listening sockets that processes share: two stand-ins for the reactor, for endpoints to listen with.

    parent   SharingReactor(reactor, 4)       makes the sockets, keeps them open, accepts nothing
    worker   AdoptingReactor(reactor, [4])    listens on those that it was handed down

Each worker has a TCP socket of its own, all bound to one address, and the kernel spreads connections
over them (SO_REUSEPORT, socket(7)). Since the parent keeps them, what waits for a worker that dies
waits for the next one. Sockets of other kinds, and those made elsewhere, are one for all workers.
"""

import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.unix import Port as UnixPort
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from netlab.tcp import queue_length

_log = Logger()

_FORCED = 33  # SO_RCVBUFFORCE (socket(7)): past the system's limit, for those who may
SPREADS = sys.platform == "linux"  # elsewhere SO_REUSEPORT gives all connections to one of the sockets


class _StandIn:
    """Everything but listening is the reactor's."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


class SharedPort:
    """Sockets on one address, listening: those that wait in their queues wait for a worker."""

    def __init__(self, sockets: Iterable[socket.socket]) -> None:
        self._sockets = list(sockets)

    def fileno(self, worker: int) -> int:
        """The descriptor for a worker, counted from 0."""
        return self._sockets[worker % len(self._sockets)].fileno()

    def stopListening(self) -> None:
        """Close the sockets; the workers' own stay open."""
        for one in self._sockets:
            one.close()


class SharingReactor(_StandIn):
    """Make listening sockets for a number of workers; `ports` counts those that can be handed down."""

    def __init__(self, reactor: Any, workers: int) -> None:
        super().__init__(reactor)
        self._workers = workers
        self._descriptors: list[Callable[[int], int]] = []  # of each port, by worker

    @property
    def ports(self) -> int:
        return len(self._descriptors)

    def hand_down(self, worker: int) -> list[int]:
        """The descriptors for a worker, counted from 0: one for each port, in the order of their making."""
        return [descriptor(worker) for descriptor in self._descriptors]

    def listenTCP(self, port: int, factory: Factory, backlog: int = 50, interface: str = "") -> SharedPort:
        try:
            sockets = _listen(port, backlog, interface, self._workers if SPREADS else 1)
        except OSError as error:
            raise CannotListenError(interface, port, error) from error
        number = sockets[0].getsockname()[1]
        _log.info("{count} sockets of workers starting on {port}", count=len(sockets), port=number)
        return self._share(SharedPort(sockets))

    def listenSSL(
        self, port: int, factory: Factory, contextFactory: object, backlog: int = 50, interface: str = ""
    ) -> SharedPort:
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self, address: str, factory: Factory, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> Any:
        port = self._reactor.listenUNIX(address, factory, backlog, mode, wantPID)
        port.stopReading()
        self._descriptors.append(lambda worker: int(port.fileno()))
        return port  # which removes the path when it stops

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Factory) -> SharedPort:
        return self._share(SharedPort([socket.socket(fileno=os.dup(fileDescriptor))]))

    def _share(self, port: SharedPort) -> SharedPort:
        self._descriptors.append(port.fileno)
        return port


def _listen(port: int, backlog: int, interface: str, count: int) -> list[socket.socket]:
    """Make *count* sockets that listen on one address. Raises: OSError: somebody else uses it."""
    sockets = bind_together(socket.SOCK_STREAM, interface, port, count)
    try:
        for one in sockets:
            one.listen(queue_length(backlog))
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def bind_together(
    kind: socket.SocketKind, interface: str, port: int, count: int, queue: int = 0
) -> list[socket.socket]:
    """
    Bind *count* sockets of TCP or UDP to one address, for the kernel to spread over them what comes.

    *queue*: octets that each may have waiting, where the system allows as much; 0: as is usual.

    Raises:
        OSError: somebody else uses the address.
    """
    family = socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET
    address: Any = interface, port
    if family == socket.AF_INET6:  # for the zone of a link-local address
        address = socket.getaddrinfo(interface, port, family, kind)[0][4]
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket(family, kind)
            sockets.append(one)
            one.setblocking(False)
            if kind == socket.SOCK_STREAM:  # in UDP it would let others take the address
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if queue:
                lengthen_queue(one, queue)
            if len(sockets) > 1:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(address)
            # The first is bound without, so that an address in use is refused, another daemon's of ours too.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            address = one.getsockname()  # with the number that port 0 stands for
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def lengthen_queue(one: socket.socket, octets: int) -> None:
    """Let so much wait to be received, or as much as the system allows."""
    for option in (socket.SO_RCVBUF, *([_FORCED] if sys.platform == "linux" else [])):
        with suppress(OSError):  # the system's limit will have to do
            one.setsockopt(socket.SOL_SOCKET, option, octets)


class AdoptingReactor(_StandIn):
    """Listen on *descriptors* that were handed down, in their order, whatever address is asked for."""

    def __init__(self, reactor: Any, descriptors: Iterable[int]) -> None:
        super().__init__(reactor)
        self._descriptors = deque(descriptors)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        with socket.socket(fileno=self._descriptors.popleft()) as handed:
            handed.setblocking(False)
            if handed.family == socket.AF_UNIX:
                return _adopt_unix(handed, factory, self._reactor)
            adopted = self._reactor.adoptStreamPort(handed.fileno(), handed.family, factory)
            adopted.backlog = backlog  # as its maker has it
            return adopted

    def listenSSL(
        self, port: int, factory: Factory, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        listening = self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog)
        listening._type = "TLS"  # as the reactor's own listenSSL does, for its log
        return listening

    def listenUNIX(
        self, address: str, factory: Factory, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> Any:
        return self.listenTCP(0, factory)


def _adopt_unix(handed: socket.socket, factory: Factory, reactor: Any) -> UnixPort:
    port: UnixPort = UnixPort._fromListeningDescriptor(reactor, handed.fileno(), factory)
    # Twisted's port would set the mode of its path and remove it, and shut the socket down for all. The
    # path is the parent's; what begins with NUL is none (unix(7), abstract).
    port._bindPath = b"\0" + port._bindPath
    port._shouldShutdown = False
    port.startListening()
    return port


FIRST_HELD = 3  # the descriptor of the first socket that systemd hands down (sd_listen_fds(3))


def held_by_systemd(number: int) -> socket.socket:
    """
    The UDP socket that systemd holds and has handed to this process, counted from 0.

    What comes while nobody listens waits in its queue. Closing the result lets go of it and no more.

    Raises:
        ValueError: there is none.
    """
    try:
        held = socket.socket(fileno=os.dup(FIRST_HELD + number))
    except OSError as error:
        raise ValueError(f"systemd has handed down no socket number {number}") from error
    if held.type != socket.SOCK_DGRAM or held.family not in (socket.AF_INET, socket.AF_INET6):
        held.close()
        raise ValueError(f"the socket number {number} that systemd has handed down is not of UDP")
    return held
