"""The picture: graph, losses, histogram, figures, within the terminal's width."""

import io
import json
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from netlab.clients import picture
from netlab.clients.picture import graph, histogram, show


def track(recent: list[float | None], bars: list[list[int]]) -> dict[str, Any]:
    return {"name": "here:1", "recent": recent, "bars": bars, "figures": ["5 sent", "RTT 1 ms"]}


class DrawingTests(SynchronousTestCase):
    """What is drawn."""

    def test_graph(self) -> None:
        """A column a ping, as high as its RTT; a lost one is a gap, with a mark below."""
        *rows, marks = [line.plain[12:] for line in graph([0.002, None, 0.001], 80, rows=4)]
        self.assertEqual(rows, ["█  ", "█  ", "█ █", "█ █"])
        self.assertEqual(marks, " x ")

    def test_scale(self) -> None:
        """The top and the middle say their RTT."""
        lines = [line.plain for line in graph([0.002, 0.0], 80, rows=4)]
        self.assertTrue(lines[0].startswith("   2.000 ms "))
        self.assertTrue(lines[2].startswith("   1.000 ms "))
        self.assertEqual(lines[3][13], "▁")  # who came back at once is still there

    def test_width(self) -> None:
        """Only so many pings are drawn as the terminal has columns, the newest."""
        for width in (80, 200):
            rows = graph([0.001] * 500, width)
            self.assertTrue(all(len(row.plain) <= width for row in rows))
            self.assertEqual(len(rows[0].plain), width)
            bars = histogram([(10**6, 2 * 10**6, 7), (2 * 10**6, 3 * 10**6, 0)], width)
            self.assertTrue(all(len(bar.plain) <= width for bar in bars))


class ShowTests(SynchronousTestCase):
    """The process that draws."""

    def setUp(self) -> None:
        self.screen, self.told = io.StringIO(), io.BytesIO()
        self.console = Console(file=self.screen, width=80, height=40, force_terminal=True, color_system=None)

    def test_show(self) -> None:
        """Each line is drawn, and acknowledged; the first octet says that it can begin."""
        lines = [json.dumps([track([0.001, None], [[10**6, 2 * 10**6, 4]])]), json.dumps([track([], [])])]
        show(io.StringIO("\n".join(lines)), self.told, self.console)
        self.assertEqual(self.told.getvalue(), b"...")
        for words in ("here:1", "lost  x", "1.000 to 2.000", "5 sent", "RTT 1 ms"):
            self.assertIn(words, self.screen.getvalue())

    def test_main(self) -> None:
        """It reads standard input, tells on its descriptor, and leaves Ctrl-C to its parent."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "told"
            self.patch(sys, "argv", ["picture", str(os.open(file, os.O_WRONLY | os.O_CREAT))])
            self.patch(sys, "stdin", io.StringIO(""))
            self.patch(picture, "Console", lambda: self.console)
            before = signal.getsignal(signal.SIGINT)
            try:
                picture.main()
                self.assertEqual(signal.getsignal(signal.SIGINT), signal.SIG_IGN)
            finally:
                signal.signal(signal.SIGINT, before)
            self.assertEqual(file.read_bytes(), b".")
