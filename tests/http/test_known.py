"""`KnownHeads`: what a parser remembers makes it faster, and changes nothing of what it says."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.framing import Limits, Malformed
from netlab.http.message import Request
from netlab.http.parse import END, KnownHeads, RequestParser
from tests.http.wire import get

# What a client may send, well or ill, each so that another can follow.
PARTS = (
    get("/a"),
    get("/b"),
    get("/a", method="HEAD"),
    get("/a", "Connection: close"),
    get("/a", version="HTTP/1.0"),
    get("/a", version="HTTP/1.9"),
    get("/a", "Content-Length: 0"),
    get("/a", "Content-Length: 5", method="POST") + b"GET /",
    get("/a", "Transfer-Encoding: chunked", method="POST") + b"5\r\nGET /\r\n0\r\n\r\n",
    get("/a", "Cookie: " + "c" * 3_000),
    get("/" + "a" * 300),
    b"\r\n",
    b"\r\n" + get("/a"),
    b"GET /a HTTP/1.1\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /a HTTP/1.1\nHost: a\r\n\r\n",
    b"GET /a HTTP/1.1\r\nHost: a\r\n",
    b"Host: a\r\n\r\n",
)


def told(pieces: Iterable[bytes], known: KnownHeads | None = None) -> list[object]:
    """
    All that a parser makes of *pieces*: requests with their start lines, bodies joined, a refusal's status.

    With *known*, each piece is tried as a whole request first, as `HTTPProtocol` does.
    """
    parser = RequestParser(known=known)
    events: list[object] = []
    try:
        for piece in pieces:
            request = None if known is None else parser.take_whole(piece)
            if request is not None:
                events.append((parser.start_line, request))
                continue
            parser.feed(piece)
            while (event := parser.next_event()) is not None:
                if isinstance(event, Request):
                    events.append((parser.start_line, event))
                elif isinstance(event, bytes) and isinstance(events[-1], bytes):
                    events[-1] += event
                else:
                    events.append(event)
    except Malformed as error:
        events.append((error.status, str(error)))
    return events


def warm() -> KnownHeads:
    """What is known once every part has been met."""
    known = KnownHeads(Limits())
    for _ in range(2):
        for part in PARTS:
            told([part], known)
    return known


class KnownHeadsTests(SynchronousTestCase):
    """A parser that has met everything before, beside one that has met nothing."""

    @settings(max_examples=400)
    @given(st.lists(st.sampled_from(PARTS), max_size=5), st.lists(st.integers(0, 700), max_size=4))
    @example([b"\r\n", get("/a"), b"\r\n", get("/a")], [])
    def test_same_in_any_split(self, parts: list[bytes], cuts: list[int]) -> None:
        """However the octets come, request by request or cut anywhere, the two say the same."""
        stream = b"".join(parts)
        cold = told([stream])
        self.assertEqual(told(parts, warm()), cold)
        places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
        pieces = [stream[a:b] for a, b in pairwise(places)]
        self.assertEqual(told(pieces, warm()), cold)

    def test_short_way(self) -> None:
        """A plain request whose line and fields were met is taken at once, also when not together."""
        known = KnownHeads(Limits())
        told([get("/a"), get("/b", "X: y")], known)
        for request in (get("/a"), get("/a", "X: y"), get("/b")):
            self.assertEqual(told([request]), [told([request])[0]])
            taken = RequestParser(known=known).take_whole(request)
            self.assertEqual(told([request])[0], (request.partition(b"\r\n")[0], taken))

    def test_no_short_way(self) -> None:
        """What is not just one request without a body, or does not come first, is left to the long way."""
        known = warm()
        post, rest = get("/a", "Content-Length: 5", method="POST"), b"GET /"
        for octets in (post, post + rest, get("/a") * 2, get("/a")[:-1], b"\r\n" + get("/a"), b""):
            self.assertIsNone(RequestParser(known=known).take_whole(octets))
        for before in (get("/a")[:20], get("/a")[:-1], post, post + rest[:2]):
            parser = RequestParser(known=known)
            parser.feed(before)
            self.assertIsNone(parser.take_whole(get("/a")))
            parser.next_event()
            self.assertIsNone(parser.take_whole(get("/a")))

    def test_bounded(self) -> None:
        """A stranger who never repeats a line, a field or a request fills a few MiB, and no more."""
        known = KnownHeads(Limits())
        for number in range(20_000):
            request = get(f"/{number}" + "a" * (number % 300), f"X: {number}{'x' * (number % 3_000)}")
            (event,) = told([request], known)
            assert isinstance(event, tuple)
            self.assertEqual(event[1].target, request.split()[1].decode())
            if number % 100 == 0:
                told([get("/kept")], known)
                self.assertIsNotNone(RequestParser(known=known).take_whole(get("/kept")))
        memos = [memo for memo in vars(known).values() if isinstance(memo, dict)]
        self.assertLess(sum(len(octets) for memo in memos for octets in memo), 2 * 2**20)
        self.assertTrue(all(len(memo) <= 2_048 for memo in memos))

    def test_end_of_body(self) -> None:
        """The end of a body is told once, also where the next request is known."""
        stream = [PARTS[7], PARTS[0]]
        self.assertEqual(told(stream, warm())[1:3], [b"GET /", END])
