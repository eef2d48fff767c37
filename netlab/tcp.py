"""
TCP for Twisted: connections that are watched together, and write without waiting for their turn.

The reactor runs each event of each descriptor in a logging context of its own, and `write` leaves
octets to the next turn: together about a third of what an answer of 1 KiB costs. Here the reactor
watches one descriptor, an epoll set in which all connections are; and octets go to the socket at
once unless others wait before them:

    reactor -> Connections.doRead -> Connection.doRead -> protocol.dataReceived
                                  -> Connection.doWrite -> producer.resumeProducing
"""

import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet import error, main, tcp
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IReadDescriptor, IStreamServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

QUEUE = 4_096  # connections that wait to be accepted: Twisted's own number is too low for a burst
_STOCK_QUEUE = 50  # and this
BATCH = 512  # events a turn, before timers and other descriptors have theirs
READ = 16_384  # octets read at a time: a longer buffer costs more to have than to fill
PIECE = 131_072  # octets fetched from a disk at a time
SHARE = 4_194_304  # octets of a file that one connection sends a turn
WRITTEN = 1_048_576  # octets after whose writing one connection leaves the turn to the others

EPOLLIN, EPOLLOUT, EPOLLENDS = 1, 4, 8 | 16  # of <sys/epoll.h>; the last are of errors and hang-ups
_ENDS: dict[type, Failure] = {kind: Failure(kind()) for kind in (error.ConnectionDone, error.ConnectionLost)}


@implementer(IReadDescriptor)
class Connections:
    """The connections of a process: one epoll set, which *reactor* watches as one descriptor."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll = select.epoll()
        self._watched: dict[int, Connection] = {}
        self.turn = 0.0  # when the present turn began, monotonic seconds
        self.fileno = self._epoll.fileno

    def watch(self, connection: "Connection", before: int, events: int) -> None:
        """Wait for *events* of *connection*, a mask of epoll's, in place of those *before*."""
        number = connection.fileno()
        if not before:
            if not self._watched:
                self._reactor.addReader(self)
            self._watched[number] = connection
            self._epoll.register(number, events)
        elif events:
            self._epoll.modify(number, events)
        else:
            self._epoll.unregister(number)
            del self._watched[number]
            if not self._watched:
                self._reactor.removeReader(self)

    def doRead(self) -> None:
        """Give each connection that can go on its turn."""
        watched = self._watched
        self.turn = time.monotonic()
        for number, events in self._epoll.poll(0, BATCH):
            connection = watched.get(number)
            if connection is None:  # an event before this one has ended it
                continue
            why: Any = None
            reading = False
            try:
                if events & EPOLLIN:
                    reading = True
                    why = connection.doRead()
                elif events & EPOLLENDS:
                    reading = connection.reading
                    why = main.CONNECTION_DONE if reading else main.CONNECTION_LOST
                if events & EPOLLOUT and not why and connection.writing:
                    reading = False
                    why = connection.doWrite()
            except Exception as mistake:
                self.log.failure("a connection is ended by a mistake in its protocol")
                why = mistake
            if why:
                self._end(connection, why, reading)

    def _end(self, connection: "Connection", why: Exception, reading: bool) -> None:
        connection.stopReading()
        reason = _ENDS.get(type(why)) or Failure(why)
        self._lose(connection, reason, half=reading and isinstance(why, error.ConnectionDone))

    def _lose(self, connection: "Connection", reason: Failure, half: bool = False) -> None:
        """Tell of a connection's end, or that only the half of it is over that we read."""
        try:
            connection.readConnectionLost(reason) if half else connection.connectionLost(reason)
        except Exception:
            self.log.failure("a protocol has made a mistake at its connection's end")

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops, and all connections end with it."""
        for connection in list(self._watched.values()):
            self._lose(connection, reason)

    def logPrefix(self) -> str:
        return "connections"


class Connection(tcp.Server):
    """A connection in a set; what it is told to write, it writes at once where it can."""

    def __init__(self, *arguments: Any, connections: Connections) -> None:
        self._connections = connections
        self._events = 0
        self._fetched = -1, 0, 0  # a file, and start and end of what of it was brought to memory
        self._written = 0  # octets that have left at once
        self._written_in = 0.0  # in the turn that began then
        super().__init__(*arguments)

    # What it waits for.

    @property
    def reading(self) -> bool:
        return bool(self._events & EPOLLIN)

    @property
    def writing(self) -> bool:
        return bool(self._events & EPOLLOUT)

    def startReading(self) -> None:
        self._wait_for(self._events | EPOLLIN)

    def stopReading(self) -> None:
        self._wait_for(self._events & ~EPOLLIN)

    def startWriting(self) -> None:
        self._wait_for(self._events | EPOLLOUT)

    def stopWriting(self) -> None:
        self._wait_for(self._events & ~EPOLLOUT)

    def _wait_for(self, events: int) -> None:
        before = self._events
        if events != before:
            self._events = events
            self._connections.watch(self, before, events)

    # What it receives and sends.

    def turn(self) -> float:
        """When the present turn began, monotonic seconds: what is read in it has come since, or was there."""
        return self._connections.turn

    def doRead(self) -> Any:
        """Hand on what has come."""
        try:
            octets = self.socket.recv(READ)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not octets:
            return main.CONNECTION_DONE
        self.protocol.dataReceived(octets)
        return None

    @property
    def idle(self) -> bool:
        """Nothing waits to be sent: what is written now leaves now."""
        return not (self.dataBuffer or self._tempDataBuffer)

    def write(self, octets: bytes) -> None:
        """Send *octets* now, or what the socket does not take of them later, in order."""
        if self.dataBuffer or self._tempDataBuffer or self.TLS or not self.connected:
            super().write(octets)
            return
        try:
            sent = self.socket.send(octets)
        except OSError:  # it takes nothing now, or is broken: the next turn, which sends anew, tells
            sent = 0
        if sent < len(octets):
            super().write(octets[sent:])
        elif sent >= 4_096 or not self.streamingProducer:  # what is shorter does not count for much
            self._count(sent)

    def _count(self, octets: int) -> None:
        """What the producer has to know of *octets* that have left at once."""
        if self.producer is None:
            return
        if not self.streamingProducer:
            self.startWriting()  # which asks it for more
            return
        if self._written_in != self._connections.turn:
            self._written_in, self._written = self._connections.turn, 0
        self._written += octets
        if self._written >= WRITTEN and not self.producerPaused:
            self._pause()

    def send_file(self, head: bytes, file: int, start: int, length: int) -> int:
        """
        Send *head* and some of the *length* octets of an open *file* from *start* on, unread by us.

        The answer is how many of the file's octets were sent. Where that is less than *length* the
        producer is paused, and resumed when there may be room, as after a long `write`; and so while
        the octets are fetched from the disk, in a thread.

        Raises:
            EOFError: the file ends before *start*.
            OSError: the file cannot be read.
        """
        if head:
            self._write_head(head)
            self._fetched = -1, 0, 0  # that may have been another file of the same number
        if not self.connected:
            return 0
        if not self.idle:
            self._pause()
            return 0
        share = min(length, SHARE)
        fetched, begin, end = self._fetched
        if fetched == file and begin <= start < end:
            share = min(share, end - start)
        elif not _in_memory(file, start, share):
            self._fetch(file, start, share)
            return 0
        try:
            sent = os.sendfile(self.socket.fileno(), file, start, share)
        except (BlockingIOError, InterruptedError, ConnectionError, TimeoutError):
            sent = 0  # it takes nothing now, or is broken, as the next turn tells
        else:
            if not sent and length:
                raise EOFError("the file ends too early")
        if sent < length:
            self._pause()
        return sent

    def _write_head(self, head: bytes) -> None:
        """Like `write`, but tell the kernel that more follows, so that it fills its segments."""
        if self.idle and self.connected:
            with suppress(OSError):
                head = head[self.socket.send(head, socket.MSG_MORE) :]
        if head:
            super().write(head)

    def _pause(self) -> None:
        """Let the producer wait for its next turn."""
        self._choke()
        self.startWriting()

    def _choke(self) -> None:
        producer: Any = self.producer
        if producer is not None:
            self.producerPaused = True
            producer.pauseProducing()

    def _fetch(self, file: int, start: int, length: int) -> None:
        """Have octets of a file read, so that they are in memory; then it is the producer's turn."""
        self._choke()
        self.stopWriting()  # there may be room in the socket, but this is not what is waited for
        self._fetched = file, start, start + length
        descriptor = os.dup(file)  # the response may end, and close its own, before the thread does
        reactor: Any = self.reactor
        fetching = deferToThreadPool(
            reactor, reactor.getThreadPool(), _read_and_close, descriptor, start, length
        )
        fetching.addErrback(lambda failure: failure.trap(OSError))  # sending meets the error again
        fetching.addCallback(lambda fetched: self._resume())

    def _resume(self) -> None:
        producer: Any = self.producer
        if self.connected and producer is not None and self.producerPaused:
            self.producerPaused = False
            producer.resumeProducing()

    def doWrite(self) -> Any:
        """Go on sending; a producer that has all its octets sent is asked for more without a detour."""
        if self.idle and self.producer is not None and self.producerPaused:
            self._resume()
            closing = self.disconnecting or self._writeDisconnecting
            if self.idle and not self.producerPaused and not closing:
                self.stopWriting()
            return None
        return super().doWrite()


