"""Samples and reports as JSON and CSV have them."""

import json

from twisted.trial.unittest import SynchronousTestCase

from netlab.ping.loss import Directions
from netlab.ping.sample import Leaving, Sample, State
from netlab.ping.values import CSV_FIELDS, report_values, sample_fields, sample_values
from tests.ping.test_report import kernel, of


class ValueTests(SynchronousTestCase):
    """For programs."""

    def test_sample(self) -> None:
        """Durations in seconds or null; where each stamp came from."""
        lost = json.loads(json.dumps(sample_values(Sample(2, State.LOST), "a:1")))
        self.assertEqual((lost["target"], lost["seq"], lost["state"], lost["rtt"]), ("a:1", 2, "lost", None))
        self.assertEqual(lost["stamps"], {"sent": None, "received": None, "reflector": None})
        sample = kernel(
            3, 0.003, residence=0.001, leaving=Leaving.FOLLOW_UP, tos=184, faults=("short reply",)
        )
        values = json.loads(json.dumps(sample_values(sample)))
        self.assertEqual(values["stamps"], {"sent": "kernel", "received": "kernel", "reflector": "follow-up"})
        self.assertEqual((values["rtt"], values["dscp"], values["faults"]), (0.003, 46, ["short reply"]))

    def test_fields(self) -> None:
        """A row has a field for each name."""
        row = dict(zip(CSV_FIELDS, sample_fields(kernel(3, 0.003, faults=("T2 = T3",)), "a:1"), strict=True))
        self.assertEqual((row["target"], row["seq"], row["sent_by"]), ("a:1", 3, "kernel"))
        self.assertEqual(row["faults"], "T2-=-T3")

    def test_report(self) -> None:
        """The summary under its name, with the four figures and the percentiles."""
        report = of(kernel(0, 0.001), kernel(1, 0.003), sent=3, foreign=1, directions=Directions(3, 1, 0))
        values = json.loads(json.dumps(report_values(report, "a:1")))["summary"]
        self.assertEqual((values["sent"], values["received"], values["foreign"]), (3, 2, 1))
        self.assertApproximates(values["rtt"]["avg"], 0.002, 1e-9)
        self.assertApproximates(values["rtt"]["p99.99"], 0.003, 1e-5)
        self.assertApproximates(values["rtt"]["pdv_p50"], 0.0, 1e-5)
        self.assertEqual(values["directions"], {"sent": 3, "forward": 1, "backward": 0})
        self.assertEqual(values["variation"]["rtt"]["pairs"], 1)
        empty = report_values(of())["summary"]
        self.assertEqual(empty["rtt"], {"min": None, "avg": None, "max": None, "mdev": None})
        self.assertIsNone(empty["directions"])
