"""
The picture of ``netlab ping --live``, drawn by a process of its own.

Drawing takes a while, and two threads of one Python process take turns; so the process that measures
only writes down what is to be drawn, one line of JSON a picture:

    [{"name": …, "recent": [seconds or null, …], "bars": [[from ns, to ns, count], …],
      "figures": [line, …]}, …]

With one octet on the descriptor that its argument names it tells that the last picture is drawn. The
end of the input is the end.
"""

import json
import signal
import sys
from typing import IO, Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

GRAPH = 8  # rows
BLOCKS = " ▁▂▃▄▅▆▇█"


def main() -> None:
    """Draw on standard output what standard input says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who measures; then the input ends
    with open(int(sys.argv[1]), "wb", buffering=0) as told:
        show(sys.stdin, told, Console())


def show(lines: IO[str], told: IO[bytes], console: Console) -> None:
    """Draw each line's picture in the place of the last; in the end leave nothing of it."""
    with Live(console=console, auto_refresh=False, transient=True) as live:
        told.write(b".")
        for line in lines:
            live.update(picture(json.loads(line), console.width), refresh=True)
            told.write(b".")


def picture(tracks: list[dict[str, Any]], width: int) -> Group:
    """A panel for each target, *width* columns wide."""
    return Group(*(Panel(inside(track, width - 4), title=track["name"], width=width) for track in tracks))


def inside(track: dict[str, Any], width: int) -> Group:
    """The inside of one target's panel."""
    figures = map(Text, track["figures"])
    return Group(*graph(track["recent"], width), Text(), *histogram(track["bars"], width), Text(), *figures)


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


def _cell(rtt: float | None, highest: float, row: int, rows: int) -> str:
    """The part of one column that falls into one row, in eighths."""
    if rtt is None:
        return " "
    eighths = max(1, round(rtt / highest * rows * 8)) - (row - 1) * 8
    return BLOCKS[max(0, min(8, eighths))]


if __name__ == "__main__":
    main()
