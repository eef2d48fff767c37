"""How delay varies from one packet to the next: IPDV (RFC 3393) and jitter (RFC 3550)."""

from typing import NamedTuple

from netlab.ping.histogram import Histogram


class Variation(NamedTuple):
    """Differences between the delays of one ping and the next, seconds; the percentiles are of their size."""

    pairs: int
    mean: float  # signed; a drift of one clock against the other shows here
    p50: float
    p95: float
    p99: float
    maximum: float
    jitter: float  # RFC 3550 §6.4.1: smoothed with 1/16


class VariationMeter:
    """Take in delays in the order of arrival; only two of neighbouring numbers make a difference."""

    __slots__ = ("_before", "_jitter", "_number", "_sizes", "_sum")

    def __init__(self) -> None:
        self._number = -2
        self._before = 0.0
        self._jitter = 0.0
        self._sum = 0.0
        self._sizes = Histogram()

    def add(self, number: int, delay: float) -> None:
        """Take in the delay of ping *number*, seconds."""
        if number == self._number + 1:
            difference = delay - self._before
            size = difference if difference >= 0 else -difference
            self._jitter += (size - self._jitter) / 16
            self._sum += difference
            self._sizes.add(int(size * 1e9 + 0.5))
        self._number = number
        self._before = delay

    def variation(self) -> Variation | None:
        """What they amount to; None where no two neighbours came."""
        sizes = self._sizes
        if not sizes.total:
            return None
        p50, p95, p99 = ((sizes.percentile(percent) or 0) / 1e9 for percent in (50, 95, 99))
        mean = self._sum / sizes.total
        return Variation(sizes.total, mean, p50, p95, p99, sizes.maximum / 1e9, self._jitter)