def _in_memory(file: int, start: int, length: int) -> bool:
    """A piece of a file can be read without waiting for a disk, as far as its ends can tell."""
    try:
        os.preadv(file, [bytearray(1)], start + length - 1, os.RWF_NOWAIT)
        if length > PIECE:
            os.preadv(file, [bytearray(1)], start, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except (OSError, AttributeError):  # neither every file system knows of this, nor every platform
        return True
    return True


def _read_and_close(file: int, start: int, length: int) -> None:
    try:
        for position in range(start, start + length, PIECE):
            os.pread(file, min(PIECE, start + length - position), position)
    finally:
        os.close(file)


@implementer(IStreamServerEndpoint)
class Together:
    """An endpoint whose connections are watched together, where they are of TCP and epoll is there."""

    def __init__(self, endpoint: Any, connections: Connections) -> None:
        self._endpoint = endpoint
        self._connections = connections

    def listen(self, protocolFactory: Any) -> "Deferred[Any]":
        listening: Deferred[Any] = self._endpoint.listen(protocolFactory)
        return listening.addCallback(self._adopt)

    def _adopt(self, port: Any) -> Any:
        if getattr(port, "transport", None) is tcp.Server:
            port.transport = partial(Connection, connections=self._connections)
            if not isinstance(self._endpoint, AdoptedStreamServerEndpoint):  # whose queue is its maker's
                port.socket.listen(queue_length(port.backlog))
        return port


def queue_length(backlog: int) -> int:
    """How many connections may wait where an endpoint says *backlog*, or leaves it to Twisted."""
    return QUEUE if backlog == _STOCK_QUEUE else backlog


def together(reactor: Any) -> Callable[[Any], Any]:
    """Make a function that lets all endpoints given to it share one set; without epoll it changes none."""
    if not hasattr(select, "epoll"):
        return lambda endpoint: endpoint
    connections = Connections(reactor)
    return lambda endpoint: Together(endpoint, connections)
