"""Round trips out of four stamps, each with its source."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.ping.dialect import IMPOSSIBLE, ONE_STAMP, Answer
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.rtt import RoundTrip, Stamps
from netlab.ping.sample import Clock, Leaving, Sample

WALL = 1_795_358_159_000_000_000
MS = 1_000_000
SENT, NOW = Instant(5.0, WALL), Instant(5.010, WALL + 10 * MS)


def measure(stamps: Stamps = Stamps(None, None), now: Instant = NOW, **answer: Any) -> Sample:  # noqa: B008
    return RoundTrip().sample(SENT, now, stamps, Answer(0, "", **answer))


class StampsTests(SynchronousTestCase):
    """T1 and T4"""

    def assert_rtt(self, sample: Sample, rtt: float) -> None:
        assert sample.rtt is not None
        self.assertApproximates(sample.rtt, rtt, 1e-12)

    def test_user(self) -> None:
        """Without stamps it is what the program saw, on the clock that is never stepped."""
        sample = measure()
        self.assert_rtt(sample, 0.010)
        self.assertEqual((sample.sent_by, sample.received_by), (Clock.USER, Clock.USER))

    def test_kernel(self) -> None:
        """With them it is the kernel's; one of the two is taken as well, and said."""
        for stamps, rtt, by in (
            (Stamps(WALL + 1 * MS, WALL + 8 * MS), 0.007, (Clock.KERNEL, Clock.KERNEL)),
            (Stamps(WALL + 1 * MS, None), 0.009, (Clock.KERNEL, Clock.USER)),
            (Stamps(None, WALL + 8 * MS), 0.008, (Clock.USER, Clock.KERNEL)),
        ):
            sample = measure(stamps)
            self.assert_rtt(sample, rtt)
            self.assertEqual((sample.sent_by, sample.received_by), by)
            self.assertApproximates(sample.user_rtt, 0.010, 1e-12)

    def test_stepped(self) -> None:
        """A wall clock that was set meanwhile spoils no RTT: the kernel's stamps are not believed."""
        for step in (-3600 * 1000, -2, 2, 3600 * 1000):
            now = NOW._replace(wall_ns=NOW.wall_ns + step * MS)
            sample = measure(Stamps(WALL + 1 * MS, now.wall_ns - 2 * MS), now)
            self.assert_rtt(sample, 0.010)
            self.assertEqual(sample.sent_by, Clock.USER)

    def test_impossible(self) -> None:
        """Stamps that lie outside of what the program saw belong to something else."""
        for stamps in (Stamps(WALL + 8 * MS, WALL + 1 * MS), Stamps(WALL - 5 * MS, WALL + 9 * MS)):
            self.assert_rtt(measure(stamps), 0.010)


class ReflectorTests(SynchronousTestCase):
    """T2 and T3"""

    def test_residence(self) -> None:
        """The reflector's own time is taken out, whatever its clock shows."""
        for offset in (0, 10**15, -(10**15)):
            sample = measure(received_ns=WALL + 4 * MS + offset, sent_ns=WALL + 7 * MS + offset)
            self.assertApproximates(sample.rtt, 0.007, 1e-9)
            self.assertApproximates(sample.residence, 0.003, 1e-9)
            self.assertEqual((sample.leaving, sample.faults), (Leaving.REPLY, ()))
            self.assertApproximates(sample.forward, 0.004 + offset / 1e9, 1e-6)
            self.assertApproximates(sample.backward, 0.003 - offset / 1e9, 1e-6)

    def test_faults(self) -> None:
        """Stamps that cannot be true are named, and take nothing out."""
        for received, sent in ((7, 4), (0, 11)):
            sample = measure(received_ns=WALL + received * MS, sent_ns=WALL + sent * MS)
            self.assertEqual((sample.residence, sample.faults, sample.forward), (None, (IMPOSSIBLE,), None))
            self.assertApproximates(sample.rtt, 0.010, 1e-12)
        one = measure(received_ns=WALL, sent_ns=WALL, faults=(ONE_STAMP,))
        self.assertEqual((one.residence, one.leaving), (None, None))

    def test_delay_error(self) -> None:
        """One-way delays have an error only where both clocks are synchronised: the sum of theirs."""
        synchronised = ErrorEstimate(0.001, synchronised=True)
        for own, theirs, error in (
            (synchronised, synchronised, 0.002),
            (synchronised, ErrorEstimate(0.001), None),
            (ErrorEstimate(0.001), synchronised, None),
        ):
            answer = Answer(0, "", received_ns=WALL + 4 * MS, sent_ns=WALL + 7 * MS, error=theirs)
            sample = RoundTrip(own).sample(SENT, NOW, Stamps(None, None), answer)
            self.assertEqual(sample.delay_error, error)


class CorrectionTests(SynchronousTestCase):
    """What a follow-up tells."""

    def setUp(self) -> None:
        self.round_trip = RoundTrip()
        self.sample = measure(received_ns=WALL + 4 * MS, sent_ns=WALL + 7 * MS)

    def correct(self, told: int | None) -> Sample:
        return self.round_trip.correct(self.sample, WALL + 7 * MS, told)

    def test_told(self) -> None:
        """The time between T3 and the leaving is taken out as well."""
        self.assertIsNone(self.round_trip.lag)
        sample = self.correct(WALL + 8 * MS)
        self.assertApproximates(sample.rtt, 0.006, 1e-9)
        self.assertApproximates(sample.residence, 0.004, 1e-9)
        self.assertApproximates(sample.backward, 0.002, 1e-9)
        self.assertEqual((sample.leaving, self.round_trip.lag), (Leaving.FOLLOW_UP, 0.001))

    def test_estimated(self) -> None:
        """Where nothing was told, the median of the last replies is assumed, and said."""
        self.assertEqual(self.correct(None), self.sample)
        for lag in (1, 3, 2):
            self.correct(WALL + (7 + lag) * MS)
        sample = self.correct(None)
        self.assertEqual(sample.leaving, Leaving.ESTIMATE)
        self.assertApproximates(sample.rtt, 0.005, 1e-9)

    def test_never_below_what_is_known(self) -> None:
        """An estimate makes no RTT shorter than the shortest that is known."""
        self.correct(WALL + 8 * MS)
        short = self.sample._replace(rtt=0.0062)
        self.assertApproximates(self.round_trip.correct(short, WALL, None).rtt, 0.006, 1e-9)

    def test_not_believed(self) -> None:
        """A follow-up of before T3, of long after, or of more than the round trip, changes nothing."""
        for told in (WALL + 6 * MS, WALL + 10**9, WALL + 15 * MS):
            self.assertEqual(self.correct(told).rtt, self.sample.rtt)
