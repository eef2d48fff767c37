"""
Failure detectors over the same traces, on a virtual clock, by the measures of Chen and others (2002).

    python -m bench.detectors                     a day of beats a second, each kind of network
    python -m bench.detectors --beats 1000000

    detection   seconds from a death to its being told, over many deaths: median and worst
    recurrence  seconds from one mistake to the next, on average, while nobody dies
    duration    seconds that a mistake lasts, on average
    accuracy    probability that a question at a random moment gets the right answer
"""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from statistics import median

from netlab.clocks import Instant
from netlab.heartbeat.detector import Detector, Signs, make_detector
from netlab.heartbeat.ledger import Ledger
from netlab.heartbeat.wire import Beat

DETECTORS = ("fixed:3s", "interval:3", "loss:within=30s,fleet=10000", "phi:8")
DEATHS = 200


@dataclass(frozen=True, slots=True)
class Network:
    """How beats, one a second, come to be lost and delayed."""

    name: str
    loss: float
    burst: float = 1.0  # losses in a row, on average
    delay: float = 0.0  # mean of an exponential delay, seconds


NETWORKS = (
    Network("1 % lost, alone", 0.01),
    Network("5 % lost, alone", 0.05),
    Network("2 % lost, 3 in a row", 0.02, 3.0),
    Network("1 % lost, delays of 0.2 s", 0.01, 1.0, 0.2),
)


@dataclass(frozen=True, slots=True)
class Measures:
    """What a detector did on one trace."""

    detection: float  # seconds, median
    worst: float
    recurrence: float
    duration: float
    accuracy: float


def trace(network: Network, beats: int, draw: random.Random) -> Iterator[tuple[float, int]]:
    """The arrivals, seconds, and numbers of *beats* sent one a second, in order of arrival."""
    burst = max(network.burst, 1 / (1 - network.loss))
    leave = 1 / burst
    enter = network.loss / burst / (1 - network.loss)
    lost, last = False, 0.0
    for number in range(beats):
        lost = draw.random() >= leave if lost else draw.random() < enter
        if not lost:
            delay = draw.expovariate(1 / network.delay) if network.delay else 0.0
            last = max(last + 1e-9, number + delay)  # a queue keeps their order
            yield last, number


def measure(detector: Detector, network: Network, beats: int, seed: int) -> Measures:
    """Run a detector over a trace; deaths are put at moments drawn from it, each looked at by itself."""
    draw = random.Random(seed)
    dies = {draw.randrange(beats // 10, beats) for _ in range(min(DEATHS, beats // 2))}
    ledger, memory = Ledger(), detector.memory()
    patience, heard, mistakes, wrong = inf, 0.0, 0, 0.0
    found: list[float] = []
    for arrival, number in trace(network, beats, random.Random(seed + 1)):
        if arrival > heard + patience:
            mistakes += 1
            wrong += arrival - heard - patience
        ledger.enter(Beat(number, number * 10**9), Instant(arrival, 0))
        heard = arrival
        if memory is not None:
            memory.heard(arrival)
        if number % 64 == 0 or number < 64 or memory is not None:
            patience = detector.patience(
                Signs(1.0, None, ledger.jitter, ledger.span, ledger.loss_rate, ledger.mean_burst, 1, memory)
            )
        if number in dies:  # had it died right after this beat, or up to a second later
            found.append(patience - draw.random())
    return Measures(
        median(found),
        max(found),
        heard / mistakes if mistakes else inf,
        wrong / mistakes if mistakes else 0.0,
        1 - wrong / heard,
    )


def table(beats: int, seed: int) -> Iterator[str]:
    """The measures of all detectors over all networks, a line each."""
    for network in NETWORKS:
        yield ""
        yield f"{network.name:30} {'detection':>16} {'recurrence':>12} {'duration':>9} {'accuracy':>12}"
        for name in DETECTORS:
            found = measure(make_detector(name), network, beats, seed)
            again = "none seen" if found.recurrence == inf else f"{found.recurrence:,.0f} s"
            yield (
                f"  {name:28} {found.detection:6.2f} ({found.worst:5.2f}) s {again:>12}"
                f" {found.duration:7.2f} s {found.accuracy:12.8f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.detectors")
    parser.add_argument("--beats", type=int, default=86_400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.beats} beats, one a second; seed {options.seed}")
    print(*table(options.beats, options.seed), sep="\n")


if __name__ == "__main__":
    main()
