"""One client, as the monitor knows it."""

from dataclasses import dataclass
from math import inf

from netlab.arguments import Address, address_text
from netlab.heartbeat.arrivals import Arrivals
from netlab.heartbeat.detector import Detector, Signs
from netlab.heartbeat.ledger import Ledger
from netlab.heartbeat.states import State

PHASES = ("receive-only", "permissive", "enforce")
"""
How signatures are rolled out. receive-only: they are checked and counted, and refuse nothing.
permissive: a wrong one is refused, none at all is not. enforce: who has ever signed has to.
"""


@dataclass(frozen=True, slots=True)
class ClientRule:
    """What its owner says of a client; None: what holds for all."""

    detector: Detector | None = None
    interval: float | None = None  # seconds, where the client tells none
    phase: str | None = None  # one of `PHASES`
    maintenance: bool = False
    paused: bool = False


ORDINARY_RULE = ClientRule()


class Client:
    """A client; the monitor alone changes it."""

    __slots__ = (
        "address",
        "cause",
        "deadline",
        "detector",
        "former",
        "heard",
        "id",
        "judge_at",
        "key",
        "ledger",
        "memory",
        "mult",
        "patience",
        "phase",
        "place",
        "rivalled",
        "rivals",
        "rule",
        "signed",
        "since_ns",
        "span",
        "state",
        "told",
    )

    def __init__(self, key: str | Address, address: Address | None, detector: Detector, phase: str) -> None:
        self.key = key  # what the monitor finds it by: its id, or else its address
        self.id = key if isinstance(key, str) else address_text(key)
        self.address = address  # where it was heard last
        self.state = State.NEW
        self.since_ns = 0  # when that began, wall clock
        self.cause = ""
        self.ledger = Ledger()
        self.heard = 0.0  # when it was last proven alive, or a new deadline granted; monotonic seconds
        self.rule = ORDINARY_RULE
        self.detector = detector
        self.phase = phase
        self.memory: Arrivals | None = detector.memory()
        self.told: float | None = None  # the interval that it tells, seconds
        self.mult: int | None = None
        self.signed = False  # it has proven that it knows its key
        self.patience = 0.0  # seconds of silence after which it is down
        self.span = 0.0  # seconds of silence after which it is to be looked at, by what was last known
        self.deadline: float | None = None  # when it was too long, of one that is down
        self.judge_at = 0  # beats at which the patience is to be reckoned anew
        self.place = -1  # on the wheel
        self.former: Address | None = None  # where it was heard before the present address
        self.rivals = 0  # signs of late that there are two senders
        self.rivalled = -inf  # when two senders were last seen, monotonic seconds

    @property
    def interval(self) -> float:
        """Seconds from beat to beat: as it tells, or as its owner says, or as was measured; 0: unknown."""
        return self.told or self.rule.interval or self.ledger.interval

    def signs(self, fleet: int) -> Signs:
        """What the detector goes by."""
        ledger = self.ledger
        if ledger.beats <= 1:  # as of a client that is just admitted
            return Signs(self.interval, self.mult, fleet=fleet, memory=self.memory)
        return Signs(
            self.interval,
            self.mult,
            ledger.jitter,
            ledger.span,
            ledger.loss_rate,
            ledger.mean_burst,
            fleet,
            self.memory,
        )
