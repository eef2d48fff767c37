"""What a web server has done since it began, in plain integers."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
        longer = [seconds for seconds in durations if seconds > BUCKETS[0]]
        self.durations[0] += len(durations) - len(longer)
        for seconds in longer:
            self.durations[bisect_left(BUCKETS, seconds)] += 1
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

    def snapshot(self) -> dict[str, Any]:
        """Everything that was counted, as JSON can carry it; `total` reads it."""
        return {
            "requests": [[*key, count] for key, count in self.requests.items()],
            "octets": self.octets,
            "durations": list(self.durations),
            "seconds": self.seconds,
            "refused": dict(self.refused),
        }


def total(snapshots: Iterable[Mapping[str, Any]]) -> Counters:
    """
    Add up what several processes have counted.

    Raises:
        ValueError: one of them is no snapshot of counters.
    """
    counters = Counters()
    try:
        for snapshot in snapshots:
            for method, status, count in snapshot["requests"]:
                if method not in KNOWN_METHODS | {"other"} or status not in (0, *range(100, 600)):
                    raise ValueError(f"{method!r} and {status!r} are not counted")
                counters.requests[method, status] += _count(count)
            counters.octets += _count(snapshot["octets"])
            for bucket, count in zip(range(len(BUCKETS) + 1), snapshot["durations"], strict=True):
                counters.durations[bucket] += _count(count)
            counters.seconds += _count(snapshot["seconds"], float)
            for reason, count in snapshot["refused"].items():
                counters.refused[reason] += _count(count)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no snapshot of counters: {error!r}") from error
    return counters


def _count(value: Any, kind: type = int) -> Any:
    if type(value) is not kind or not 0 <= value < float("inf"):  # type: ignore[operator]
        raise ValueError(f"{value!r} is no count")
    return value


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read when somebody asks how the server is."""

    counters: Counters
    connections: int  # open now
    workers: int | None = None  # that serve now; None: there are none, the process serves itself
    restarts: int = 0  # of workers
