"""Bodies on their way: a response's to the transport, piece by piece; a request's to its answer."""

import os
from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from netlab.http.framing import Malformed
from netlab.http.message import MAX_BODY, FileSlice, Response

PIECE = 131_072  # octets read and written at a time: what one connection costs in memory


class FileChanged(Exception):
    """The file is shorter than when its length was told; what was promised cannot be kept."""


class BodyReader:
    """Read the parts of *response*'s body in order; a file's own position is not used."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._parts = deque(response.parts)
        self._position = 0  # in the first of the parts that are left

    def read(self) -> bytes:
        """
        Read the next piece; nothing when the body is at its end.

        Raises:
            FileChanged: a file has become shorter, or cannot be read any more.
        """
        while self._parts:
            part = self._parts[0]
            if isinstance(part, bytes):
                self._parts.popleft()
                if part:
                    return part
            elif self._position == part.length:
                self._parts.popleft()
                self._position = 0
            else:
                return self._read_file(part)
        return b""

    def close(self) -> None:
        """Close the body's files, read or not."""
        self._response.close()

    def _read_file(self, part: FileSlice) -> bytes:
        left = part.length - self._position
        try:
            piece = os.pread(part.file.fileno(), min(PIECE, left), part.start + self._position)
        except OSError as error:
            raise FileChanged(str(error)) from error
        if not piece:
            raise FileChanged(f"{left} octets are missing at its end")
        self._position += len(piece)
        return piece


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
