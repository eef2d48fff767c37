"""
Detectors: how long a client may be silent before it is called down.

    fixed:5s                                   so long, whatever it does: the letter of the assignment
    interval:3                                 so many of its intervals (BFD, RFC 5880, section 6.8.4)
    loss:alarms=1/year,within=10s,fleet=10000  as many misses as the budget of false alarms asks for
    phi:8                                      phi accrual (Hayashibara and others, 2004), for comparison

What a detector knows of a client it is handed as `Signs`; it has no state but its parameters, save
for phi accrual, which wants to see each beat (`Detector.memory`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf, log, sqrt
from typing import Any, NamedTuple, Protocol

from netlab.heartbeat.arrivals import Arrivals

UNKNOWN = 30.0  # seconds of patience while nobody knows the interval
YEAR = 31_557_600.0  # seconds
CONFIDENT = 1.645  # standard deviations: the loss is above its bound once in twenty
PRIOR = 100  # beats that the expected loss counts for, beside those that were measured
SLACK = 0.25  # intervals that the last beat waited for may be late


class Signs(NamedTuple):
    """What there is to go by."""

    interval: float  # seconds from beat to beat, told or measured; 0: not known
    mult: int | None = None  # intervals of silence after which it wants to be called down
    jitter: float = 0.0  # seconds
    beats: int = 0  # that the two next figures are measured over
    loss: float = 0.0  # part of them that was lost
    burst: float = 1.0  # losses in a row, on average
    fleet: int = 1  # clients that are watched
    memory: Arrivals | None = None


class Detector(Protocol):
    """How long to wait."""

    def patience(self, signs: Signs) -> float:
        """Seconds of silence after which a client is down."""
        ...

    def memory(self) -> Arrivals | None:
        """What the detector wants to remember of each beat; None: nothing."""
        ...

    def promise(self, signs: Signs) -> str:
        """What it says of itself, for people."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many *seconds*, whatever the client does."""

    seconds: float

    def patience(self, signs: Signs) -> float:
        return self.seconds

    def memory(self) -> None:
        return None

    def promise(self, signs: Signs) -> str:
        return f"a client is down after {self.seconds:g} s of silence"


@dataclass(frozen=True, slots=True)
class Intervals:
    """*mult* intervals of the client's, or as many as it asks for itself."""

    mult: int

    def patience(self, signs: Signs) -> float:
        return signs.interval * (signs.mult or self.mult) + signs.jitter if signs.interval else UNKNOWN

    def memory(self) -> None:
        return None

    def promise(self, signs: Signs) -> str:
        return f"a client is down after {signs.mult or self.mult} of its intervals"


@dataclass(frozen=True, slots=True)
class LossAware:
    """
    At most *alarms* false ones in *period* seconds over *fleet* clients, each death found *within* seconds.

    Losses are taken to come in bursts (Gilbert's model: a lost beat is followed by another with
    probability 1 - 1/burst), so that of n misses in a row

        false alarms a second = fleet / interval * loss * (1 - r) * r ** (n - 1),   r = max(loss, 1 - 1/burst)

    and n is the least that keeps the budget. The loss is what was measured, or *loss* while little
    was, with its upper bound; the fleet is what is watched, where *fleet* is None.

    Raises:
        ValueError: with the expected loss the budget cannot be kept; the text has the numbers.
    """

    alarms: float = 1.0
    period: float = YEAR
    within: float = 10.0
    fleet: int | None = None
    loss: float = 0.01
    interval: float = 1.0

    def __post_init__(self) -> None:
        fleet = self.fleet or 1
        needed = misses(self.alarms / self.period, fleet, self.interval, self.loss, 1.0)
        took = (needed + SLACK) * self.interval
        if took > self.within:
            raise ValueError(
                f"cannot be kept: at {self.loss:.3g} loss, {self.alarms:g} false alarms in"
                f" {self.period / YEAR:.3g} years over {fleet} clients need {needed} misses of"
                f" {self.interval:g} s, which takes {took:g} s and not {self.within:g}"
            )

    def patience(self, signs: Signs) -> float:
        if not signs.interval:
            return self.within
        return min(self._needed(signs) * signs.interval + self._slack(signs), self.within)

    def memory(self) -> None:
        return None

    def promise(self, signs: Signs) -> str:
        interval = signs.interval or self.interval
        signs = signs._replace(interval=interval)
        needed = self._needed(signs)
        bound = self._bound(signs)
        took = needed * interval + self._slack(signs)
        if took <= self.within:
            return (
                f"a client is down after {needed} misses, {took:.3g} s: at most {self.alarms:g} false alarms"
                f" in {self.period / YEAR:.3g} years over {self._fleet(signs)} clients at {bound:.3g} loss"
            )
        tolerated = max(1, int((self.within - self._slack(signs)) / interval))
        expected = alarm_rate(self._fleet(signs), interval, bound, signs.burst, tolerated)
        return (
            f"a client is down after {self.within:g} s, but at {bound:.3g} loss that gives"
            f" {expected * self.period:.3g} false alarms, not {self.alarms:g}; {needed} misses are needed"
        )

    def _needed(self, signs: Signs) -> int:
        return misses(
            self.alarms / self.period, self._fleet(signs), signs.interval, self._bound(signs), signs.burst
        )

    def _fleet(self, signs: Signs) -> int:
        return self.fleet or max(1, signs.fleet)

    def _bound(self, signs: Signs) -> float:
        if not signs.beats:
            return self.loss
        lost = signs.loss * signs.beats + self.loss * PRIOR
        return upper_bound(lost, signs.beats + PRIOR)

    @staticmethod
    def _slack(signs: Signs) -> float:
        return SLACK * signs.interval + 4 * signs.jitter


