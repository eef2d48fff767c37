"""Loss: how much, how sure, in what bursts, in which direction."""

from math import sqrt
from typing import NamedTuple

from netlab.ping.tlv import Direct

_Z = 1.959964  # the normal distribution's quantile for 95 % in the middle


def wilson(lost: int, sent: int) -> tuple[float, float]:
    """
    Between which shares the network's loss lies, with 95 % confidence, when *lost* of *sent* were.

    Wilson's score interval, which is sound for few pings and for none lost. It takes losses as
    independent: bursts make it too narrow.
    """
    if not sent:
        return 0.0, 1.0
    share, z2 = lost / sent, _Z * _Z
    middle = (share + z2 / (2 * sent)) / (1 + z2 / sent)
    half = _Z / (1 + z2 / sent) * sqrt(share * (1 - share) / sent + z2 / (4 * sent * sent))
    return (max(0.0, middle - half) if lost else 0.0), (min(1.0, middle + half) if lost < sent else 1.0)


class Runs(NamedTuple):
    """Loss periods (RFC 3357 §5): losses in a row, by the order of sending."""

    periods: int = 0
    longest: int = 0  # pings
    mean: float = 0.0  # pings
    shortest_distance: int | None = None  # loss distance: from one period's last loss to the next one's first


class LossRuns:
    """Fold fates into `Runs`; they may come in any order, and are taken in that of their numbers."""

    def __init__(self, first: int = 0) -> None:
        self._next = first
        self._waiting: dict[int, bool] = {}  # as many as are outstanding, at most
        self._periods = 0
        self._losses = 0
        self._run = 0
        self._longest = 0
        self._last_loss: int | None = None
        self._distance: int | None = None

    def add(self, number: int, lost: bool) -> None:
        """Take in the fate of one ping."""
        if number == self._next:
            self._settle(lost)
            while self._waiting and self._next in self._waiting:
                self._settle(self._waiting.pop(self._next))
        else:
            self._waiting[number] = lost

    def runs(self) -> Runs:
        """What the fates so far amount to."""
        mean = self._losses / self._periods if self._periods else 0.0
        return Runs(self._periods, self._longest, mean, self._distance)

    def _settle(self, lost: bool) -> None:
        if lost:
            self._losses += 1
            if not self._run:
                self._periods += 1
                if self._last_loss is not None:
                    distance = self._next - self._last_loss
                    self._distance = min(distance, self._distance or distance)
            self._run += 1
            self._longest = max(self._longest, self._run)
            self._last_loss = self._next
        else:
            self._run = 0
        self._next += 1


class Directions(NamedTuple):
    """Losses told apart by the reflector's counters; of the pings up to the last that was answered."""

    sent: int
    forward: int  # never reached the reflector
    backward: int  # their replies never reached us


class DirectionMeter:
    """
    Compare a reflector's counters with ours.

    They stand in direct measurement (RFC 8972 §4.5), or are the numbers of a stateful reflector
    (RFC 8762 §4.3). A stateless one copies our numbers, which looks like a network that loses nothing
    on the way there; so numbers that were always copies tell nothing. All count modulo 2**32.
    """

    def __init__(self) -> None:
        self.directions: Directions | None = None
        self._stateful = False

    def add(self, number: int | None, sequence: int | None, direct: Direct | None, replies: int) -> None:
        """Take in the newest reply: our number, the reflector's, its counts, and how many replies came."""
        if number is None or sequence is None:
            return
        self._stateful = self._stateful or sequence != number
        if direct is not None:
            sent, arrived, reflected = direct
        elif self._stateful:
            sent, arrived, reflected = number + 1, sequence + 1, sequence + 1
        else:
            return
        modulus = 1 << 32
        forward, backward = (sent - arrived) % modulus, (reflected - replies) % modulus
        if max(forward, backward) < modulus // 2:  # a duplicate can make a difference negative
            self.directions = Directions(sent, forward, backward)
