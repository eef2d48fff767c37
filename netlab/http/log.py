"""Where the lines of the access log go."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.logger import Logger

from netlab.http.access import LINES, Exchange
from netlab.lines import LineFile

BATCH = 64  # exchanges that are told together at most: as many as stay in the processor's cache
PATIENCE = 0.1  # seconds after which those that have ended are told


class Journal:
    """Gather exchanges as they end, and tell each of *listeners* of many at once, off the requests' way."""

    log = Logger()

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
                try:
                    listener(exchanges)
                except Exception:  # which is no matter of the request that ends just now
                    self.log.failure("{count} exchanges could not be told", count=len(exchanges))

    def close(self) -> None:
        """Tell the rest, and let go of the clock."""
        self.flush()
        if self._call is not None:
            self._call.cancel()
            self._call = None


class AccessLog(LineFile):
    """Write one line an exchange, as *form* of `netlab.http.access.LINES` has it (see `LineFile`)."""

    def __init__(self, path: str | None, form: str = "combined") -> None:
        super().__init__(path, "netlab-http: --access-log")
        self._lines = LINES[form]

    def record(self, exchanges: Iterable[Exchange]) -> None:
        """Write the lines of some exchanges at once."""
        self.write(self._lines(exchanges))
