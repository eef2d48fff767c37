"""``netlab ping``: the course's UDP pinger, and what it has become."""

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from twisted.internet.defer import DeferredList
from twisted.python.failure import Failure

from netlab.arguments import address_text
from netlab.clients.live import LiveView
from netlab.clients.running import DID_NOT_WORK, UNREACHABLE, WORKED, complain
from netlab.errors import Unreachable
from netlab.ping.client import Pinger
from netlab.ping.plan import Plan
from netlab.ping.probe import ProbeSession
from netlab.ping.report import explanation, histogram_lines, sample_line, summary_lines
from netlab.ping.sample import Sample
from netlab.ping.stats import Report
from netlab.ping.values import CSV_FIELDS, report_values, sample_fields, sample_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a user wants to see, and what to call a failure."""

    style: str | None = None  # "json", "csv" or "live"; None: lines of text
    histogram: bool = False
    explain: bool = False
    fail_loss: float | None = None  # the greatest share that may be lost
    fail_p99: float | None = None  # the longest RTT p99, seconds


OUTPUT = tuple(field.name for field in fields(Output))


async def ping(reactor: Any, targets: Sequence[tuple[str, int]], plan: Plan, output: Output) -> int:
    """
    Ping *targets* at the same time, print what becomes of each ping, then the summaries; the exit status.

    Raises:
        Unreachable: the only target is not there.
    """
    names = [address_text(target) for target in targets]
    printer = Printer(names, output)
    view = LiveView(reactor) if output.style == "live" else None
    pinger = Pinger(reactor)
    if view:
        view.start()
    runs = []
    for name, (host, port) in zip(names, targets, strict=True):
        each = partial(view.add if view else printer.sample, name)
        watch = partial(printer.watch, name, view)
        runs.append(pinger.run(host, port, plan, each, watch))
    try:
        results = await DeferredList(runs, consumeErrors=True)
    finally:
        if view:
            await view.stop()
    statuses = [
        _end(name, result, printer, output, len(names) == 1)
        for name, (_, result) in zip(names, results, strict=True)
    ]
    return next((status for status in statuses if status), WORKED)


class Printer:
    """Print samples as they come, and the sums."""

    def __init__(self, names: Sequence[str], output: Output) -> None:
        self.sessions: dict[str, ProbeSession] = {}
        self._output = output
        self._several = len(names) > 1
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        if output.style == "csv":
            self._rows.writerow(CSV_FIELDS)

    def watch(self, name: str, view: LiveView | None, session: ProbeSession) -> None:
        """Take note of a run that begins."""
        self.sessions[name] = session
        if view:
            view.watch(name, session)

    def sample(self, name: str, sample: Sample) -> None:
        match self._output.style:
            case "json":
                print(json.dumps(sample_values(sample, name)), flush=True)
            case "csv":
                self._rows.writerow(sample_fields(sample, name))
                sys.stdout.flush()
            case _:
                print(f"{name}  " * self._several + sample_line(sample), flush=True)

    def report(self, name: str, report: Report) -> None:
        """Sum up one target."""
        match self._output.style:
            case "json":
                print(json.dumps(report_values(report, name)), flush=True)
                return
            case "csv":
                return
        print("\n" + f"{name}\n" * self._several + summary_lines(report), flush=True)
        if self._output.histogram and name in self.sessions:
            print("\n" + "\n".join(histogram_lines(self.sessions[name].statistics.rtt.histogram)), flush=True)
        if self._output.explain:
            print("\n" + explanation(report), flush=True)


def _end(name: str, result: Report | Failure, printer: Printer, output: Output, only: bool) -> int:
    """Print how one target did; its status."""
    if isinstance(result, Failure):
        if only or not result.check(Unreachable):
            result.raiseException()
        complain(str(result.value))
        return UNREACHABLE
    printer.report(name, result)
    for failed, why in _failures(name, result, output):
        if failed:
            complain(why)
            return DID_NOT_WORK
    return WORKED


def _failures(name: str, report: Report, output: Output) -> list[tuple[bool, str]]:
    """What may have gone wrong, each with whether it did."""
    p99 = report.rtt.percentile(99) if report.rtt else float("inf")
    most_loss, longest = output.fail_loss, output.fail_p99
    return [
        (
            report.received == 0,
            f"no reply from {name} in time: {report.lost} of {report.sent} pings were lost",
        ),
        (
            most_loss is not None and report.loss > most_loss,
            f"{name}: {report.loss:.2%} of the pings were lost, more than {most_loss or 0:.2%}",
        ),
        (
            longest is not None and p99 > longest,
            f"{name}: the RTT's p99 is {p99 * 1000:.3f} ms, more than {(longest or 0) * 1000:g} ms",
        ),
    ]
