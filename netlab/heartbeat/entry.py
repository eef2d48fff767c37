"""The entry: what the ledger says of one beat."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple


class Place(Enum):
    """Where a beat stands among those that came before it."""

    NEXT = auto()  # higher than all before; what it skipped is lost
    RESTART = auto()  # the client counts anew
    LATE = auto()  # overtaken by a higher one
    DUPLICATE = auto()  # came before, or is too old to tell
    REPLAYED = auto()  # of an older incarnation, or perhaps heard before the monitor's own restart


class Entry(NamedTuple):
    """What the ledger says of one beat."""

    place: Place
    lost: Sequence[int] = range(0)  # the numbers that this beat shows to be lost, as sent, in order
    found: bool = False  # it was called lost until now
    extent: int = 0  # how many of higher number had overtaken it (reordering extent, RFC 4737, section 4.2.1)
    unsent: int = 0  # beats that the sender itself left out: time has passed, but the numbers go on
    stepped: float = 0.0  # seconds by which the sender's wall clock was set, forward positive

    @property
    def alive(self) -> bool:
        """It proves that the client is alive now; the late, the double and the replayed prove nothing."""
        return self.place is Place.NEXT or self.place is Place.RESTART


ORDINARY = Entry(Place.NEXT)  # this very object stands for every beat of which there is nothing to say
