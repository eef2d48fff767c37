"""What a web server counts: plain integers, read when somebody asks."""

from collections import Counter
from itertools import accumulate

from netlab.http.message import KNOWN_METHODS

BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)  # seconds
REASONS = ("address", "connections", "deadline", "malformed")


class Counters:
    """Add exchanges and refusals; nothing that a stranger sends makes another counter."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by method and status
        self.octets = 0  # of bodies sent
        self.seconds = 0.0  # all durations together
        self.refused = dict.fromkeys(REASONS, 0)
        self._durations = [0] * (len(BUCKETS) + 1)

    def add(self, method: str, status: int, octets: int, seconds: float) -> None:
        """One request was answered in *seconds*; an unknown *method* counts as "other"."""
        self.requests[method if method in KNOWN_METHODS else "other", status] += 1
        self.octets += octets
        self.seconds += seconds
        self._durations[sum(seconds > bound for bound in BUCKETS)] += 1

    def refuse(self, reason: str) -> None:
        """A connection or a request was refused, for one of `REASONS`."""
        self.refused[reason] += 1

    def durations(self) -> list[int]:
        """How many requests took at most as long as each of `BUCKETS`; the last: all of them."""
        return list(accumulate(self._durations))
