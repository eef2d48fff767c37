"""What course implementations send in place of the classic line, in octets."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.heartbeat.dialect import FORMATS, MAX_SEQUENCE, read

NOW = 1_795_358_159_498_196_000  # Sun 22 November 2026, 14:35:59.498196 UTC
SECOND = 1_795_358_159_000_000_000
LINES = {
    # number and time
    b"42 1795358159.498196": (42, NOW),
    b"42,1795358159.498196": (42, NOW),
    b"42, 1795358159.498196": (42, NOW),
    b"42; 1795358159.498196": (42, NOW),
    b"Ping 42 1795358159.498196": (42, NOW),
    b"PING 42 1795358159": (42, SECOND),
    b"ping,42,1795358159.5": (42, SECOND + 500_000_000),
    b"heartbeat 42 1795358159.4981961239": (42, NOW + 123),
    b"0 0": (0, 0),
    b"18446744073709551615 999999999999": (MAX_SEQUENCE, 999_999_999_999 * 10**9),
    # milliseconds, microseconds, nanoseconds
    b"42 1795358159498": (42, SECOND + 498_000_000),
    b"42 1795358159498.196": (42, NOW),
    b"42,1795358159498196": (42, NOW),
    b"42 1795358159498196000": (42, NOW),
    b"Heartbeat 42 1795358159498": (42, SECOND + 498_000_000),
    # dates
    b"42 Sun Nov 22 14:35:59 2026": (42, SECOND),
    b"Ping 42 Sun Nov 22 14:35:59 2026": (42, SECOND),
    b"Ping 42 sun nov  1 14:35:59 2026": (42, SECOND - 21 * 86_400 * 10**9),
    b"42 2026-11-22 14:35:59.498196": (42, NOW),
    b"42,2026-11-22T14:35:59Z": (42, SECOND),
    b"42 2026-11-22 14:35:59,498": (42, SECOND + 498_000_000),
    # no number
    b"Heartbeat 1795358159.498196": (None, NOW),
    b"Heartbeat 1795358159498": (None, SECOND + 498_000_000),
    b"Ping 1795358159": (None, SECOND),
    b"1795358159.498196": (None, NOW),
    b"0.5": (None, 500_000_000),
    b"Sun Nov 22 14:35:59 2026": (None, SECOND),
    b"Heartbeat 2026-11-22 14:35:59.498196": (None, NOW),
    # no time
    b"Sequence No.: 42": (42, None),
    b"sequence no: 42": (42, None),
    b"Sequence No. : 42": (42, None),
    b"Heartbeat 42": (42, None),
    b"Ping 42": (42, None),
    b"42": (42, None),
    b"999999999": (999_999_999, None),
    # neither
    b"alive": (None, None),
    b"Heartbeat": (None, None),
    b"I-am_here": (None, None),
    b"Hello!": (None, None),
}
REFUSED = (
    b"",
    b"alive and well",
    b"GET / HTTP/1.1",
    b"a" * 65,
    b"-1 5",
    b"1 -5",
    b"1 5 6",
    b"1 5\n6",
    b"1 1e9",
    b"1 nan",
    b"1 5.",
    b"1 .5",
    b"1     5",
    b"1\t5",
    b"1795358159.",
    b"18446744073709551616 5",
    b"Sequence No.: 18446744073709551616",
    b"Sequence No.:",
    b"1 " + b"9" * 21,
    b"9" * 300,
    "\u0661 5".encode(),
    b"42 Sun Foo 22 14:35:59 2026",
    b"42 Sun Nov 31 14:35:59 2026",
    b"42 Sun Nov 22 24:35:59 2026",
    b"42 Sun Nov 22 14:35:59 1969",
    b"42 2026-11-22",
    b"42 2026-02-30 14:35:59",
    b"42 0000-01-01 00:00:00",
    b"alive\xff",
)
WRITTEN = {
    "classic": b"Heartbeat 42 1795358159.498196",
    "bare": b"42 1795358159.498196",
    "csv": b"42,1795358159.498196",
    "ping": b"Ping 42 1795358159.498196",
    "time": b"Heartbeat 1795358159.498196",
    "number": b"Sequence No.: 42",
    "ms": b"42 1795358159498",
    "ctime": b"42 Sun Nov 22 14:35:59 2026",
    "iso": b"42 2026-11-22 14:35:59.498196",
    "word": b"alive",
}


class DialectTests(SynchronousTestCase):
    """`read` and `FORMATS`"""

    def test_lines(self) -> None:
        """Each dialect is read for what it says: number, time, both or neither."""
        for line, reading in LINES.items():
            with self.subTest(line=line):
                self.assertEqual(read(line), reading)

    def test_refused(self) -> None:
        """What is none of them is refused."""
        for line in REFUSED:
            with self.subTest(line=line[:40]):
                self.assertRaises(WireError, read, line)

    def test_formats(self) -> None:
        """The sender writes each, to the octet."""
        written = {name: line(42, NOW).encode() for name, line in FORMATS.items()}
        self.assertEqual(written, WRITTEN)

    def test_far_future(self) -> None:
        """A time that no calendar reaches cannot be written as a date."""
        for form in ("ctime", "iso"):
            self.assertRaises(ValueError, FORMATS[form], 1, 10**21)

    @given(st.integers(0, MAX_SEQUENCE), st.integers(10**15, 4 * 10**15), st.sampled_from(sorted(FORMATS)))
    def test_round_trip(self, number: int, microseconds: int, form: str) -> None:
        """What the sender writes is read, as exactly as its dialect can tell."""
        ns = microseconds * 1000
        sequence, sent_ns = read(FORMATS[form](number, ns).encode())
        self.assertEqual(sequence, None if form in ("time", "word") else number)
        exactness = {"ms": 10**6, "ctime": 10**9}.get(form, 1)
        self.assertEqual(sent_ns, None if form in ("number", "word") else ns // exactness * exactness)

    @given(
        st.one_of(
            st.binary(max_size=60),
            st.text("0123456789.,:;- PingSunovZT", max_size=40).map(str.encode),
            st.sampled_from(sorted(LINES)).flatmap(lambda line: st.permutations(line).map(bytes)),
        )
    )
    def test_random(self, line: bytes) -> None:
        """No octets raise anything but `WireError`."""
        with contextlib.suppress(WireError):
            read(line)
