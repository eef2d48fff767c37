"""Which form of a file a request gets: preconditions, ranges and codings, as the RFC's tables have it."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.coding import choose
from netlab.http.conditional import Verdict, evaluate, range_applies
from netlab.http.dates import parse_date
from netlab.http.message import Fields, Request
from netlab.http.ranges import content_range, parse_ranges
from netlab.http.validators import ETag, etag_of_file, match_strongly, match_weakly, parse_etag, parse_etags

NOW = 784_111_777.0 + 3600
MODIFIED = 784_111_777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
AFTER = "Sun, 06 Nov 1994 08:49:38 GMT"
TAG = ETag("x")

PERFORM, NOT_MODIFIED, FAILED = Verdict.PERFORM, Verdict.NOT_MODIFIED, Verdict.FAILED


def request(*fields: tuple[str, str], method: str = "GET") -> Request:
    return Request(method, "/", (1, 1), Fields(fields))


# The fields of a request, and what they say of a file with the ETag "x", changed at DATE.
PRECONDITIONS = [
    ((), PERFORM),
    ((("If-Match", '"x"'),), PERFORM),
    ((("If-Match", '"y", "x"'),), PERFORM),
    ((("If-Match", "*"),), PERFORM),
    ((("If-Match", '"y"'),), FAILED),
    ((("If-Match", 'W/"x"'),), FAILED),
    ((("If-Match", "x"),), FAILED),
    ((("If-Match", '"x"'), ("If-Unmodified-Since", BEFORE)), PERFORM),
    ((("If-Unmodified-Since", BEFORE),), FAILED),
    ((("If-Unmodified-Since", DATE),), PERFORM),
    ((("If-Unmodified-Since", "yesterday"),), PERFORM),
    ((("If-None-Match", '"x"'),), NOT_MODIFIED),
    ((("If-None-Match", 'W/"x"'),), NOT_MODIFIED),
    ((("If-None-Match", '"a,b" , "x"'),), NOT_MODIFIED),
    ((("If-None-Match", '"y"'), ("If-None-Match", '"x"')), NOT_MODIFIED),
    ((("If-None-Match", " * "),), NOT_MODIFIED),
    ((("If-None-Match", '"y"'),), PERFORM),
    ((("If-None-Match", '"y"'), ("If-Modified-Since", AFTER)), PERFORM),
    ((("If-Match", '"x"'), ("If-None-Match", '"x"')), NOT_MODIFIED),
    ((("If-Match", '"y"'), ("If-None-Match", '"x"')), FAILED),
    ((("If-Modified-Since", DATE),), NOT_MODIFIED),
    ((("If-Modified-Since", AFTER),), NOT_MODIFIED),
    ((("If-Modified-Since", BEFORE),), PERFORM),
    ((("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT"),), NOT_MODIFIED),
    ((("If-Modified-Since", "Sun Nov  6 08:49:37 1994"),), NOT_MODIFIED),
    ((("If-Modified-Since", "1994-11-06"),), PERFORM),
    ((("If-Modified-Since", DATE), ("If-Modified-Since", DATE)), PERFORM),
]

IF_RANGE = [
    (None, True),
    ('"x"', True),
    ('"y"', False),
    ('W/"x"', False),
    (DATE, True),
    (BEFORE, False),
    (AFTER, False),
    ("x", False),
]

# A Range field, and the octets that it asks for of a file of 1,000.
RANGES: list[tuple[str, list[tuple[int, int]] | None]] = [
    ("bytes=0-0", [(0, 1)]),
    ("bytes=-5", [(995, 1000)]),
    ("bytes=-99999", [(0, 1000)]),
    ("bytes=10-99999", [(10, 1000)]),
    ("bytes=999-", [(999, 1000)]),
    ("Bytes = 0-1 , 500-501 ", [(0, 2), (500, 502)]),
    ("bytes=500-501,0-1", [(0, 2), (500, 502)]),
    ("bytes=0-499,400-600", [(0, 601)]),
    ("bytes=0-9,20-29", [(0, 30)]),
    ("bytes=0-9,2000-", [(0, 10)]),
    ("bytes=1000-", []),
    ("bytes=-0", []),
    ("bytes=2000-3000", []),
    ("lines=0-1", None),
    ("bytes", None),
    ("bytes=", None),
    ("bytes=a-b", None),
    ("bytes=5-2", None),
    ("bytes=-", None),
    ("bytes=0-1,,5-6", None),
    ("bytes=0-1,x", None),
    ("bytes=+1-2", None),
    ("bytes=" + "0-," * 200 + "0-", None),
    ("bytes=" + "9" * 30 + "-", None),
]

ALL = ("zstd", "br", "gzip")
CODINGS: list[tuple[str | None, tuple[str, ...], str | None]] = [
    (None, ALL, None),
    ("", ALL, None),
    ("gzip", ALL, "gzip"),
    ("GZIP", ALL, "gzip"),
    ("x-gzip", ALL, "gzip"),
    ("gzip, deflate, br, zstd", ALL, "zstd"),
    ("gzip, deflate, br", ALL, "br"),
    ("gzip;q=1.0, br;q=0.5", ALL, "gzip"),
    ("br", ("gzip",), None),
    ("gzip;q=0", ALL, None),
    ("*", ALL, "zstd"),
    ("*;q=0, gzip", ALL, "gzip"),
    ("*;q=0", ALL, None),
    ("identity, gzip;q=0.5", ALL, None),
    ("identity;q=0, gzip;q=0.1", ALL, "gzip"),
    ("identity;q=0", ALL, None),
    ("gzip;q=2", ALL, None),
    ("gzip ; q=0.5 ,br;q=0.4", ALL, "gzip"),
    ("gzip", (), None),
]


class ConditionalTests(SynchronousTestCase):
    """RFC 9110 §13"""

    def test_preconditions(self) -> None:
        """Each precondition is judged in its order, by the comparison that it asks for."""
        for fields, verdict in PRECONDITIONS:
            with self.subTest(fields=fields):
                self.assertEqual(evaluate(request(*fields), TAG, MODIFIED, NOW), verdict)

    def test_unsafe_methods(self) -> None:
        """For a method that changes things, If-None-Match fails, and If-Modified-Since says nothing."""
        post = request(("If-None-Match", '"x"'), method="PUT")
        self.assertEqual(evaluate(post, TAG, MODIFIED, NOW), FAILED)
        post = request(("If-Modified-Since", AFTER), method="PUT")
        self.assertEqual(evaluate(post, TAG, MODIFIED, NOW), PERFORM)

    def test_if_range(self) -> None:
        """Ranges are of the representation that the client has a part of, or not given."""
        for value, expected in IF_RANGE:
            with self.subTest(value=value):
                fields = [("Range", "bytes=0-1")] + ([("If-Range", value)] if value else [])
                self.assertEqual(range_applies(request(*fields), TAG, MODIFIED, NOW), expected)

    def test_no_range(self) -> None:
        """Only GET has ranges, and a date within its own second proves nothing."""
        self.assertFalse(range_applies(request(), TAG, MODIFIED, NOW))
        self.assertFalse(range_applies(request(("Range", "bytes=0-1"), method="HEAD"), TAG, MODIFIED, NOW))
        fresh = request(("Range", "bytes=0-1"), ("If-Range", DATE))
        self.assertFalse(range_applies(fresh, TAG, MODIFIED, MODIFIED + 0.5))


class DateTests(SynchronousTestCase):
    """RFC 9110 §5.6.7"""

    def test_forms(self) -> None:
        """All three forms are read; anything else is no date."""
        for text, expected in (
            (DATE, MODIFIED),
            ("Sunday, 06-Nov-94 08:49:37 GMT", MODIFIED),
            ("Sun Nov  6 08:49:37 1994", MODIFIED),
            ("Sun Nov 16 08:49:37 1994", MODIFIED + 864_000),
            ("Sun, 06 Nov 1994 08:49:60 GMT", MODIFIED + 22),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 0000 08:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, ٠٦ Nov 1994 08:49:37 GMT", None),
            ("", None),
        ):
            with self.subTest(text=text):
                self.assertEqual(parse_date(text, NOW), expected)

    def test_century(self) -> None:
        """Two digits of a year mean the one that is at most 50 years ahead."""
        in_2026 = 1_795_000_000.0
        for year, expected in (("76", 2076), ("77", 1977), ("00", 2000)):
            seconds = parse_date(f"Monday, 01-Jan-{year} 00:00:00 GMT", in_2026)
            assert seconds is not None
            self.assertEqual(round(1970 + seconds / 31_556_952), expected)


class ETagTests(SynchronousTestCase):
    """RFC 9110 §8.8.3"""

    def test_comparison(self) -> None:
        """The table of §8.8.3.2."""
        for a, b, strong, weak in (
            ('W/"1"', 'W/"1"', False, True),
            ('W/"1"', 'W/"2"', False, False),
            ('W/"1"', '"1"', False, True),
            ('"1"', '"1"', True, True),
        ):
            first, second = parse_etag(a), parse_etag(b)
            assert first is not None
            assert second is not None
            self.assertEqual((match_strongly(first, second), match_weakly(first, second)), (strong, weak))
            self.assertEqual((str(first), str(second)), (a, b))

    def test_lists(self) -> None:
        """Lists with commas inside tags, empty members, and an end at what is no tag."""
        for text, expected in (
            ('"a"', ["a"]),
            ('"a","b,c" , W/"d"', ["a", "b,c", "d"]),
            (',, "a",', ["a"]),
            ('"a" "b"', []),
            ('"a", b, "c"', ["a"]),
            ("", []),
        ):
            with self.subTest(text=text):
                self.assertEqual([tag.opaque for tag in parse_etags(text)], expected)

    def test_no_tags(self) -> None:
        """What has no quotes, or a quote inside, is no tag."""
        for text in ("x", '"', '"a"b"', 'w/"a"', "W/x", '"a b"'):
            self.assertIsNone(parse_etag(text))

    def test_of_file(self) -> None:
        """Size, time and inode: whichever changes, the tag does."""
        tags = {etag_of_file(1, 2, 3), etag_of_file(2, 2, 3), etag_of_file(1, 3, 3), etag_of_file(1, 2, 4)}
        self.assertEqual(len(tags), 4)
        self.assertFalse(any(tag.weak for tag in tags))


class RangeTests(SynchronousTestCase):
    """RFC 9110 §14"""

    def test_ranges(self) -> None:
        """What is asked for, in order and joined; nothing; or a field that is to be ignored."""
        for text, expected in RANGES:
            with self.subTest(text=text[:40]):
                self.assertEqual(parse_ranges(text, 1000), expected)

    def test_empty_file(self) -> None:
        """An empty file has no octets to give."""
        self.assertEqual(parse_ranges("bytes=0-", 0), [])

    def test_content_range(self) -> None:
        """As the field is written."""
        self.assertEqual(content_range((0, 500), 1234), "bytes 0-499/1234")

    @given(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8),
        st.integers(0, 50),
    )
    def test_any(self, wanted: list[tuple[int, int]], size: int) -> None:
        """The parts hold every octet that was asked for, none twice, and never more than the file."""
        wanted = [(min(pair), max(pair)) for pair in wanted]
        parts = parse_ranges("bytes=" + ",".join(f"{a}-{b}" for a, b in wanted), size)
        assert parts is not None
        given_octets = [octet for first, end in parts for octet in range(first, end)]
        asked = {octet for a, b in wanted for octet in range(a, min(b + 1, size))}
        self.assertTrue(asked.issubset(given_octets))
        self.assertEqual(len(given_octets), len(set(given_octets)))
        self.assertTrue(all(octet < size for octet in given_octets))


class CodingTests(SynchronousTestCase):
    """RFC 9110 §12.5.3"""

    def test_choice(self) -> None:
        """The highest weight wins, then the smallest result; what is excluded is never chosen."""
        for accept, available, expected in CODINGS:
            with self.subTest(accept=accept, available=available):
                self.assertEqual(choose(accept, available), expected)
