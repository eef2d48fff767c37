"""Samples and summaries, written: as lines for people, as values for `--json`."""

from typing import Any

from netlab.ping.prober import Sample, State
from netlab.ping.stats import Summary


def sample_line(sample: Sample) -> str:
    """Say what became of one ping."""
    match sample.state:
        case State.RECEIVED:
            remark = " (no number in the reply)" if sample.unnumbered else ""
            return f"Ping {sample.sequence}: {sample.reply}  RTT {_ms(sample.rtt)} ms{remark}"
        case State.LOST:
            return f"Ping {sample.sequence}: Request timed out"
        case State.LATE:
            return f"Ping {sample.sequence}: late reply after {_ms(sample.rtt)} ms; it stays timed out"
        case State.DUPLICATE:
            return f"Ping {sample.sequence}: duplicate reply"


def summary_lines(summary: Summary) -> str:
    """Sum up a run, two lines at most, as ping(8) does."""
    remarks = [
        f"{count} {word}"
        for count, word in (
            (summary.late, "late"),
            (summary.duplicates, "duplicate"),
            (summary.rejected, "foreign"),
        )
        if count
    ]
    counts = [f"{summary.sent} sent", f"{summary.received} received", f"{summary.loss:.1%} loss", *remarks]
    lines = [", ".join(counts)]
    if summary.received:
        figures = (summary.rtt_min, summary.rtt_avg, summary.rtt_max, summary.rtt_mdev)
        lines.append(f"RTT min/avg/max/mdev = {'/'.join(map(_ms, figures))} ms")
    return "\n".join(lines)


def sample_values(sample: Sample) -> dict[str, Any]:
    """The sample as `--json` prints it; `rtt` in seconds or null."""
    return {
        "seq": sample.sequence,
        "state": sample.state.value,
        "rtt": sample.rtt,
        "reply": sample.reply,
        "unnumbered": sample.unnumbered,
    }


def summary_values(summary: Summary) -> dict[str, Any]:
    """The summary as `--json` prints it; `loss` from 0 to 1, durations in seconds or null."""
    return {
        "summary": {
            "sent": summary.sent,
            "received": summary.received,
            "loss": summary.loss,
            "late": summary.late,
            "duplicates": summary.duplicates,
            "foreign": summary.rejected,
            "rtt": {
                "min": summary.rtt_min,
                "avg": summary.rtt_avg,
                "max": summary.rtt_max,
                "mdev": summary.rtt_mdev,
            },
        }
    }


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.3f}"
