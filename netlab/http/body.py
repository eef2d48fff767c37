"""Bodies on their way: a response's to the transport, piece by piece; a request's to its answer."""

import os
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from netlab.http.framing import Malformed
from netlab.http.message import MAX_BODY, Response

PIECE = 131_072  # octets read and written at a time: what one connection costs in memory


class FileChanged(Exception):
    """The file is shorter than when its length was told; what was promised cannot be kept."""


class BodySender:
    """
    Send *head*, then the parts of *response*'s body in order, on *transport*, as far as it takes them.

    Files go from the kernel to the socket where the transport can do that (`netlab.tcp.Connection`);
    else they are read, piece by piece. A file's own position is not used.
    """

    def __init__(self, head: bytes, response: Response, transport: Any) -> None:
        self.octets = 0  # of the body, sent or handed to the transport
        self._head = head
        self._response = response
        self._parts = deque(part for part in response.parts if part != b"")
        self._position = 0  # in the first of the parts that are left
        self._transport = transport
        # Asked of its class: what wraps a connection, as TLS does, lends all that the connection has.
        self._send_file = transport.send_file if hasattr(type(transport), "send_file") else None

    def send(self) -> bool:
        """
        Send the next piece; False: all were sent.

        Raises:
            FileChanged: a file has become shorter, or cannot be read any more.
        """
        if not self._parts:
            self._write(b"")
            return False
        part = self._parts[0]
        if isinstance(part, bytes):
            self._write(part)
            self._parts.popleft()
            return True
        left = part.length - self._position
        if left:
            sent = self._send_slice(part.file.fileno(), part.start + self._position, left)
            self.octets += sent
            self._position += sent
        if self._position == part.length:
            self._parts.popleft()
            self._position = 0
        return True

    def close(self) -> None:
        """Close the body's files, sent or not."""
        self._response.close()

    def _write(self, octets: bytes) -> None:
        head, self._head = self._head, b""
        if head or octets:
            self.octets += len(octets)
            self._transport.write(head + octets)

    def _send_slice(self, file: int, start: int, length: int) -> int:
        try:
            if self._send_file is not None:
                head, self._head = self._head, b""
                sent: int = self._send_file(head, file, start, length)
                return sent
            piece = os.pread(file, min(PIECE, length), start)
        except (OSError, EOFError) as error:
            raise FileChanged(str(error)) from error
        if not piece:
            raise FileChanged(f"{length} octets are missing at its end")
        head, self._head = self._head, b""
        self._transport.write(head + piece)
        return len(piece)


class WantedBody:
    """A request's body on its way to the answer that asked for it; `done` brings it there."""

    def __init__(self, limit: int) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._octets = bytearray()
        self._limit = limit

    def take(self, octets: bytes) -> None:
        """Take what has come. Raises: Malformed: that is too much."""
        self._octets += octets
        if len(self._octets) > self._limit:
            raise Malformed(413, f"the body is longer than {self._limit} octets")

    def end(self) -> None:
        """All of it has come."""
        self.done.callback(bytes(self._octets))


class ConnectionBody:
    """The `Body` of a request, read by what *read_body* does for the connection that it came on."""

    def __init__(self, read_body: "Callable[[ConnectionBody, int], Deferred[bytes]]") -> None:
        self._read_body = read_body

    def read(self, limit: int = MAX_BODY) -> Deferred[bytes]:
        return self._read_body(self, limit)
