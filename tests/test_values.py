"""The lowest layer: clocks, and what users write on command lines."""

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from netlab import arguments, options
from netlab.clocks import read_clocks, run_monotonic, seconds_text


class ClockTests(SynchronousTestCase):
    """Readings of the clocks."""

    def test_read(self) -> None:
        """A reading has both clocks, in their units."""
        before = time.monotonic(), time.time_ns()
        now = read_clocks()
        self.assertTrue(before[0] <= now.monotonic <= time.monotonic())
        self.assertTrue(abs(now.wall_ns - before[1]) < 60e9)

    def test_text(self) -> None:
        """Seconds are written to the microsecond, rounded down."""
        for ns, text in (
            (0, "0.000000"),
            (1_795_358_159_498_196_999, "1795358159.498196"),
            (5_000, "0.000005"),
        ):
            self.assertEqual(seconds_text(ns), text)

    def test_monotonic_reactor(self) -> None:
        """A reactor counts in monotonic time from then on, unless something is scheduled already."""
        clock = Clock()
        run_monotonic(clock)
        self.assertIs(clock.seconds, time.monotonic)
        run_monotonic(clock)
        busy = Clock()
        busy.callLater(1, lambda: None)
        self.assertRaises(ValueError, run_monotonic, busy)


def name_and_port(text: str) -> tuple[str, int]:
    return arguments.host_port(text, 7)


class ArgumentTests(SynchronousTestCase):
    """Readers of one argument each."""

    READ = (
        (arguments.seconds, "5", 5.0),
        (arguments.seconds, "0.25", 0.25),
        (arguments.probability, "0", 0.0),
        (arguments.probability, "1", 1.0),
        (arguments.whole, "0", 0),
        (arguments.whole, "9223372036854775807", 2**63 - 1),
        (arguments.port, "65535", 65535),
        (arguments.udp_address, "127.0.0.1:12000", ("127.0.0.1", 12000)),
        (arguments.udp_address, "localhost:0", ("127.0.0.1", 0)),
        (arguments.udp_address, ":13000", ("0.0.0.0", 13000)),
        (arguments.udp_address, "[::1]:12000", ("::1", 12000)),
        (arguments.share, "1%", 0.01),
        (arguments.share, "0.25", 0.25),
        (arguments.share, "100%", 1.0),
        (arguments.duration, "20ms", 0.02),
        (arguments.duration, "500us", 0.0005),
        (arguments.duration, "1.5s", 1.5),
        (arguments.duration, "2", 2.0),
        (name_and_port, "a.example", ("a.example", 7)),
        (name_and_port, "a.example:80", ("a.example", 80)),
        (name_and_port, "[::1]", ("::1", 7)),
        (name_and_port, "[::1]:80", ("::1", 80)),
    )
    REFUSED = (
        (
            arguments.seconds,
            ("", "0", "-1", "nan", "inf", "x", "1e3", "1_0", "\u0663", " 5 ", "5\n", ".", "9" * 20),
        ),
        (arguments.probability, ("", "1.1", "-0.1", "nan", "30%")),
        (arguments.whole, ("", "-1", "1.5", "x", "9223372036854775808", "1" * 1000, "٣")),
        (arguments.port, ("0", "65536", "http")),
        (arguments.share, ("", "%", "101%", "1.5", "-1%", "1 %")),
        (arguments.duration, ("", "ms", "0ms", "-1s", "20 ms", "1h", "nan", "9" * 20)),
        (name_and_port, ("", ":80", "a:", "a:0", "a:65536", "::1", "[a", "a:b:c")),
        (
            arguments.udp_address,
            (
                "",
                "12000",
                "a.example:1",
                "127.0.0.1",
                "127.0.0.1:65536",
                "::1:1",
                "[::1]",
                "[127.0.0.1]:1",
                "[x]:1",
            ),
        ),
    )

    def test_read(self) -> None:
        """What is right is read."""
        for read, text, value in self.READ:
            with self.subTest(read=read, text=text):
                self.assertEqual(read(text), value)

    def test_refused(self) -> None:
        """What is wrong is refused with one line."""
        for read, texts in self.REFUSED:
            for text in texts:
                with self.subTest(read=read, text=text[:20]):
                    self.assertNotIn("\n", str(self.assertRaises(ValueError, read, text)))

    @given(st.text(max_size=30))
    def test_anything(self, text: str) -> None:
        """No text makes a reader raise anything but ValueError."""
        for read, _ in self.REFUSED:
            try:
                read(text)
            except ValueError:
                continue

    def test_address_text(self) -> None:
        """An address is written as it is read."""
        for text in ("127.0.0.1:1", "[::1]:12000"):
            self.assertEqual(arguments.address_text(arguments.udp_address(text)), text)


class OptionTests(SynchronousTestCase):
    """The same as options of a daemon."""

    def test_coercer(self) -> None:
        """A refusal becomes a usage error, in the reader's own words."""
        self.assertEqual(options.seconds(5.0), 5.0)
        error = self.assertRaises(usage.UsageError, options.probability, "30%")
        self.assertTrue(str(error).startswith("'30%' is not a probability"))

    def test_tcp_endpoint(self) -> None:
        """A bare number is a port of this machine alone."""
        self.assertEqual(options.tcp_endpoint("80"), "tcp:80:interface=127.0.0.1")
        self.assertEqual(options.tcp_endpoint("unix:/s"), "unix:/s")
        self.assertRaises(usage.UsageError, options.tcp_endpoint, "65536")
