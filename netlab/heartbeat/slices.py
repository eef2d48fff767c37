"""Something of each of many clients, written a slice at a time: beats are read and judged meanwhile."""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.task import deferLater

SLICE = 64  # clients at a time, or where there are many, a 256th of them: at most a few ms
TURNS = 256
PAUSE = 0.02  # seconds between two slices, at most


async def in_slices(
    clock: Any, clients: Sequence[Any], write: Callable[[Sequence[Any]], bytes], within: float | None
) -> list[bytes]:
    """
    What *write* makes of each slice of *clients*.

    *within*: seconds that the slices are spread over, at most; None: all at once.
    """
    size = max(SLICE, len(clients) // TURNS)
    starts = range(0, len(clients), size)
    pause = 0.0 if within is None else min(PAUSE, within / max(1, len(starts)))
    written: list[bytes] = []
    for start in starts:
        if written and within is not None:
            await deferLater(clock, pause)
        written.append(write(clients[start : start + size]))
    return written
