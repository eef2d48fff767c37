"""Where the lines of the access log go."""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO, Any

from twisted.logger import Logger

from netlab.daemon import StartRefused
from netlab.http.access import LINES, Exchange

_log = Logger()


BATCH = 64  # exchanges that are told together at most: as many as stay in the processor's cache
PATIENCE = 0.1  # seconds after which those that have ended are told


class Journal:
    """Gather exchanges as they end, and tell each of *listeners* of many at once, off the requests' way."""

    def __init__(self, clock: Any, listeners: Sequence[Callable[[Sequence[Exchange]], object]]) -> None:
        self._clock = clock
        self._listeners = listeners
        self._exchanges: list[Exchange] = []
        self._call: Any = None

    def add(self, exchange: Exchange) -> None:
        """Take one exchange."""
        exchanges = self._exchanges
        exchanges.append(exchange)
        if len(exchanges) >= BATCH:
            self.flush()
        elif self._call is None:
            self._call = self._clock.callLater(PATIENCE, self._later)

    def _later(self) -> None:
        self._call = None
        self.flush()

    def flush(self) -> None:
        """Tell now of all that was taken."""
        exchanges, self._exchanges = self._exchanges, []
        if exchanges:
            for listener in self._listeners:
                listener(exchanges)

    def close(self) -> None:
        """Tell the rest, and let go of the clock."""
        self.flush()
        if self._call is not None:
            self._call.cancel()
            self._call = None


class AccessLog:
    """
    Write one line an exchange: to the file *path*, to standard output ("-"), or to the daemon's log (None).

    *form* is one of `netlab.http.access.LINES`. Until `open` and after `close` it is the daemon's log.
    """

    def __init__(self, path: str | None, form: str = "combined") -> None:
        self._path = path
        self._lines = LINES[form]
        self._stream: IO[bytes] | None = None

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
            self._stream = standard.buffer if self._path == "-" else self._open_file(self._path)
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

    def record(self, exchanges: Iterable[Exchange]) -> None:
        """Write the lines of some exchanges at once; where they cannot be written, the server goes on."""
        lines = self._lines(exchanges)
        if self._stream is None:
            for line in lines:
                _log.info("{line}", line=line)
            return
        octets = "\n".join([*lines, ""]).encode("ascii")
        try:
            while octets:
                octets = octets[self._stream.write(octets) :]
            self._stream.flush()
        except OSError as error:  # a full disk, a closed pipe
            _log.error("the access log cannot be written: {error}", error=error)

    @staticmethod
    def _open_file(path: str) -> IO[bytes]:
        return open(path, "ab", buffering=0)  # whole lines in one write: other processes may append too
