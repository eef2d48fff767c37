"""
A simulated week of pings, on a clock that is handed in: does memory stay flat, are the percentiles right?

    python -m bench.ping.week [--seconds 110]

A hundred pings a second go through the prober and the statistics, out of a network that loses, delays,
duplicates and reorders; how much of the week fits in the time is told. Then samples alone go into the
statistics, as many as fit in as long. RTTs come from a table whose draws are counted, so that the exact
percentiles are known without keeping the samples.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from netlab.clocks import Instant
from netlab.errors import WireError
from netlab.ping.dialect import Echo
from netlab.ping.histogram import PRECISION
from netlab.ping.prober import Prober
from netlab.ping.sample import Clock, Sample, State
from netlab.ping.schedule import Periodic
from netlab.ping.stats import PERCENTILES, Run, Statistics

REFLECTOR = ("127.0.0.1", 12000)
INTERVAL, TIMEOUT = 0.01, 1.0  # seconds
WEEK = 7 * 86_400  # seconds; 60,480,000 pings
TABLE = 65_536  # RTTs that can be drawn
WALL = 1_795_358_159_000_000_000
STEP = 10_000  # pings between two looks at the time


class Draws:
    """RTTs in nanoseconds, log-normal around a millisecond, and how often each was drawn."""

    def __init__(self) -> None:
        self._chance = random.Random(5)
        self.values = sorted(int(self._chance.lognormvariate(13.8, 0.7)) for _ in range(TABLE))
        self.counts = [0] * TABLE

    def draw(self) -> int:
        place = self._chance.getrandbits(16)
        self.counts[place] += 1
        return self.values[place]

    def percentile(self, percent: float) -> int:
        """The exact one."""
        wanted, seen = max(1, -int(-sum(self.counts) * percent // 100)), 0
        for value, count in zip(self.values, self.counts, strict=True):
            seen += count
            if seen >= wanted:
                return value
        raise AssertionError("nothing was drawn")


def through_prober(figures: Statistics, draws: Draws) -> Iterator[None]:
    """Ping after ping: one in a hundred is lost, comes late, twice, or after the next one."""
    chance = random.Random(9)
    prober = Prober(REFLECTOR, None, TIMEOUT, Echo(7), Periodic(INTERVAL))
    arrivals: list[tuple[float, bytes]] = []
    now = 0.0

    def at(seconds: float) -> Instant:
        return Instant(seconds, WALL + round(seconds * 1e9))

    def take(samples: list[Sample]) -> None:
        for sample in samples:
            figures.add(sample)

    while True:
        arrivals.sort()
        while arrivals and arrivals[0][0] <= now:
            moment, datagram = arrivals.pop(0)
            try:
                take(prober.receive(datagram, REFLECTOR, at(moment)))
            except WireError as error:
                raise AssertionError("every reply is ours") from error
        take(prober.expire(at(now)))
        for datagram, _, _ in prober.outgoing(at(now)):
            fate = chance.random()
            if fate < 0.01:
                continue
            late = 1.5 if fate < 0.02 else draws.draw() / 1e9
            arrivals.append((now + late, datagram))
            if fate > 0.99:
                arrivals.append((now + late + 0.02, datagram))
        now = prober.deadline() or now
        yield


def samples_alone(figures: Statistics, draws: Draws) -> Iterator[None]:
    """The samples of such a run, made here."""
    place = 0
    while True:
        rtt = draws.draw() / 1e9
        sample = Sample(
            place,
            State.RECEIVED,
            rtt,
            sent_by=Clock.KERNEL,
            received_by=Clock.KERNEL,
            user_rtt=rtt,
            place=place,
        )
        figures.add(sample)
        place += 1
        if place % 100 == 0:
            figures.add(Sample(place, State.LOST, place=place))
            place += 1
        yield


def resident() -> int:
    """Octets of memory that this process has now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(title: str, make: Callable[[Statistics, Draws], Iterator[None]], seconds: float) -> None:
    figures, draws = Statistics(scheduled=True), Draws()
    steps = make(figures, draws)
    begun, done, memory = time.monotonic(), 0, []
    while time.monotonic() - begun < seconds and done < WEEK / INTERVAL:
        for _ in range(STEP):
            next(steps)
        done += STEP
        if not memory or time.monotonic() - begun > len(memory) * seconds / 10:
            memory.append(resident())
    spent = time.monotonic() - begun
    report = figures.report(Run(done))
    print(f"\n{title}: {done:,} steps in {spent:.0f} s, {done * INTERVAL / 86_400:.2f} simulated days")
    print(f"  {report.received:,} received, {report.late:,} late, {report.duplicates:,} duplicate")
    print("  resident memory, MiB: " + " ".join(f"{octets / 2**20:.1f}" for octets in memory))
    assert report.rtt is not None
    for percent in PERCENTILES:
        exact, found = draws.percentile(percent), report.rtt.percentile(percent) * 1e9
        error = abs(found - exact) / exact
        print(f"  p{percent:<6g} exact {exact:>12,} ns, told {found:>14,.0f} ns, {error:.4%} off", end="")
        print("" if error <= PRECISION else f"  MORE THAN {PRECISION:.4%}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate a week of pings.")
    parser.add_argument("--seconds", type=float, default=110.0, help="for each of the two parts")
    given = parser.parse_args()
    measure("prober and statistics", through_prober, given.seconds)
    measure("statistics alone", samples_alone, given.seconds)


if __name__ == "__main__":
    main()
