"""
The live view of ``netlab ping``: a graph of the RTT, its histogram and the counters, a few times a second.

It is drawn in a thread of its own out of a report made between two pings, so that the reactor goes on
sending and receiving meanwhile; and the kernel's stamps do not notice either.
"""

import sys
from collections import deque
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from netlab.ping.plan import Plan
from netlab.ping.probe import ProbeSession
from netlab.ping.sample import Sample, State
from netlab.ping.stats import Report

PERIOD = 0.25  # seconds between two drawings
KEPT = 512  # pings on the graph, at most; a terminal is hardly wider
GRAPH, BARS = 8, 6  # rows
BLOCKS = " ▁▂▃▄▅▆▇█"
SWITCH = 0.0005  # seconds that the drawing thread may hold the interpreter while a datagram waits


class Track:
    """One target: the last fates, and the run that they belong to."""

    def __init__(self) -> None:
        self.recent: deque[float | None] = deque(maxlen=KEPT)  # RTT, seconds; None: lost
        self.session: ProbeSession | None = None


class LiveView:
    """Collect samples on the reactor's side, draw on the thread's."""

    log = Logger()

    def __init__(self, reactor: Any, plan: Plan, console: Console | None = None) -> None:
        self._reactor = reactor
        self._plan = plan
        self._tracks: dict[str, Track] = {}
        self._live = Live(console=console or Console(), auto_refresh=False, transient=True)
        self._loop = LoopingCall(self._draw)
        self._loop.clock = reactor
        self._drawing: Deferred[Any] | None = None
        self._before = sys.getswitchinterval()

    def watch(self, name: str, session: ProbeSession) -> None:
        """Take note of a run that begins."""
        self._tracks.setdefault(name, Track()).session = session

    def add(self, name: str, sample: Sample) -> None:
        """Take in a sample."""
        if sample.state in (State.RECEIVED, State.LOST):
            self._tracks.setdefault(name, Track()).recent.append(sample.rtt)

    def start(self) -> None:
        sys.setswitchinterval(SWITCH)
        self._live.start()
        self._loop.start(PERIOD, now=False).addErrback(
            lambda failure: self.log.failure("nothing is drawn any more", failure)
        )

    async def stop(self) -> None:
        """Draw no more, and leave the terminal as it was."""
        if self._loop.running:
            self._loop.stop()
        if self._drawing is not None:
            await maybeDeferred(lambda: self._drawing)
        self._live.stop()
        sys.setswitchinterval(self._before)

    def _draw(self) -> None:
        """Draw, unless the last drawing is still under way."""
        if self._drawing is not None:
            return
        tracks = [
            (
                name,
                list(track.recent),
                track.session.report(),
                track.session.statistics.rtt.histogram.bars(BARS),
            )
            for name, track in self._tracks.items()
            if track.session is not None
        ]
        self._drawing = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._show, tracks)
        self._drawing.addErrback(lambda failure: None)  # a terminal that cannot be written to ends nothing
        self._drawing.addBoth(self._drawn)

    def _drawn(self, result: object) -> None:
        self._drawing = None

    def _show(self, tracks: list[tuple[str, list[float | None], Report, list[tuple[int, int, int]]]]) -> None:
        width = self._live.console.width
        panels = [
            Panel(
                draw(recent, report, bars, width - 4), title=name, subtitle=self._plan.protocol, width=width
            )
            for name, recent, report, bars in tracks
        ]
        self._live.update(Group(*panels), refresh=True)


def draw(
    recent: list[float | None], report: Report, bars: list[tuple[int, int, int]], width: int
) -> RenderableType:
    """The inside of one target's panel, *width* columns wide."""
    return Group(*graph(recent, width), Text(), *histogram(bars, width), Text(), *counters(report))


def graph(recent: list[float | None], width: int, rows: int = GRAPH) -> list[Text]:
    """The last RTTs, one a column, the newest on the right; a lost ping is a gap with a mark below."""
    label = 12
    shown = recent[-(width - label) :]
    highest = max((rtt for rtt in shown if rtt is not None), default=0.0) or 1e-6
    lines = []
    for row in range(rows, 0, -1):
        cells = "".join(_cell(rtt, highest, row, rows) for rtt in shown)
        scale = f"{highest * row / rows * 1000:8.3f} ms " if row in (rows, rows // 2) else " " * label
        lines.append(Text.assemble((scale, "dim"), (cells, "green"), no_wrap=True, overflow="crop"))
    marks = "".join("x" if rtt is None else " " for rtt in shown)
    lines.append(Text.assemble(("       lost ", "dim"), (marks, "bold red"), no_wrap=True, overflow="crop"))
    return lines


def histogram(bars: list[tuple[int, int, int]], width: int) -> list[Text]:
    """How often which RTT came."""
    most = max((count for _, _, count in bars), default=1)
    room = max(1, width - 35)
    lines = []
    for begin, end, count in bars:
        span = f"{begin / 1e6:8.3f} to {end / 1e6:<8.3f} ms {count:>8} "
        bar = "█" * -(-count * room // most)
        lines.append(Text.assemble((span, "dim"), (bar, "cyan"), no_wrap=True, overflow="crop"))
    return lines


def counters(report: Report) -> list[Text]:
    """The figures, in two lines."""
    low, high = report.loss_interval
    parts = [
        f"{report.sent} sent, {report.received} received",
        f"loss {report.loss:.2%} ({low:.2%} to {high:.2%})",
        *(
            f"{count} {name}"
            for name, count in (
                ("late", report.late),
                ("duplicate", report.duplicates),
                ("reordered", report.reordered),
                ("damaged", report.corrupt),
                ("foreign", report.run.foreign),
                ("missed", report.run.missed),
            )
            if count
        ),
    ]
    lines = [Text("  ".join(parts))]
    if report.rtt is not None:
        rtt = report.rtt
        figures = {"min": rtt.minimum, "avg": rtt.mean, "p99": rtt.percentile(99), "max": rtt.maximum}
        text = "  ".join(f"{name} {seconds * 1000:.3f}" for name, seconds in figures.items())
        lines.append(Text(f"RTT  {text} ms"))
    return lines


def _cell(rtt: float | None, highest: float, row: int, rows: int) -> str:
    """The part of one column that falls into one row, in eighths."""
    if rtt is None:
        return " "
    eighths = max(1, round(rtt / highest * rows * 8)) - (row - 1) * 8
    return BLOCKS[max(0, min(8, eighths))]
