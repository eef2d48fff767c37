"""What a user sees: escapes, the waterfall, progress, colours."""

import subprocess
import sys
from io import BytesIO, StringIO

from twisted.trial.unittest import SynchronousTestCase

from netlab.clients.show import BinaryOnTerminal, Printer, Progress, printable, progress_line, waterfall
from netlab.http.message import Fields, ResponseHead
from netlab.http.timing import Timing


def head(content_type: str) -> ResponseHead:
    return ResponseHead((1, 1), 200, "OK", Fields((("Content-Type", content_type),)))


class ShowTests(SynchronousTestCase):
    """Lines."""

    def test_printable(self) -> None:
        """Whatever could drive a terminal is an escape."""
        self.assertEqual(printable("a\x1b[31m\r\u009b\tü"), "a\\x1b[31m\\x0d\\x9b\tü")

    def test_progress(self) -> None:
        """Share, bar, octets, rate and the time left; without a total, octets and rate."""
        bar = "█" * 12 + "░" * 12
        for given, expected in (
            (("f", 512, 1024, 256.0), f"f   50% {bar} 512 B of 1.0 KiB  256 B/s  0:02 left"),
            (("f", 512, 1024, 0.0), f"f   50% {bar} 512 B of 1.0 KiB  0 B/s  --:-- left"),
            (("f", 3 << 30, None, 5e6), "f  3.0 GiB  4.8 MiB/s"),
            (("f", 0, 4096 * 1000, 1000.0), f"f    0% {'░' * 24} 0 B of 3.9 MiB  1000 B/s  1:08:16 left"),
        ):
            self.assertEqual(progress_line(*given), expected)

    def test_bar(self) -> None:
        """It is drawn on one line, at its end for sure, and cut to the terminal."""
        terminal = StringIO()
        progress = Progress("file", terminal, 30)
        progress.end()
        for done in (1, 2, 3, 4):
            progress(done, 4)
        progress.end()
        drawn = terminal.getvalue()
        self.assertEqual((drawn.count("\r"), drawn.count("\n")), (2, 1))
        self.assertIn("100%", drawn)
        self.assertLess(max(map(len, drawn.split("\r\x1b[K"))), 31)

    def test_waterfall(self) -> None:
        """One step begins where the other ends; a step that was not there has no line."""
        lines = waterfall(Timing(0.25, 0.25, None, 0.25, 0.25, 1.0))
        self.assertEqual(
            [line.partition(" ms")[2].rstrip() for line in lines],
            ["  " + " " * 6 * step + "█" * 6 for step in range(4)] + [""],
        )
        self.assertTrue(lines[0].startswith("name lookup    250.000"))
        self.assertEqual(len(waterfall(Timing(None, None, None, 0.0, 0.0, 0.0))), 3)


class PrinterTests(SynchronousTestCase):
    """Standard output."""

    def test_ready(self) -> None:
        """What colours need is loaded before the exchange begins, or it would count as the server's time."""
        code = (
            "import sys; from netlab.clients.show import Printer; Printer(sys.stdout.buffer, {});"
            " print([name for name in ('rich.console', 'rich.text', 'rich.syntax') if name in sys.modules])"
        )
        for terminal, loaded in ((False, []), (True, ["rich.console", "rich.text", "rich.syntax"])):
            command = [sys.executable, "-c", code.format(terminal)]
            found = subprocess.run(command, capture_output=True, check=True, timeout=20)
            self.assertEqual(found.stdout.decode().strip(), str(loaded))

    def printed(self, content_type: str, *pieces: bytes, terminal: bool = True) -> bytes:
        out = BytesIO()
        printer = Printer(out, terminal, heads=False)
        printer.begin(head(content_type))
        for piece in pieces:
            printer.write(piece)
        printer.complete()
        return out.getvalue()

    def test_pipe(self) -> None:
        """In a pipe every octet is as it came."""
        self.assertEqual(self.printed("application/json", b"\x00{", b"}", terminal=False), b"\x00{}")

    def test_binary(self) -> None:
        """A terminal gets no binary body."""
        self.assertRaises(BinaryOnTerminal, self.printed, "image/png", b"x")
        self.assertRaises(BinaryOnTerminal, self.printed, "text/plain", b"\0")

    def test_long(self) -> None:
        """What is too long for colours is printed as it came."""
        body = b"[" + b"1," * 200_000 + b"1]"
        self.assertEqual(self.printed("application/json", body[:1000], body[1000:]), body)

    def test_given_up(self) -> None:
        """What was kept for colours is printed when the body breaks off."""
        out = BytesIO()
        printer = Printer(out, terminal=True, heads=False)
        printer.begin(head("text/html"))
        printer.write(b"<p>")
        printer.give_up()
        self.assertEqual(out.getvalue(), b"<p>")
