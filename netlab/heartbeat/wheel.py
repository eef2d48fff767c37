"""
A lazy wheel of deadlines: each item stands in the bucket of the moment at which it is to be looked at.

A deadline that is put off, as every beat does, is not touched: when the wheel comes to the item's
bucket, its owner says when to look again.
"""

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

Item = TypeVar("Item", bound=Any)


class Wheel(Generic[Item]):
    """Buckets of *step* seconds. An item has an attribute `place`, the wheel's own: its bucket, or -1."""

    def __init__(self, step: float) -> None:
        self.step = step
        self._buckets: dict[int, deque[Item]] = {}
        self._order: list[int] = []  # a heap of the buckets' numbers

    def put(self, item: Item, when: float) -> None:
        """Look at *item* at *when*, or within a step after it; where it stood before is forgotten."""
        place = int(when / self.step) + 1
        if item.place == place:
            return
        item.place = place
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = deque()
            heappush(self._order, place)
        bucket.append(item)

    def take(self, item: Item) -> None:
        """Look at *item* no more."""
        item.place = -1

    def next(self) -> float | None:
        """When the next bucket is due."""
        return self._order[0] * self.step if self._order else None

    def due(self, now: float) -> Iterator[Item]:
        """Give up the items whose time has come; each may be put anew at once, later than *now*."""
        order = self._order
        while order and order[0] * self.step <= now:
            place = order[0]
            bucket = self._buckets[place]
            while bucket:
                item = bucket.popleft()
                if item.place == place:
                    item.place = -1
                    yield item
            if order[0] == place and not self._buckets[place]:
                heappop(order)
                del self._buckets[place]
