"""What a run of pings amounts to: samples in, one `Report` out at any time, in constant memory."""

from math import sqrt
from typing import NamedTuple

from netlab.ping.histogram import Histogram
from netlab.ping.loss import Directions, LossRuns, Runs, wilson
from netlab.ping.sample import Clock, Leaving, Sample, State
from netlab.ping.variation import Variation, VariationMeter

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99)


class Delays(NamedTuple):
    """Durations in numbers, seconds. `mdev` is the standard deviation over all, as ping(8) has it."""

    samples: int
    minimum: float
    mean: float
    maximum: float
    mdev: float
    percentiles: tuple[tuple[float, float], ...]  # of `PERCENTILES`, each with its duration

    def percentile(self, percent: float) -> float:
        """One of `PERCENTILES`."""
        return dict(self.percentiles)[percent]

    @property
    def pdv(self) -> tuple[tuple[float, float], ...]:
        """Packet delay variation (RFC 5481 §4.2): the percentiles less the minimum."""
        return tuple((percent, delay - self.minimum) for percent, delay in self.percentiles)


class DelayMeter:
    """Take in durations; tell them in numbers."""

    __slots__ = ("_mean", "_squares", "histogram")

    def __init__(self) -> None:
        self.histogram = Histogram()
        self._mean = 0.0
        self._squares = 0.0  # sum of squared differences from the mean (Welford)

    def add(self, seconds: float) -> None:
        histogram = self.histogram
        histogram.add(int(seconds * 1e9 + 0.5) if seconds > 0 else 0)
        difference = seconds - self._mean
        self._mean += difference / histogram.total
        self._squares += difference * (seconds - self._mean)

    def delays(self) -> Delays | None:
        """None where there are none."""
        histogram = self.histogram
        if not histogram.total:
            return None
        return Delays(
            histogram.total,
            histogram.minimum / 1e9,
            self._mean,
            histogram.maximum / 1e9,
            sqrt(self._squares / histogram.total),
            tuple((percent, (histogram.percentile(percent) or 0) / 1e9) for percent in PERCENTILES),
        )


class Run(NamedTuple):
    """What is known of a run besides its samples."""

    sent: int
    outstanding: int = 0  # of `sent`, those whose fate is open
    missed: int = 0  # moments of the schedule at which nothing was sent
    foreign: int = 0  # datagrams that were no reply to a ping of this run
    own_drops: int = 0  # datagrams that our own receive queue dropped
    directions: Directions | None = None
    lag: float | None = (
        None  # seconds from the reflector's T3 to the leaving of its packet, by its follow-ups
    )
    stamp_error: float | None = None  # seconds by which kernel stamps of one moment differ on this machine


class Report(NamedTuple):
    """
    A run in numbers. Durations are seconds; None where nothing was measured.

    `sent` = `received` + `lost` + `outstanding`; `late` counts those of the lost whose reply came after all.
    """

    run: Run
    received: int
    late: int
    duplicates: int
    corrupt: int
    reordered: int
    unsent: int
    runs: Runs
    rtt: Delays | None
    intended: Delays | None  # from the intended moments of sending; with a schedule
    residence: Delays | None
    lateness: Delays | None  # of the sending
    variation: Variation | None  # of the round trip
    forward: Variation | None
    backward: Variation | None
    forward_delay: Delays | None  # both clocks synchronised only
    backward_delay: Delays | None
    delay_error: float | None
    kernel_sent: int  # received pings whose sending the kernel stamped
    kernel_received: int
    followed_up: int
    user_excess: float | None  # median by which the program's own clock reads longer than the kernel's
    faults: tuple[tuple[str, int], ...]

    @property
    def sent(self) -> int:
        return self.run.sent

    @property
    def settled(self) -> int:
        """Pings whose fate is known."""
        return self.run.sent - self.run.outstanding

    @property
    def lost(self) -> int:
        return self.settled - self.received

    @property
    def loss(self) -> float:
        """The share of pings without a reply in time, 0 to 1 (RFC 7680); 0 of none sent."""
        return self.lost / self.settled if self.settled else 0.0

    @property
    def loss_interval(self) -> tuple[float, float]:
        """Where the network's loss lies with 95 % confidence."""
        return wilson(self.lost, self.settled)

    @property
    def error(self) -> float | None:
        """
        By how much the RTT is typically off, as far as can be known here, seconds; None: not known.

        It is by how much the kernel's stamps of one moment differ on this machine. It says nothing of
        stamps that the program made, nor of the reflector's, nor of what lies beyond the kernel.
        """
        return self.run.stamp_error if self.kernel_sent and self.kernel_received else None


