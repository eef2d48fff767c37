"""
Numbers that begin again at 0 after 2**16 - 1, 2**32 - 1 or 2**64 - 1, as a sender's integers are wide.

A step between two numbers is taken the short way round a circle where the long way would be all but
`NEAR` of it (compare RFC 1982). A sender that starts anew near the end of its circle makes the same
step; *pace* tells the two apart, as far as the times say anything: whoever went round has sent the
numbers between, at the interval they were sent at until then.
"""

from collections.abc import Sequence
from typing import overload

WIDTHS = (16, 32, 64)
NEAR = 1024  # numbers on both sides of 0 between which a wrap is looked for
SOON = 8  # times sooner than that many numbers take: it was a new start
OVERDUE = 4  # times later, with a number that counts begin with: so it was
FEW = 8  # numbers about which no time says anything


def width_round(number: int, highest: int) -> int:
    """The width of the circle on which *number* is near *highest* across 0; 0: there is none."""
    step = abs(number - highest)
    for width in WIDTHS:
        circle = 1 << width
        if step > circle - NEAR and number < circle and highest < circle:
            return width
    return 0


def step_round(number: int, highest: int, width: int) -> int:
    """The shorter way from *highest* to *number* on a circle of 2**width numbers."""
    half = 1 << (width - 1)
    return (number - highest + half) % (2 * half) - half


def fits(number: int, step: int, width: int, elapsed: float | None) -> bool:
    """
    Tell whether the times speak for the *step* round the circle, or against it.

    *elapsed* is the time from the highest number to this one, in intervals; None: not known.
    """
    if elapsed is None:
        return True
    if step < 0:  # overtaken across 0; else so many numbers were sent after the highest
        return elapsed < (step + (1 << width)) / 2
    if step > FEW and elapsed < step / SOON:
        return False
    return not (number <= 1 < step and elapsed > step * OVERDUE + FEW)


class Wrapped(Sequence[int]):
    """The *numbers* of a range that passes the end of a circle, each as the wire shows it."""

    def __init__(self, numbers: range, width: int) -> None:
        self._numbers = numbers
        self._width = width

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        if isinstance(index, slice):
            return Wrapped(self._numbers[index], self._width)
        return self._numbers[index] % (1 << self._width)

    def __repr__(self) -> str:
        return f"Wrapped({self._numbers}, {self._width})"
