"""
The round trip of one ping out of its four stamps, each with its source: RTT = (T4 - T1) - (T3 - T2).

T1 and T4 are the kernel's where it gave them, else the program's. Kernel stamps are wall time, which
may be stepped; so they are believed only where both clocks agree on how long the ping was away. T2
and T3 are the reflector's. A reflector writes T3 before its packet leaves. Where its next reply tells
when that was (follow-up telemetry, RFC 8972 §4.7), what lay between, the lag, is taken out as well.
"""

from collections import deque
from statistics import median
from typing import NamedTuple

from netlab.clocks import Instant
from netlab.ping.dialect import IMPOSSIBLE, ONE_STAMP, UNSYNCHRONISED, Answer
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.sample import Clock, Leaving, Sample, State

LAGS = 15  # replies whose lag is remembered
STEP = 1e-3  # seconds by which the clocks may differ without a step: a pause of ours between two readings…
SLEW = 1e-3  # …and by which share of the time between them
SLACK = 50e-6  # seconds by which the kernel's time may be longer than ours, since its clock is being slewed
MAX_LAG = 100_000_000  # nanoseconds; a follow-up that tells of more is not believed


class Stamps(NamedTuple):
    """The kernel's, nanoseconds of wall time, or None."""

    sent: int | None
    received: int | None


class RoundTrip:
    """Make samples of answers, and keep what the reflector tells of its sending."""

    def __init__(self, own_error: ErrorEstimate = UNSYNCHRONISED) -> None:
        self._own_error = own_error
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._least = MAX_LAG / 1e9  # the least RTT whose reflector's leaving is known, seconds

    @property
    def lag(self) -> float | None:
        """Seconds between T3 and the leaving of the packet, the median of the last replies."""
        return median(self._lags) if self._lags else None

    def sample(self, sent: Instant, now: Instant, stamps: Stamps, answer: Answer) -> Sample:
        """Measure one round trip; the prober fills in what it knows besides."""
        user = now.monotonic - sent.monotonic
        whole, sent_by, received_by = _whole(sent, now, stamps, user)
        residence, faults = _residence(answer, whole)
        one_way = answer.received_ns is not None and answer.sent_ns is not None and IMPOSSIBLE not in faults
        forward = backward = None
        if one_way and answer.received_ns is not None and answer.sent_ns is not None:
            t1 = stamps.sent if sent_by is Clock.KERNEL and stamps.sent is not None else sent.wall_ns
            t4 = (
                stamps.received
                if received_by is Clock.KERNEL and stamps.received is not None
                else now.wall_ns
            )
            forward = (answer.received_ns - t1) / 1e9
            backward = (t4 - answer.sent_ns) / 1e9
        return Sample(
            None,
            State.RECEIVED,
            rtt=whole - (residence or 0.0),
            reply=answer.words,
            sent_by=sent_by,
            received_by=received_by,
            user_rtt=user,
            residence=residence,
            leaving=None if residence is None else Leaving.REPLY,
            forward=forward,
            backward=backward,
            delay_error=self._delay_error(answer.error),
            reflector_ttl=answer.ttl,
            reflector_dscp=answer.service.received if answer.service else None,
            faults=faults,
        )

    def _delay_error(self, theirs: ErrorEstimate | None) -> float | None:
        """How far one-way delays may be off; None: a clock is not synchronised, so they tell nothing."""
        if theirs is None or not theirs.synchronised or not self._own_error.synchronised:
            return None
        return theirs.seconds + self._own_error.seconds

    def correct(self, sample: Sample, written: int, told: int | None) -> Sample:
        """
        Take the reflector's lag out of *sample*, nanoseconds *told* less those *written* as T3.

        Where nothing was told, the median of the last lags is assumed.
        """
        if told is not None and 0 <= told - written < MAX_LAG:
            lag: float | None = (told - written) / 1e9
            self._lags.append((told - written) / 1e9)
            leaving = Leaving.FOLLOW_UP
        else:
            lag, leaving = self.lag, Leaving.ESTIMATE
        rtt, residence, backward = sample.rtt, sample.residence, sample.backward
        if lag is None or rtt is None or residence is None or backward is None:
            return sample
        if leaving is Leaving.ESTIMATE:
            lag = max(0.0, min(lag, rtt - self._least))  # no RTT is estimated below those that are known
        elif rtt >= lag:
            self._least = min(self._least, rtt - lag)
        else:
            return sample
        return sample._replace(
            rtt=rtt - lag, residence=residence + lag, backward=backward - lag, leaving=leaving
        )


def _whole(sent: Instant, now: Instant, stamps: Stamps, user: float) -> tuple[float, Clock, Clock]:
    """The time from T1 to T4, and where each came from."""
    stepped = abs((now.wall_ns - sent.wall_ns) / 1e9 - user) > STEP + SLEW * user
    if not stepped and stamps != (None, None):
        t1 = sent.wall_ns if stamps.sent is None else stamps.sent
        t4 = now.wall_ns if stamps.received is None else stamps.received
        whole = (t4 - t1) / 1e9
        if 0 <= whole <= user + SLACK:  # what the kernel stamps lies within what we have seen
            by = [Clock.USER if stamp is None else Clock.KERNEL for stamp in stamps]
            return whole, by[0], by[1]
    return user, Clock.USER, Clock.USER


def _residence(answer: Answer, whole: float) -> tuple[float | None, tuple[str, ...]]:
    """The reflector's own time, where its stamps can be true, and the faults."""
    if answer.received_ns is None or answer.sent_ns is None or ONE_STAMP in answer.faults:
        return None, answer.faults
    residence = (answer.sent_ns - answer.received_ns) / 1e9
    if not 0 <= residence <= whole:
        return None, (*answer.faults, IMPOSSIBLE)
    return residence, answer.faults
