"""
The fleet, where several workers watch parts of it: what each has to know of the others' parts.

Each writes its own record, in memory that all of them see, and reads those of the others: when anybody
was heard last, how many clients there are, and how many are alive. So it takes the silence of its own
clients for the network's only where all are silent, and counts all where it counts.
"""

from collections.abc import MutableSequence
from math import inf
from typing import NamedTuple

RECORD = 3  # numbers of one worker


class Part(NamedTuple):
    """Some of the clients."""

    heard: float = -inf  # when any of them was proven alive last, monotonic seconds
    clients: int = 0
    alive: int = 0


class Fleet:
    """
    The parts of all workers, in *numbers*, `RECORD` of them each; *own* is ours, counted from 0.

    Each number is written at one go (8 octets at a multiple of 8), so nobody reads half of one.
    """

    def __init__(self, numbers: "MutableSequence[float] | memoryview[float]", own: int) -> None:
        self._numbers = numbers
        self._own = own * RECORD

    def tell(self, part: Part) -> None:
        """Write down how our part is."""
        heard, clients, alive = part
        own, numbers = self._own, self._numbers
        numbers[own], numbers[own + 1], numbers[own + 2] = max(heard, 0.0), float(clients), float(alive)

    def others(self) -> Part:
        """How the parts of all others are together."""
        heard, clients, alive = 0.0, 0, 0
        for start in range(0, len(self._numbers), RECORD):
            if start != self._own:
                heard = max(heard, self._numbers[start])
                clients += int(self._numbers[start + 1])
                alive += int(self._numbers[start + 2])
        return Part(heard if heard > 0 else -inf, clients, alive)


def alone() -> Fleet:
    """The fleet of a monitor that has no others."""
    return Fleet([0.0] * RECORD, 0)