@dataclass(frozen=True, slots=True)
class Phi:
    """Down once -log10 of the probability of such a silence, by the arrivals of late, passes *threshold*."""

    threshold: float

    def patience(self, signs: Signs) -> float:
        if signs.memory is None or not signs.memory.known:
            return max(UNKNOWN, 3 * signs.interval)
        return signs.memory.silence(self.threshold)

    def memory(self) -> Arrivals:
        return Arrivals()

    def promise(self, signs: Signs) -> str:
        return f"a client is down once phi passes {self.threshold:g}; one lost beat may be enough"


def misses(rate: float, fleet: int, interval: float, loss: float, burst: float) -> int:
    """How many misses in a row give at most *rate* false alarms a second."""
    if loss <= 0:
        return 1
    if loss >= 1:
        return 1_000_000
    again = max(loss, 1 - 1 / burst if burst > 1 else 0.0)
    first = fleet / interval * loss * (1 - again)
    return 1 if first <= rate else 1 + ceil(log(rate / first) / log(again) - 1e-9)


def alarm_rate(fleet: int, interval: float, loss: float, burst: float, tolerated: int) -> float:
    """False alarms a second where so many misses in a row are one."""
    again = max(loss, 1 - 1 / burst if burst > 1 else 0.0)
    return float(fleet / interval * loss * (1 - again) * again ** (tolerated - 1))


def upper_bound(lost: float, beats: int) -> float:
    """The loss that is passed once in twenty times, where *lost* of *beats* were lost (Wilson's bound)."""
    square = CONFIDENT * CONFIDENT
    part = lost / beats
    middle = part + square / (2 * beats)
    half = CONFIDENT * sqrt(part * (1 - part) / beats + square / (4 * beats * beats))
    return min(0.99, (middle + half) / (1 + square / beats))


_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0, "year": YEAR}
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|min|h)?")
_UNITS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def make_detector(text: str) -> Detector:
    """
    Read a detector such as those at the beginning of this module.

    Raises:
        ValueError: it is none; the text says what is wrong.
    """
    name, _, given = text.partition(":")
    try:
        make = _KINDS[name]
    except KeyError:
        raise ValueError(f"{text!r} is no detector: there are {', '.join(_KINDS)}") from None
    try:
        return make(given)
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from None


def _fixed(given: str) -> Detector:
    return Fixed(_seconds(given or "5s"))


def _intervals(given: str) -> Detector:
    return Intervals(int(_number(given or "3", 1, 255)))


def _phi(given: str) -> Detector:
    return Phi(_number(given or "8", 0.1, 100))


def _loss(given: str) -> Detector:
    parameters: dict[str, Any] = {}
    for part in filter(None, given.split(",")):
        key, _, value = part.partition("=")
        if key not in _PARAMETERS:
            raise ValueError(f"{key!r} is unknown; known are {', '.join(_PARAMETERS)}")
        parameters.update(_PARAMETERS[key](value))
    return LossAware(**parameters)


def _seconds(text: str) -> float:
    found = _SECONDS.fullmatch(text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if seconds <= 0:
        raise ValueError(f"{text!r} is no time such as 5s or 500ms")
    return seconds


def _number(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = inf
    if not least <= number <= most:
        raise ValueError(f"{text!r} is not a number from {least:g} to {most:g}")
    return number


def _alarms(text: str) -> dict[str, float]:
    count, _, period = text.partition("/")
    if period not in _PERIODS:
        raise ValueError(f"{text!r} is not like 1/year; periods are {', '.join(_PERIODS)}")
    return {"alarms": _number(count, 1e-6, 1e6), "period": _PERIODS[period]}


def _share(text: str) -> float:
    percent = text.endswith("%")
    return _number(text.removesuffix("%"), 0, 99 if percent else 0.99) / (100 if percent else 1)


_PARAMETERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "alarms": _alarms,
    "within": lambda text: {"within": _seconds(text)},
    "fleet": lambda text: {"fleet": int(_number(text, 1, 1e9))},
    "loss": lambda text: {"loss": _share(text)},
    "interval": lambda text: {"interval": _seconds(text)},
}
_KINDS: dict[str, Callable[[str], Detector]] = {
    "fixed": _fixed,
    "interval": _intervals,
    "loss": _loss,
    "phi": _phi,
}
