"""The heartbeat's line in octets."""

import contextlib
import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.heartbeat.wire import MAX_LINE, MAX_SEQUENCE, Beat, decode, encode

LINES = {
    b"Heartbeat 42 1795358159.498196": Beat(42, 1_795_358_159_498_196_000),
    b"heartbeat 0 0": Beat(0, 0),
    b"Heartbeat 1 1795358159.4981961234567\r\n": Beat(1, 1_795_358_159_498_196_123),
    b"Ping 7 1.5": Beat(7, 1_500_000_000),
    b"7 1.5": Beat(7, 1_500_000_000),
    b"7,1.5": Beat(7, 1_500_000_000),
    b"7, 1.5": Beat(7, 1_500_000_000),
    b"Heartbeat 18446744073709551615 999999999999": Beat(MAX_SEQUENCE, 999_999_999_999 * 10**9),
    b"Heartbeat 1 2" + b"\0" * 400: Beat(1, 2 * 10**9),
}
REFUSED = (
    b"",
    b"Heartbeat",
    b"Heartbeat 1",
    b"Heartbeat -1 5",
    b"Heartbeat 1 -5",
    b"Heartbeat 18446744073709551616 5",
    b"Heartbeat " + b"9" * 400 + b" 5",
    b"Heartbeat 1 9999999999999",
    b"Heartbeat 1 nan",
    b"Heartbeat 1 1e9",
    b"Heartbeat 1 5 6",
    b"Heartbeat 1 5\n6",
    b"Heart 1 5",
    b"Heartbeat 1 5\xff",
    "Heartbeat \u0661 5".encode(),
    b"Heartbeat 1 5" + b"\0" * MAX_LINE,
    bytes(65_507),
)


class WireTests(SynchronousTestCase):
    """`encode` and `decode`"""

    def test_literal(self) -> None:
        """To the octet."""
        self.assertEqual(encode(Beat(42, 1_795_358_159_498_196_999)), b"Heartbeat 42 1795358159.498196")

    def test_lines(self) -> None:
        """Lines as senders write them."""
        for line, beat in LINES.items():
            with self.subTest(line=line[:50]):
                self.assertEqual(decode(line), beat)

    def test_refused(self) -> None:
        """Anything else is refused."""
        for line in REFUSED:
            with self.subTest(line=line[:50]):
                self.assertRaises(WireError, decode, line)

    def test_fast(self) -> None:
        """The longest line that is read is refused at once."""
        begun = time.monotonic()
        for filler in (b" ", b",", b"1", b"\0"):
            for _ in range(100):
                self.assertRaises(WireError, decode, (b"1" + filler * MAX_LINE)[: MAX_LINE - 1] + b"\x80")
        self.assertLess(time.monotonic() - begun, 1)

    @given(st.integers(0, MAX_SEQUENCE), st.integers(0, 10**18 - 1))
    def test_round_trip(self, sequence: int, microseconds: int) -> None:
        """What is written is read, to the microsecond."""
        beat = Beat(sequence, microseconds * 1000)
        self.assertEqual(decode(encode(beat)), beat)

    @given(st.one_of(st.binary(max_size=60), st.binary(max_size=30).map(lambda b: b"Heartbeat 1 " + b)))
    def test_random(self, datagram: bytes) -> None:
        """No octets raise anything but `WireError`."""
        with contextlib.suppress(WireError):
            decode(datagram)

    def test_truncations(self) -> None:
        """A line that is cut off anywhere is refused, or read as what is left of it."""
        line, shortest = b"Heartbeat 12 1795358159.498196", b"Heartbeat 12 1"
        for length in range(len(line)):
            part = line[:length]
            with self.subTest(part=part):
                if length < len(shortest) or part.endswith(b"."):
                    self.assertRaises(WireError, decode, part)
                    continue
                seconds, _, fraction = part.split()[-1].decode().partition(".")
                sent_ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
                self.assertEqual(decode(part), Beat(12, sent_ns))
