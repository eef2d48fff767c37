"""What a web server has done since it began, in plain integers."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from netlab.http.access import Exchange
from netlab.http.message import KNOWN_METHODS

# Upper bounds of the histogram's buckets, seconds, each included; one more bucket takes what is longer.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

REFUSALS = ("connections", "address", "malformed", "deadline")


class Counters:
    """
    Requests, octets, durations and refusals, each counted where it happens.

    No table grows with what a stranger sends: a method that is not known counts as "other", and what
    is no status of HTTP as 0.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by method and status
        self.octets = 0  # of the bodies, as far as they were sent
        self.durations = [0] * (len(BUCKETS) + 1)  # each in its own bucket only
        self.seconds = 0.0  # all durations together
        self.refused = dict.fromkeys(REFUSALS, 0)  # by reason

    def add(self, exchanges: Sequence[Exchange]) -> None:
        """Count requests that were answered."""
        _, _, _, _, durations, methods, _, _, statuses, octets = zip(*exchanges, strict=True)
        self.octets += sum(octets)
        self.seconds += sum(durations)
        buckets = [bisect_left(BUCKETS, seconds) for seconds in durations]
        for bucket in set(buckets):
            self.durations[bucket] += buckets.count(bucket)
        answered = list(zip(methods, statuses, strict=True))
        for method, status in set(answered):
            known = method if method in KNOWN_METHODS else "other"
            count = answered.count((method, status))
            self.requests[known, status if 100 <= status <= 599 else 0] += count

    def refuse(self, reason: str) -> None:
        """Count one refusal. Raises: ValueError: *reason* is none of `REFUSALS`."""
        if reason not in self.refused:
            raise ValueError(f"{reason!r} is none of {', '.join(REFUSALS)}")
        self.refused[reason] += 1
