"""A response's body, piece by piece, for a transport that takes what it can."""

import os
from collections import deque

from netlab.http.message import FileSlice, Response

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
