"""What a run of pings amounts to: samples in, one summary out, in constant memory."""

from dataclasses import dataclass
from math import sqrt

from netlab.ping.prober import Sample, State


@dataclass(frozen=True, slots=True)
class Summary:
    """
    A run in numbers. Durations are seconds; the four of the RTT are None when nothing was received.

    `sent` = `received` + lost; `late` counts those of the lost whose reply came after all.
    """

    sent: int
    received: int
    late: int
    duplicates: int
    rejected: int  # datagrams that were no reply to a ping of this run
    rtt_min: float | None
    rtt_avg: float | None
    rtt_max: float | None
    rtt_mdev: float | None  # standard deviation over all received, as ping(8) has it

    @property
    def loss(self) -> float:
        """The share of pings without a reply in time, 0 to 1 (RFC 7680); 0 of none sent."""
        return (self.sent - self.received) / self.sent if self.sent else 0.0


class Statistics:
    """Add samples; ask for the `summary` at any time."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(State, 0)
        self._minimum = float("inf")
        self._maximum = float("-inf")
        self._mean = 0.0
        self._squares = 0.0  # sum of squared differences from the mean (Welford)

    def add(self, sample: Sample) -> None:
        self._counts[sample.state] += 1
        if sample.state is not State.RECEIVED or sample.rtt is None:
            return
        self._minimum = min(self._minimum, sample.rtt)
        self._maximum = max(self._maximum, sample.rtt)
        difference = sample.rtt - self._mean
        self._mean += difference / self._counts[State.RECEIVED]
        self._squares += difference * (sample.rtt - self._mean)

    def summary(self, sent: int, rejected: int = 0) -> Summary:
        """Sum up a run of *sent* pings in which *rejected* datagrams were no replies."""
        received = self._counts[State.RECEIVED]
        return Summary(
            sent=sent,
            received=received,
            late=self._counts[State.LATE],
            duplicates=self._counts[State.DUPLICATE],
            rejected=rejected,
            rtt_min=self._minimum if received else None,
            rtt_avg=self._mean if received else None,
            rtt_max=self._maximum if received else None,
            rtt_mdev=sqrt(self._squares / received) if received else None,
        )
