"""`LineFile`: a file that lines are appended to, which its owner may move away, and SIGHUP opens anew."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO, Any

from twisted.logger import Logger

from netlab.daemon import StartRefused

_log = Logger()


class LineFile:
    """
    Append lines to the file *path*, to standard output ("-"), or to the daemon's log (None).

    *option* is what the user called it, for messages. Until `open` and after `close` it is the daemon's
    log.
    """

    def __init__(self, path: str | None, option: str) -> None:
        self._path = path
        self._option = option
        self._stream: IO[bytes] | None = None
        self._cut = False  # a full disk has cut the last line short

    def open(self) -> None:
        """
        Open the file if it is not open yet.

        Raises:
            StartRefused: it cannot be opened.
        """
        if self._stream is not None or self._path is None:
            return
        try:
            standard: Any = sys.__stdout__
            self._stream = standard.buffer if self._path == "-" else _open(self._path)
        except OSError as error:
            raise StartRefused(f"{self._option} {self._path}: {error.strerror}") from error

    def reopen(self) -> None:
        """
        Open the file anew, as after its rotation.

        Raises:
            OSError: it cannot be opened; the lines go on to where they went.
        """
        if self._path is not None and self._path != "-":
            stream = _open(self._path)
            self.close()
            self._stream = stream

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None and self._path != "-":
            with suppress(OSError):  # the last line could not be written, which is logged already
                stream.close()
        self._cut = False

    def write(self, lines: Iterable[str]) -> None:
        """Write some lines at once; where they cannot be written, the daemon goes on."""
        if self._stream is None:
            for line in lines:
                _log.info("{line}", line=line)
            return
        octets = "\n".join([*([""] if self._cut else []), *lines, ""]).encode()
        try:
            while octets:
                written = self._stream.write(octets)
                self._cut = not octets[:written].endswith(b"\n")
                octets = octets[written:]
            self._stream.flush()
        except OSError as error:  # a full disk, a closed pipe
            _log.error(
                "{option} {path} cannot be written: {error}",
                option=self._option,
                path=self._path,
                error=error,
            )


def _open(path: str) -> IO[bytes]:
    return open(path, "ab", buffering=0)  # whole lines in one write: other processes may append too
