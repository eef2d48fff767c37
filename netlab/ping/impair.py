"""
Loss made on purpose: a reflector that imitates a bad network, the same way in every run.

Each peer meets a sequence of fates of its own, drawn from one seed. So the n-th ping of a run has
the same fate in every run with that seed, whatever other peers send meanwhile.
"""

from collections import OrderedDict
from collections.abc import Iterator
from random import Random

from netlab.arguments import Address

MAX_PEERS = 1024  # peers remembered; the one heard longest ago is forgotten first


class Impairment:
    """
    Decide which datagrams are lost.

    *loss* is a probability; *seeds* gives a seed to each new peer: `itertools.repeat` for the same
    fates for everyone, `itertools.count` for others each time.
    """

    def __init__(self, loss: float, seeds: Iterator[int]) -> None:
        if not 0 <= loss <= 1:
            raise ValueError(f"loss is a probability, not {loss}")
        self.loss = loss
        self._seeds = seeds
        self._fates: OrderedDict[Address, Random] = OrderedDict()

    def drops(self, peer: Address) -> bool:
        """Decide about the next datagram of *peer*."""
        if self.loss == 0:
            return False
        fate = self._fates.get(peer)
        if fate is None:
            fate = self._fates[peer] = Random(next(self._seeds))
            if len(self._fates) > MAX_PEERS:
                self._fates.popitem(last=False)
        else:
            self._fates.move_to_end(peer)
        return fate.random() < self.loss
