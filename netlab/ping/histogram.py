"""
A histogram of durations in constant memory: every percentile within 0.05 % of the exact one.

The idea is that of HDR Histogram: buckets grow with the value, so that the relative width stays the
same. Values below 2048 ns have a bucket each; above, each power of two has 1024 buckets.
"""

from array import array
from collections.abc import Iterator
from itertools import accumulate, pairwise

_BITS = 11
_HALF = 1 << _BITS - 1  # buckets for one power of two
MAXIMUM = 2**42 - 1  # nanoseconds, 73 minutes; what is longer counts as that
_BUCKETS = (42 - _BITS + 2) * _HALF
PRECISION = 1 / (2 * _HALF)  # greatest relative error of a percentile, for values from 2048 ns


class Histogram:
    """Count durations, whole nanoseconds, and tell their percentiles."""

    __slots__ = ("_blocks", "_counts", "maximum", "minimum", "total")

    def __init__(self) -> None:
        self.total = 0
        self.minimum = MAXIMUM
        self.maximum = 0
        self._counts = array("Q", bytes(8 * _BUCKETS))
        self._blocks = [0] * (_BUCKETS // _HALF)  # sums, so that a percentile is found without adding up all

    def add(self, ns: int) -> None:
        """Count one duration; below zero counts as zero."""
        if ns < 0:
            ns = 0
        elif ns > MAXIMUM:
            ns = MAXIMUM
        shift = ns.bit_length() - _BITS
        bucket = ns if shift <= 0 else shift * _HALF + (ns >> shift)
        self._counts[bucket] += 1
        self._blocks[bucket // _HALF] += 1
        self.total += 1
        if ns < self.minimum:
            self.minimum = ns
        if ns > self.maximum:
            self.maximum = ns

    def percentile(self, percent: float) -> int | None:
        """The shortest duration that so many percent of all do not exceed; None where there are none."""
        if not self.total:
            return None
        wanted = max(1, -int(-self.total * percent // 100))
        seen = 0
        for number, in_block in enumerate(self._blocks):
            if seen + in_block >= wanted:
                begin = number * _HALF
                sums = accumulate(self._counts[begin : begin + _HALF], initial=seen)
                within = next(index for index, so_far in enumerate(sums) if so_far >= wanted)
                return max(self.minimum, min(self.maximum, _middle(begin + within - 1)))
            seen += in_block
        raise AssertionError("the counts are the total")

    def bars(self, most: int) -> list[tuple[int, int, int]]:
        """At most *most* bars: from (included) and to (excluded), in nanoseconds, and the count; no gaps."""
        found = list(self._filled())
        if not found:
            return []
        low, high = found[0][0], found[-1][1]
        edges = [low + (high - low) * step // most for step in range(most)] + [high]
        bars = [[begin, end, 0] for begin, end in pairwise(edges) if end > begin]
        at = 0
        for begin, end, count in found:
            while at < len(bars) - 1 and (begin + end) // 2 >= bars[at][1]:
                at += 1
            bars[at][2] += count
        return [(begin, end, count) for begin, end, count in bars]

    def _filled(self) -> Iterator[tuple[int, int, int]]:
        for number, in_block in enumerate(self._blocks):
            if in_block:
                begin = number * _HALF
                for index, count in enumerate(self._counts[begin : begin + _HALF], begin):
                    if count:
                        yield _lowest(index), _lowest(index + 1), count


def _lowest(index: int) -> int:
    shift = max(0, index // _HALF - 1)
    return index - shift * _HALF << shift


def _middle(index: int) -> int:
    return _lowest(index) + _lowest(index + 1) - 1 >> 1
