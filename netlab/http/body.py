"""A slice of a file, piece by piece, for a transport that takes what it can."""

import os

from netlab.http.message import FileSlice

PIECE = 131_072  # octets read and written at a time: what one connection costs in memory


class FileChanged(Exception):
    """The file is shorter than when its length was told; what was promised cannot be kept."""


class FileReader:
    """Read *part* from its start to its end; the file's own position is not used."""

    def __init__(self, part: FileSlice) -> None:
        self._file = part.file
        self._position = part.start
        self._remaining = part.length

    def read(self) -> bytes:
        """
        Read the next piece; nothing when the slice is at its end.

        Raises:
            FileChanged: the file has become shorter, or cannot be read any more.
        """
        if not self._remaining:
            return b""
        try:
            piece = os.pread(self._file.fileno(), min(PIECE, self._remaining), self._position)
        except OSError as error:
            raise FileChanged(str(error)) from error
        if not piece:
            raise FileChanged(f"{self._remaining} octets are missing at its end")
        self._position += len(piece)
        self._remaining -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
