"""Where the lines of the access log go."""

import sys
from contextlib import suppress
from typing import IO

from twisted.logger import Logger

from netlab.daemon import StartRefused
from netlab.http.access import LINES, Exchange

_log = Logger()


class AccessLog:
    """
    Write one line a request: to the file *path*, to standard output ("-"), or to the daemon's log (None).

    *form* is one of `netlab.http.access.LINES`. Until `open` and after `close` it is the daemon's log.
    """

    def __init__(self, path: str | None, form: str = "combined") -> None:
        self._path = path
        self._line = LINES[form]
        self._stream: IO[str] | None = None

    def open(self) -> None:
        """
        Open the file if it is not open yet.

        Raises:
            StartRefused: it cannot be opened.
        """
        if self._stream is not None or self._path is None:
            return
        try:
            self._stream = sys.__stdout__ if self._path == "-" else self._open_file(self._path)
        except OSError as error:
            reason = f"netlab-http: --access-log {self._path}: {error.strerror}"
            raise StartRefused(reason) from error

    def reopen(self) -> None:
        """
        Open the file anew, as after its rotation.

        Raises:
            OSError: it cannot be opened; the lines go on to where they went.
        """
        if self._path is not None and self._path != "-":
            stream = self._open_file(self._path)
            self.close()
            self._stream = stream

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None and self._path != "-":
            with suppress(OSError):  # the last line could not be written, which is logged already
                stream.close()

    def record(self, exchange: Exchange) -> None:
        """Write the line of one exchange; where it cannot be written, the exchange goes on."""
        line = self._line(exchange)
        if self._stream is None:
            _log.info("{line}", line=line)
            return
        try:
            print(line, file=self._stream, flush=True)
        except OSError as error:  # a full disk, a closed pipe
            _log.error("the access log cannot be written: {error}", error=error)

    @staticmethod
    def _open_file(path: str) -> IO[str]:
        return open(path, "a", encoding="ascii")
