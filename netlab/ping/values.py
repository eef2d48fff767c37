"""Samples and reports, as values for `--json` and as fields for `--csv`."""

from typing import Any

from netlab.ping.sample import Sample
from netlab.ping.stats import Delays, Report
from netlab.ping.variation import Variation

CSV_FIELDS = (
    "target",
    "seq",
    "state",
    "rtt",
    "intended_rtt",
    "sent_by",
    "received_by",
    "residence",
    "forward",
    "backward",
    "reordered",
    "ttl",
    "faults",
)


def sample_values(sample: Sample, target: str = "") -> dict[str, Any]:
    """The sample as `--json` prints it; durations in seconds or null."""
    return {
        "target": target,
        "seq": sample.sequence,
        "state": sample.state.value,
        "rtt": sample.rtt,
        "stamps": {
            "sent": sample.sent_by.value if sample.rtt is not None else None,
            "received": sample.received_by.value if sample.rtt is not None else None,
            "reflector": None if sample.leaving is None else sample.leaving.value,
        },
        "user_rtt": sample.user_rtt,
        "intended_rtt": sample.intended_rtt,
        "residence": sample.residence,
        "forward": sample.forward,
        "backward": sample.backward,
        "reordered": sample.reordered,
        "ttl": sample.ttl,
        "dscp": None if sample.tos is None else sample.tos >> 2,
        "reflector_ttl": sample.reflector_ttl,
        "reflector_dscp": sample.reflector_dscp,
        "reply": sample.reply,
        "unnumbered": sample.unnumbered,
        "faults": list(sample.faults),
    }


def sample_fields(sample: Sample, target: str = "") -> list[Any]:
    """The sample as a row of `CSV_FIELDS`; what is not known is empty."""
    values = sample_values(sample, target)
    values |= {"sent_by": values["stamps"]["sent"], "received_by": values["stamps"]["received"]}
    values["faults"] = " ".join(fault.replace(" ", "-") for fault in sample.faults)
    return [values[name] for name in CSV_FIELDS]


def report_values(report: Report, target: str = "") -> dict[str, Any]:
    """The report as `--json` prints it; `loss` from 0 to 1, durations in seconds or null."""
    run = report.run
    low, high = report.loss_interval
    return {
        "target": target,
        "summary": {
            "sent": report.sent,
            "received": report.received,
            "loss": report.loss,
            "loss_interval": [low, high],
            "late": report.late,
            "duplicates": report.duplicates,
            "reordered": report.reordered,
            "corrupt": report.corrupt,
            "foreign": run.foreign,
            "unsent": report.unsent,
            "outstanding": run.outstanding,
            "own_drops": run.own_drops,
            "missed": run.missed,
            "bursts": report.runs._asdict(),
            "directions": run.directions._asdict() if run.directions else None,
            "rtt": _delay_values(report.rtt),
            "intended_rtt": _delay_values(report.intended),
            "residence": _delay_values(report.residence),
            "lateness": _delay_values(report.lateness),
            "variation": {
                "rtt": _variation_values(report.variation),
                "forward": _variation_values(report.forward),
                "backward": _variation_values(report.backward),
            },
            "one_way": {
                "forward": _delay_values(report.forward_delay),
                "backward": _delay_values(report.backward_delay),
                "error": report.delay_error,
            },
            "stamps": {
                "kernel_sent": report.kernel_sent,
                "kernel_received": report.kernel_received,
                "followed_up": report.followed_up,
                "error": report.error,
                "stamp_error": run.stamp_error,
                "lag": run.lag,
                "user_excess": report.user_excess,
            },
            "faults": dict(report.faults),
        },
    }


def _delay_values(delays: Delays | None) -> dict[str, Any]:
    if delays is None:
        return dict.fromkeys(("min", "avg", "max", "mdev"))
    names = {f"p{percent:g}": delay for percent, delay in delays.percentiles}
    basic = {"min": delays.minimum, "avg": delays.mean, "max": delays.maximum, "mdev": delays.mdev}
    pdv = {f"pdv_p{percent:g}": delay for percent, delay in delays.pdv}
    return basic | names | pdv


def _variation_values(variation: Variation | None) -> dict[str, Any] | None:
    return None if variation is None else variation._asdict()
