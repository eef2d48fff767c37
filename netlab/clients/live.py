"""
The live view of ``netlab ping``: a graph of the RTT, its histogram and the counters, a few times a second.

This side collects, on the reactor; `netlab.clients.picture` draws, in a process of its own, so that no
ping has to wait for a drawing.
"""

import json
import os
import sys
from collections import deque
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from netlab.ping.probe import ProbeSession
from netlab.ping.sample import Sample, State
from netlab.ping.stats import Report

ACKNOWLEDGEMENTS = 3  # the descriptor on which the drawing process tells that a picture is drawn
PERIOD = 0.25  # seconds between two pictures
KEPT = 512  # pings on the graph, at most; a terminal is hardly wider
BARS = 6  # rows of the histogram
PATIENCE = 3.0  # seconds that the drawing process may take to end


class Track:
    """One target: the last fates, and the run that they belong to."""

    def __init__(self) -> None:
        self.recent: deque[float | None] = deque(maxlen=KEPT)  # RTT, seconds; None: lost
        self.session: ProbeSession | None = None


class LiveView(ProcessProtocol):
    """Collect samples, and have them drawn; never more than one picture is on its way."""

    log = Logger()
    transport: Any

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._tracks: dict[str, Track] = {}
        self._ready = False
        self._ended: Deferred[None] = Deferred()
        self._loop = LoopingCall(self._draw)
        self._loop.clock = reactor

    def watch(self, name: str, session: ProbeSession) -> None:
        """Take note of a run that begins."""
        self._tracks.setdefault(name, Track()).session = session

    def add(self, name: str, sample: Sample) -> None:
        """Take in a sample."""
        if sample.state in (State.RECEIVED, State.LOST):
            self._tracks.setdefault(name, Track()).recent.append(sample.rtt)

    def start(self) -> None:
        """Start the process that draws, on this one's standard output."""
        command = [sys.executable, "-m", "netlab.clients.picture", str(ACKNOWLEDGEMENTS)]
        descriptors = {0: "w", 1: 1, 2: 2, ACKNOWLEDGEMENTS: "r"}
        self._reactor.spawnProcess(self, command[0], command, dict(os.environ), childFDs=descriptors)
        self._loop.start(PERIOD, now=False).addErrback(
            lambda failure: self.log.failure("nothing is drawn any more", failure)
        )

    async def stop(self) -> None:
        """Draw no more, and leave the terminal as it was."""
        if self._loop.running:
            self._loop.stop()
        self.transport.closeStdin()
        try:
            await self._ended.addTimeout(PATIENCE, self._reactor)
        except defer.TimeoutError:  # a terminal that was stopped by Ctrl-S, for one
            self.transport.signalProcess("KILL")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """The last picture is drawn."""
        self._ready = True

    def processEnded(self, reason: Failure) -> None:
        self._ready = False
        if not self._ended.called:
            self._ended.callback(None)

    def _draw(self) -> None:
        if self._ready:
            self._ready = False
            self.transport.write(json.dumps(self._snapshot()).encode("ascii") + b"\n")

    def _snapshot(self) -> list[dict[str, Any]]:
        """What `netlab.clients.picture` is to draw."""
        return [
            {
                "name": name,
                "recent": list(track.recent),
                "bars": track.session.statistics.rtt.histogram.bars(BARS),
                "figures": figures(track.session.report()),
            }
            for name, track in self._tracks.items()
            if track.session is not None
        ]


def figures(report: Report) -> list[str]:
    """The counters and the RTT, a line each."""
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
    lines = ["  ".join(parts)]
    if report.rtt is not None:
        rtt = report.rtt
        delays = {"min": rtt.minimum, "avg": rtt.mean, "p99": rtt.percentile(99), "max": rtt.maximum}
        text = "  ".join(f"{name} {seconds * 1000:.3f}" for name, seconds in delays.items())
        lines.append(f"RTT  {text} ms")
    return lines
