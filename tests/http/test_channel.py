"""What workers and their parent tell each other: round trips, what is refused, and lines however cut."""

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.http.channel import (
    MAX_LINE,
    Lines,
    Report,
    decode_ask,
    decode_report,
    encode_ask,
    encode_report,
)
from netlab.http.counters import BUCKETS, Counters
from netlab.http.message import KNOWN_METHODS

NATURAL = st.integers(0, 2**63 - 1)


class MessageTests(SynchronousTestCase):
    """Questions and reports."""

    @given(NATURAL)
    def test_ask(self, number: int) -> None:
        """A question is read as it was written, in one line."""
        line = encode_ask(number)
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
        self.assertEqual(decode_ask(line), number)

    @given(st.none() | NATURAL, NATURAL, st.dictionaries(st.text(), st.integers() | st.text()))
    def test_report(self, answers: int | None, connections: int, counters: dict[str, int | str]) -> None:
        """A report is read as it was written, in one line."""
        report = Report(answers, connections, counters)
        line = encode_report(report)
        self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))
        self.assertEqual(decode_report(line), report)

    def test_literal(self) -> None:
        """The messages look as they are described."""
        self.assertEqual(encode_ask(7), b'{"ask":7}\n')
        self.assertEqual(
            encode_report(Report(None, 3, {})), b'{"answers":null,"connections":3,"counters":{}}\n'
        )

    def test_longest(self) -> None:
        """The longest report there can be is not too long."""
        counters = Counters()
        for method in (*KNOWN_METHODS, "other"):
            for status in (0, *range(100, 600)):
                counters.requests[method, status] = 2**40
        counters.durations = [2**50] * (len(BUCKETS) + 1)
        self.assertLess(len(encode_report(Report(2**62, 2**62, counters.snapshot()))), MAX_LINE)

    def test_wrong(self) -> None:
        """What is no message is refused."""
        for line in (b"", b"7", b"[]", b"{}", b"\xff", b'{"ask":1', b"[" * 100_000, b'{"ask":"7"}'):
            with self.subTest(line=line[:20]):
                self.assertRaises(WireError, decode_ask, line)
                self.assertRaises(WireError, decode_report, line)
        for line in (b'{"ask":-1}', b'{"ask":1.5}', b'{"ask":true}', b'{"ask":null}', b'{"ask":1,"b":2}'):
            with self.subTest(line=line):
                self.assertRaises(WireError, decode_ask, line)
        good = {"answers": None, "connections": 1, "counters": {}}
        for wrong in ({"answers": "1"}, {"connections": None}, {"counters": []}, {"more": 1}):
            with self.subTest(wrong=wrong):
                self.assertRaises(WireError, decode_report, json.dumps({**good, **wrong}).encode())

    @given(st.binary())
    def test_any_octets(self, octets: bytes) -> None:
        """Nothing but a `WireError` comes of octets that are none."""
        readers: list[Callable[[bytes], object]] = [decode_ask, decode_report]
        for read in readers:
            try:
                read(octets)
            except WireError:
                continue


class LinesTests(SynchronousTestCase):
    """`Lines`"""

    @given(st.lists(st.binary(max_size=30).map(lambda octets: octets.replace(b"\n", b" "))), st.data())
    def test_any_split(self, lines: list[bytes], data: st.DataObject) -> None:
        """Lines are found however their octets come, each cut at the limit."""
        octets = b"".join(line + b"\n" for line in lines)
        places = sorted(data.draw(st.lists(st.integers(0, len(octets)))))
        taker = Lines(20)
        found = []
        for start, end in zip([0, *places], [*places, len(octets)], strict=True):
            found += taker.feed(octets[start:end])
        self.assertEqual(found, [line[:20] for line in lines])
        self.assertEqual(list(taker.close()), [])

    def test_bounded(self) -> None:
        """A line without an end is kept no longer than the limit."""
        taker = Lines(5)
        for _ in range(100):
            self.assertEqual(list(taker.feed(b"abc")), [])
        self.assertEqual(list(taker.close()), [b"abcab"])
        self.assertEqual(list(taker.close()), [])