class Statistics:
    """Add samples; ask for the `report` at any time. *scheduled* pings have intended moments."""

    def __init__(self, scheduled: bool = False) -> None:
        self._counts = dict.fromkeys(State, 0)
        self._reordered = 0
        self._kernel_sent = 0
        self._kernel_received = 0
        self._followed_up = 0
        self._faults: dict[str, int] = {}
        self._delay_error: float | None = None
        self._runs = LossRuns()
        self.rtt = DelayMeter()
        self._intended = DelayMeter() if scheduled else None
        self._lateness = DelayMeter() if scheduled else None
        self._residence = DelayMeter()
        self._excess = Histogram()
        self._variation = VariationMeter()
        self._forward = VariationMeter()
        self._backward = VariationMeter()
        self._forward_delay = DelayMeter()
        self._backward_delay = DelayMeter()

    def add(self, sample: Sample) -> None:
        """Take in what became of one ping, or of one reply too many."""
        state = sample.state
        self._counts[state] += 1
        self._reordered += sample.reordered
        for fault in sample.faults:
            self._faults[fault] = self._faults.get(fault, 0) + 1
        if state is State.RECEIVED:
            self._receive(sample)
        elif state in (State.LOST, State.UNSENT):
            self._runs.add(sample.place, state is State.LOST)

    def _receive(self, sample: Sample) -> None:
        number, rtt = sample.place, sample.rtt
        if rtt is None:
            return
        self._runs.add(number, False)
        self.rtt.add(rtt)
        self._variation.add(number, rtt)
        if self._intended is not None and self._lateness is not None:
            self._intended.add(rtt + sample.lateness)
            self._lateness.add(sample.lateness)
        kernel_sent, kernel_received = sample.sent_by is Clock.KERNEL, sample.received_by is Clock.KERNEL
        self._kernel_sent += kernel_sent
        self._kernel_received += kernel_received
        residence = sample.residence or 0.0
        if kernel_sent and kernel_received and sample.user_rtt is not None:
            self._excess.add(int((sample.user_rtt - rtt - residence) * 1e9))
        if sample.residence is not None:
            self._residence.add(residence)
            self._followed_up += sample.leaving is Leaving.FOLLOW_UP
        if sample.forward is not None and sample.backward is not None:
            self._forward.add(number, sample.forward)
            self._backward.add(number, sample.backward)
            if sample.delay_error is not None:
                self._delay_error = max(self._delay_error or 0.0, sample.delay_error)
                self._forward_delay.add(sample.forward)
                self._backward_delay.add(sample.backward)

    def report(self, run: Run) -> Report:
        """Sum up."""
        excess = self._excess.percentile(50)
        return Report(
            run=run,
            received=self._counts[State.RECEIVED],
            late=self._counts[State.LATE],
            duplicates=self._counts[State.DUPLICATE],
            corrupt=self._counts[State.CORRUPT],
            reordered=self._reordered,
            unsent=self._counts[State.UNSENT],
            runs=self._runs.runs(),
            rtt=self.rtt.delays(),
            intended=self._intended.delays() if self._intended else None,
            residence=self._residence.delays(),
            lateness=self._lateness.delays() if self._lateness else None,
            variation=self._variation.variation(),
            forward=self._forward.variation(),
            backward=self._backward.variation(),
            forward_delay=self._forward_delay.delays(),
            backward_delay=self._backward_delay.delays(),
            delay_error=self._delay_error,
            kernel_sent=self._kernel_sent,
            kernel_received=self._kernel_received,
            followed_up=self._followed_up,
            user_excess=None if excess is None else excess / 1e9,
            faults=tuple(self._faults.items()),
        )
