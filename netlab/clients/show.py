"""What a user sees: head and body on standard output; exchange, waterfall and progress beside it."""

import sys
import time
from typing import IO, Any

from netlab.http.connection import Trace
from netlab.http.explain import explained
from netlab.http.media import is_text
from netlab.http.message import ResponseHead
from netlab.http.timing import STEPS, Timing

_HIGHLIGHTED = 262_144  # octets of the longest body that is given colours
_LEXERS = {"json": "json", "html": "html"}
_BAR = 24  # columns


class BinaryOnTerminal(Exception):
    """The body would turn the terminal to garbage."""


def printable(line: str) -> str:
    """Show what could drive a terminal as an escape instead."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)


class Printer:
    """A sink that prints the head, an empty line and the body: in colours on a terminal, else as it came."""

    def __init__(self, out: IO[bytes], terminal: bool, heads: bool = True, guarded: bool = True) -> None:
        """*heads*: print them. *guarded*: a terminal gets no binary body."""
        if terminal:  # now, or the time that it takes would be the server's
            import rich.console
            import rich.syntax
            import rich.text  # noqa: F401
        self._out = out
        self._terminal = terminal
        self._heads = heads
        self._guarded = terminal and guarded
        self._lexer: str | None = None
        self._binary: str | None = None  # the media type, where it is none of text
        self._kept = bytearray()  # what is to be highlighted once it is complete

    def begin(self, head: ResponseHead) -> None:
        content_type = head.fields.get("content-type")
        if self._heads:
            self._print_head(head)
        self._lexer = None
        if self._terminal and content_type is not None and head.fields.get("content-encoding") is None:
            self._lexer = next((_LEXERS[name] for name in _LEXERS if name in content_type.lower()), None)
        self._binary = None if content_type is None or is_text(content_type) else content_type

    def write(self, octets: bytes) -> None:
        if self._guarded and (self._binary is not None or b"\0" in octets):
            raise BinaryOnTerminal(self._binary or "it holds NUL")
        if self._lexer is not None:
            self._kept += octets
            if len(self._kept) <= _HIGHLIGHTED:
                return
            octets = self._plainly()
        self._out.write(octets)

    def complete(self) -> None:
        """All of the body was written."""
        if self._kept and self._lexer is not None:
            from rich.syntax import Syntax

            text = self._kept.decode("utf-8", "replace")
            syntax = Syntax(printable_lines(text), self._lexer, theme="ansi_dark", background_color="default")
            self._console().print(syntax)
        self._out.flush()

    def give_up(self) -> None:
        """The body broke off: print what there is."""
        self._out.write(self._plainly())
        self._out.flush()

    def _plainly(self) -> bytes:
        octets, self._lexer = bytes(self._kept), None
        self._kept.clear()
        return octets

    def _print_head(self, head: ResponseHead) -> None:
        status = f"HTTP/{head.version[0]}.{head.version[1]} {head.status} {head.reason}"
        if self._terminal:
            from rich.text import Text

            colour = {2: "green", 3: "cyan"}.get(head.status // 100, "red")
            text = Text(printable(status), style=f"bold {colour}")
            for name, value in head.fields:
                text.append("\n").append(f"{name}:", style="not bold blue")
                text.append(printable(f" {value}"), style="not bold default")
            self._console().print(text, end="\n\n", soft_wrap=True)
            return
        lines = [status, *(f"{name}: {value}" for name, value in head.fields), ""]
        self._out.write("".join(f"{printable(line)}\n" for line in lines).encode("utf-8"))
        self._out.flush()

    def _console(self) -> Any:
        from rich.console import Console

        self._out.flush()
        return Console(highlight=False)


def printable_lines(text: str) -> str:
    """`printable`, line by line."""
    return "\n".join(printable(line.removesuffix("\r")) for line in text.split("\n"))


class WireView(Trace):
    """Shows the exchange as it was on the wire on standard error; *explain* says what each line is for."""

    def __init__(self, explain: bool = False) -> None:
        self._explain = explain

    def note(self, text: str) -> None:
        _say(f"* {printable(text)}")

    def sent(self, octets: bytes) -> None:
        self._head(">", octets)

    def received(self, octets: bytes) -> None:
        self._head("<", octets)

    def _head(self, mark: str, octets: bytes) -> None:
        if not self._explain:
            for line in octets.decode("latin-1").removesuffix("\n").split("\n"):
                _say(f"{mark} {printable(line.removesuffix(chr(13)))}")
            return
        for line, why in explained(octets if octets.endswith(b"\r\n") else octets + b"\r\n"):
            _say(f"{mark} {printable(line)}")
            _say(f"      {why}")


def waterfall(timing: Timing) -> list[str]:
    """A line for each step: its name, its milliseconds, and where in the whole it lies."""
    names = dict(zip(STEPS, ("name lookup", "connect", "TLS", "first byte", "transfer"), strict=True))
    lines, before = [], 0.0
    for step, name in names.items():
        seconds = getattr(timing, step)
        if seconds is None:
            continue
        scale = _BAR / (timing.total or 1)
        start = min(round(before * scale), _BAR - 1)
        width = max(1, min(round(seconds * scale), _BAR - start))
        lines.append(f"{name:<12}{seconds * 1000:10.3f} ms  {' ' * start}{'█' * width}")
        before += seconds
    return [*lines, f"{'total':<12}{timing.total * 1000:10.3f} ms"]


def show_timing(timing: Timing) -> None:
    """Draw the waterfall on standard error."""
    for line in waterfall(timing):
        _say(line)


def progress_line(name: str, done: int, total: int | None, rate: float) -> str:
    """One line: the name, how much of it, octets a second as *rate*, and the time left."""
    speed = f"{_octets(rate)}/s"
    if not total:
        return f"{name}  {_octets(done)}  {speed}"
    share = min(done / total, 1.0)
    filled = round(share * _BAR)
    left = f"{_clock((total - done) / rate)} left" if rate else "--:-- left"
    bar = "█" * filled + "░" * (_BAR - filled)
    return f"{name}  {share:4.0%} {bar} {_octets(done)} of {_octets(total)}  {speed}  {left}"


class Progress:
    """A line on a terminal that tells how far a download is, drawn ten times a second at most."""

    def __init__(self, name: str, terminal: IO[str], columns: int) -> None:
        self._name = name
        self._terminal = terminal
        self._columns = columns
        self._begun: tuple[float, int] | None = None
        self._next = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._begun is None:
            self._begun = now, done
        if now < self._next and done != total:
            return
        self._next = now + 0.1
        seconds = now - self._begun[0]
        rate = (done - self._begun[1]) / seconds if seconds > 0 else 0.0
        line = printable(progress_line(self._name, done, total, rate))[: self._columns - 1]
        self._terminal.write(f"\r\x1b[K{line}")
        self._terminal.flush()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._begun is not None:
            self._terminal.write("\n")
            self._terminal.flush()
            self._begun = None


def _octets(number: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _clock(seconds: float) -> str:
    whole = int(min(seconds, 359_999))
    hours, rest = divmod(whole, 3600)
    minutes = f"{rest // 60}:{rest % 60:02d}"
    return f"{hours}:{minutes.zfill(5)}" if hours else minutes


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
