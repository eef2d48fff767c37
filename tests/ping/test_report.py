"""Samples and reports, written for people and for programs."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.histogram import Histogram
from netlab.ping.loss import Directions
from netlab.ping.report import explanation, histogram_lines, sample_line, summary_lines
from netlab.ping.sample import Clock, Leaving, Sample, State
from netlab.ping.stats import Report, Run, Statistics

REMARKS = "without 1.000 ms in the reflector, reordered, short reply"
OWN_STAMPS = "stamps: this program's own; the time to wake it is in every RTT (20 to 200 µs, more when busy)"
KERNEL_STAMPS = (
    "stamps: the kernel's, the reflector's too; typical error 1.5 µs; our own clock would have told 0 µs more"
)


def of(*samples: Sample, scheduled: bool = False, **run: Any) -> Report:
    figures = Statistics(scheduled)
    for sample in samples:
        figures.add(sample)
    return figures.report(Run(**{"sent": len(samples), **run}))


def kernel(place: int, rtt: float, **fields: Any) -> Sample:
    return Sample(
        place,
        State.RECEIVED,
        rtt,
        "STAMP reflection",
        place=place,
        sent_by=Clock.KERNEL,
        received_by=Clock.KERNEL,
    )._replace(user_rtt=rtt + 50e-6, **fields)


class LineTests(SynchronousTestCase):
    """For people."""

    def test_samples(self) -> None:
        """A line for each fate."""
        for sample, line in (
            (Sample(1, State.RECEIVED, 0.001, "Pong 1 T"), "Ping 1: Pong 1 T  RTT 1.000 ms"),
            (Sample(2, State.LOST), "Ping 2: Request timed out"),
            (Sample(2, State.LATE, 1.5), "Ping 2: late reply after 1500.000 ms; it stays timed out"),
            (Sample(2, State.LATE), "Ping 2: late reply, long after; it stays timed out"),
            (Sample(1, State.DUPLICATE), "Ping 1: duplicate reply"),
            (Sample(None, State.CORRUPT, reply="cut"), "Ping ?: damaged reply: cut"),
            (Sample(4, State.UNSENT), "Ping 4: not sent: this machine did not take it"),
            (
                Sample(3, State.RECEIVED, 0.003, "pong", unnumbered=True),
                "Ping 3: pong  RTT 3.000 ms (no number in the reply)",
            ),
            (
                kernel(3, 0.003, residence=0.001, reordered=True, faults=("short reply",)),
                f"Ping 3: STAMP reflection  RTT 3.000 ms ({REMARKS})",
            ),
        ):
            self.assertEqual(sample_line(sample), line)

    def test_course(self) -> None:
        """A run of the course's: what ping(8) says, how sure the loss is, whose stamps these are."""
        report = of(
            Sample(1, State.RECEIVED, 0.001, place=0),
            Sample(2, State.LOST, place=1),
            Sample(2, State.LATE, 1.5, place=1),
            Sample(1, State.DUPLICATE, place=0),
            Sample(3, State.RECEIVED, 0.003, place=2),
            sent=3,
            foreign=1,
        )
        self.assertEqual(
            summary_lines(report).splitlines(),
            [
                "3 sent, 2 received, 33.3% loss, 1 late, 1 duplicate, 1 foreign",
                "RTT min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms",
                "loss of the network: 6.1% to 79.2% (95% Wilson interval)",
                "loss bursts: 1, at most 1 in a row, mean 1.0 (RFC 3357)",
                OWN_STAMPS,
            ],
        )

    def test_instrument(self) -> None:
        """A run with all that can be told."""
        samples = [
            kernel(
                place,
                0.001 + place * 1e-6,
                residence=0.0001,
                leaving=Leaving.FOLLOW_UP,
                forward=0.0005,
                backward=0.0006,
                delay_error=0.002,
                lateness=0.0015,
                faults=("T2 = T3",),
            )
            for place in range(100)
        ]
        report = of(
            *samples,
            scheduled=True,
            sent=110,
            outstanding=10,
            missed=4,
            own_drops=5,
            stamp_error=1.5e-6,
            directions=Directions(100, 0, 0),
        )
        self.assertEqual(
            summary_lines(report).splitlines(),
            [
                "110 sent, 100 received, 0.0% loss, 10 on their way",
                "RTT min/avg/max/mdev = 1.000/1.050/1.099/0.029 ms",
                "RTT p50/p90/p95/p99 = 1.049/1.089/1.094/1.098 ms",
                "PDV p99 = 0.098 ms above the least (RFC 5481)",
                "loss of the network: 0.0% to 3.7% (95% Wilson interval)",
                "of the first 100: 0 lost on the way there, 0 on the way back",
                "5 datagrams dropped in our own receive queue: that loss is not the network's",
                "4 moments of the schedule missed: this machine was busy",
                *(
                    f"variation of the {name}: p50/p95/p99 = {size}/{size}/{size} ms (RFC 3393),"
                    f" jitter {size} ms (RFC 3550)"
                    for name, size in (("RTT", "0.001"), ("way there", "0.000"), ("way back", "0.000"))
                ),
                "one-way delay: there 0.500, back 0.600 ms in the mean; the clocks may be 2.000 ms off",
                "sent up to 1.500 ms late; p99 from the intended moment 2.598 ms",
                KERNEL_STAMPS,
                "reflector: T2 = T3 (100)",
            ],
        )

    def test_some_stamps(self) -> None:
        """Where the kernel stamped some, that is said."""
        report = of(kernel(0, 0.001), Sample(1, State.RECEIVED, 0.001, place=1))
        self.assertIn(
            "stamps: the kernel's in 1 of 2, else this program's; our own clock would have told 50 µs more",
            summary_lines(report),
        )

    def test_nothing(self) -> None:
        """Where nothing came back there is no RTT, and where nothing was sent no loss."""
        self.assertEqual(
            summary_lines(of(Sample(1, State.LOST, place=0))).splitlines()[0],
            "1 sent, 0 received, 100.0% loss",
        )
        self.assertEqual(summary_lines(of()), "0 sent, 0 received, 0.0% loss")

    def test_explanation(self) -> None:
        """What ten pings are worth; many need no more pings."""
        few = explanation(of(*(Sample(1, State.LOST, place=place) for place in range(10))))
        self.assertIn("10 pings say little: with 10 of them lost", few)
        self.assertIn("between 72.2% and\n100.0% with 95% confidence", few)
        self.assertIn("--count 1000", few)
        many = explanation(of(*(Sample(1, State.LOST, place=place) for place in range(1000))))
        self.assertNotIn("--count 1000", many)

    def test_histogram(self) -> None:
        """A bar a line, the longest as long as asked for."""
        histogram = Histogram()
        for ns in (1_000_000, 1_000_000, 3_000_000):
            histogram.add(ns)
        lines = histogram_lines(histogram, width=10, bars=2)
        self.assertEqual([line.count("█") for line in lines], [10, 5])
        self.assertEqual(histogram_lines(Histogram()), [])
