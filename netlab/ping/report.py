"""Samples and reports, as lines for people."""

from collections.abc import Iterator

from netlab.ping.histogram import Histogram
from netlab.ping.loss import wilson
from netlab.ping.sample import Sample, State
from netlab.ping.stats import Report

EXPLANATION = """\
RTT is the time from the sending of a ping to the coming of its reply: two ways through the network, the
queues on both, and, unless the protocol tells it (STAMP does), the time in the reflector.

Loss is a ping without a reply in time. It can be dropped on the way there or on the way back, by a full
queue, a broken link or a firewall, or by a server that imitates loss, as the course's does; a reply that
comes late is counted as lost, and named late. Only a reflector that counts can tell the two ways apart.

{settled} pings say {worth}: with {lost} of them lost, the network's own loss lies between {low:.1%} and
{high:.1%} with 95% confidence, if losses come independently of each other."""


def sample_line(sample: Sample) -> str:
    """Say what became of one ping."""
    number = "?" if sample.sequence is None else sample.sequence
    match sample.state:
        case State.RECEIVED:
            remarks = ["no number in the reply"] if sample.unnumbered else []
            if sample.residence is not None:
                remarks.append(f"without {_ms(sample.residence)} ms in the reflector")
            remarks += ["reordered"] if sample.reordered else []
            remarks += sample.faults
            remark = f" ({', '.join(remarks)})" if remarks else ""
            return f"Ping {number}: {sample.reply}  RTT {_ms(sample.rtt)} ms{remark}"
        case State.LOST:
            return f"Ping {number}: Request timed out"
        case State.LATE if sample.rtt is None:
            return f"Ping {number}: late reply, long after; it stays timed out"
        case State.LATE:
            return f"Ping {number}: late reply after {_ms(sample.rtt)} ms; it stays timed out"
        case State.DUPLICATE:
            return f"Ping {number}: duplicate reply"
        case State.CORRUPT:
            return f"Ping {number}: damaged reply: {sample.reply}"
        case State.UNSENT:
            return f"Ping {number}: not sent: this machine did not take it"


def summary_lines(report: Report) -> str:
    """Sum up a run, first as ping(8) does, then with what the stamps and the reflector told besides."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    run = report.run
    remarks = [
        f"{count} {word}"
        for count, word in (
            (report.late, "late"),
            (report.duplicates, "duplicate"),
            (report.reordered, "reordered"),
            (report.corrupt, "damaged"),
            (run.foreign, "foreign"),
            (report.unsent, "not sent"),
            (run.outstanding, "on their way"),
        )
        if count
    ]
    yield ", ".join(
        [f"{report.sent} sent", f"{report.received} received", f"{report.loss:.1%} loss", *remarks]
    )
    if report.rtt is not None:
        rtt = report.rtt
        figures = (rtt.minimum, rtt.mean, rtt.maximum, rtt.mdev)
        yield f"RTT min/avg/max/mdev = {'/'.join(map(_ms, figures))} ms"
        if told := [(percent, delay) for percent, delay in rtt.percentiles if _is_told(percent, rtt.samples)]:
            names, delays = zip(*told, strict=True)
            yield f"RTT {'/'.join(f'p{name:g}' for name in names)} = {'/'.join(map(_ms, delays))} ms"
        if told := [(percent, delay) for percent, delay in rtt.pdv if _is_told(percent, rtt.samples)]:
            yield f"PDV p{told[-1][0]:g} = {_ms(told[-1][1])} ms above the least (RFC 5481)"
    if report.settled:
        low, high = report.loss_interval
        yield f"loss of the network: {low:.1%} to {high:.1%} (95% Wilson interval)"
    if report.lost:
        runs = report.runs
        yield f"loss bursts: {runs.periods}, at most {runs.longest} in a row, mean {runs.mean:.1f} (RFC 3357)"
    if run.directions is not None:
        sent, forward, backward = run.directions
        yield f"of the first {sent}: {forward} lost on the way there, {backward} on the way back"
    if run.own_drops:
        yield f"{run.own_drops} datagrams dropped in our own receive queue: that loss is not the network's"
    if run.missed:
        yield f"{run.missed} moments of the schedule missed: this machine was busy"
    for name, variation in (
        ("RTT", report.variation),
        ("way there", report.forward),
        ("way back", report.backward),
    ):
        if variation is not None and variation.pairs > 1:
            yield (
                f"variation of the {name}: p50/p95/p99 = "
                f"{_ms(variation.p50)}/{_ms(variation.p95)}/{_ms(variation.p99)} ms (RFC 3393),"
                f" jitter {_ms(variation.jitter)} ms (RFC 3550)"
            )
    if report.forward_delay is not None and report.backward_delay is not None:
        there, back = report.forward_delay, report.backward_delay
        yield (
            f"one-way delay: there {_ms(there.mean)}, back {_ms(back.mean)} ms in the mean;"
            f" the clocks may be {_ms(report.delay_error)} ms off"
        )
    if report.intended is not None and report.lateness is not None and report.lateness.maximum > 1e-3:
        p99 = report.intended.percentile(99)
        yield f"sent up to {_ms(report.lateness.maximum)} ms late; p99 from the intended moment {_ms(p99)} ms"
    if report.received:
        yield _stamps_line(report)
    for fault, count in report.faults:
        yield f"reflector: {fault} ({count})"


def _stamps_line(report: Report) -> str:
    received = report.received
    if report.kernel_sent == report.kernel_received == 0:
        return (
            "stamps: this program's own; the time to wake it is in every RTT (20 to 200 µs, more when busy)"
        )
    line = "stamps: the kernel's"
    partly = min(report.kernel_sent, report.kernel_received)
    if partly < received:
        line += f" in {partly} of {received}, else this program's"
    if report.followed_up:
        line += ", the reflector's too"
    if report.error is not None:
        line += f"; typical error {report.error * 1e6:.1f} µs"
    if report.user_excess is not None:
        line += f"; our own clock would have told {report.user_excess * 1e6:.0f} µs more"
    return line


def explanation(report: Report) -> str:
    """Say what the figures mean, for who sees them for the first time."""
    low, high = report.loss_interval
    few = report.settled < 1000
    text = EXPLANATION.format(
        settled=report.settled,
        lost=report.lost,
        low=low,
        high=high,
        worth="little" if few else "something",
    )
    if few:
        low, high = wilson(round(report.loss * 1000), 1000)
        text += f"\nOf 1,000 pings (--count 1000 --interval 0.01) with as many lost: {low:.1%} to {high:.1%}."
    return text


def histogram_lines(histogram: Histogram, width: int = 50, bars: int = 20) -> list[str]:
    """Draw a histogram of RTTs, a bar a line."""
    found = histogram.bars(bars)
    most = max((count for _, _, count in found), default=1)
    return [
        f"{begin / 1e6:10.3f} to {end / 1e6:<10.3f} ms {count:>10} {'█' * -(-count * width // most)}"
        for begin, end, count in found
    ]


def _is_told(percent: float, count: int) -> bool:
    """A percentile is worth printing when at least one sample lies beyond it, and there are some."""
    return count >= 20 and count * (100 - percent) >= 100


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.3f}"
