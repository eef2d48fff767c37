"""Requests and responses from a stream: what is accepted, what is refused, and that splits do not matter."""

import contextlib

import h11
import httptools
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.framing import Limits, Malformed
from netlab.http.message import Fields, Request, ResponseHead
from netlab.http.parse import END, RequestParser
from netlab.http.responses import ResponseParser
from tests.http.wire import get

HOST = b"Host: a\r\n"


def outcome(
    parser: RequestParser | ResponseParser, pieces: list[bytes], closed: bool = False
) -> list[object]:
    """
    All events of a stream that comes in *pieces*, its body joined; a refusal is its status.

    Each message has its `END` here, also a request without a body.
    """
    events: list[object] = []
    try:
        for piece in pieces:
            parser.feed(piece)
            while (event := parser.next_event()) is not None:
                if isinstance(event, bytes) and events and isinstance(events[-1], bytes):
                    events[-1] += event
                else:
                    events.append(event)
                if isinstance(event, Request) and not parser.awaits_body:
                    events.append(END)
        if closed and isinstance(parser, ResponseParser):
            parser.close()
            while (event := parser.next_event()) is not None:
                events.append(event)
    except Malformed as error:
        events.append(error.status)
    return events


def requests(octets: bytes) -> list[object]:
    return outcome(RequestParser(), [octets])


def octet_by_octet(octets: bytes) -> list[bytes]:
    return [bytes([octet]) for octet in octets]


# What comes after the request line -> the status of the refusal.
REFUSED_HEADS = {
    b"Host: a\r\n folded\r\n\r\n": 400,
    b" Host: a\r\n\r\n": 400,
    b"Host : a\r\n\r\n": 400,
    b"Host: a\r\n: empty name\r\n\r\n": 400,
    b"Host: a\r\nno colon\r\n\r\n": 400,
    b"Host: a\r\nna(me: x\r\n\r\n": 400,
    b"Host: a\r\nX: a\0b\r\n\r\n": 400,
    b"Host: a\r\nX: a\x07b\r\n\r\n": 400,
    b"Host: a\r\nX: a\x7fb\r\n\r\n": 400,
    b"Host: a\r\nX: a\rb\r\n\r\n": 400,
    b"Host: a\n\r\n": 400,
    b"Host: a\r\n\n": 400,
    b"\r\n": 400,
    b"Host: a\r\nHost: a\r\n\r\n": 400,
    b"Host: a b\r\n\r\n": 400,
    b"Host: u@h\r\n\r\n": 400,
    b"Host: h/path\r\n\r\n": 400,
    b"Host: h:80x\r\n\r\n": 400,
    b"Host: [::1\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 5, 5\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 5, 6\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: +5\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: -1\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 0x5\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 05\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: \r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 5_0\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: \xb2\r\n\r\n": 400,
    b"Host: a\r\nContent-Length: 18446744073709551616\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: ,chunked\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: chunked,\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: gzip\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: \r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n": 400,
    b"Host: a\r\nTransfer-Encoding: foo\r\n\r\n": 501,
    b"Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n": 501,
    b"Host: a\r\n" + b"X: y\r\n" * 100 + b"\r\n": 431,
    b"Host: a\r\nX: " + b"y" * 100_000 + b"\r\n\r\n": 431,
    b"Host: a\r\n" + (b"X: " + b"y" * 10_000 + b"\r\n") * 7 + b"\r\n": 431,
}

REFUSED_LINES = {
    b"GET /": 400,
    b"GET / http/1.1": 400,
    b"GET / HTTP/1": 400,
    b"GET / HTTP/01.1": 400,
    b"GET / HTTP/1.1 ": 400,
    b"GET  / HTTP/1.1": 400,
    b"GET\t/ HTTP/1.1": 400,
    b" GET / HTTP/1.1": 400,
    b"G(T / HTTP/1.1": 400,
    b"GET /\x80 HTTP/1.1": 400,
    b"GET / HTTP/2.0": 505,
    b"PRI * HTTP/2.0": 505,
    b"GET / HTTP/0.9": 505,
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1": 414,
    b"G" * 100_000: 400,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
}

# A chunked body -> what it holds, or the status of the refusal.
CHUNKED = {
    b"5\r\nhello\r\n0\r\n\r\n": b"hello",
    b"5;a=b\r\nhello\r\n0\r\n\r\n": b"hello",
    b'5;a="b;\\"c";d\r\nhello\r\n0;x\r\n\r\n': b"hello",
    b"A\r\n0123456789\r\n2\r\nab\r\n000\r\n\r\n": b"0123456789ab",
    b"1\r\nx\r\n0\r\nTrailer: y\r\nContent-Length: 7\r\n\r\n": b"x",
    b"0\r\n\r\n": b"",
    b"+5\r\nhello\r\n0\r\n\r\n": 400,
    b"-5\r\nhello\r\n0\r\n\r\n": 400,
    b"0x5\r\nhello\r\n0\r\n\r\n": 400,
    b"5_0\r\nhello\r\n0\r\n\r\n": 400,
    b" 5\r\nhello\r\n0\r\n\r\n": 400,
    b"5 \r\nhello\r\n0\r\n\r\n": 400,
    b"00000000000000005\r\nhello\r\n0\r\n\r\n": 400,
    b"\r\nhello\r\n0\r\n\r\n": 400,
    b"5\r\nhelloX\r\n0\r\n\r\n": 400,
    b"5\r\nhello\n0\r\n\r\n": 400,
    b"5\nhello\r\n0\r\n\r\n": 400,
    b"5;\nhello\r\n0\r\n\r\n": 400,
    b"5;\r\nhello\r\n0\r\n\r\n": 400,
    b"5;a=\r\nhello\r\n0\r\n\r\n": 400,
    b"5;a b\r\nhello\r\n0\r\n\r\n": 400,
    b"5;" + b"a" * 2000 + b"\r\nhello\r\n0\r\n\r\n": 400,
    b"0\r\nbad trailer\r\n\r\n": 400,
}


class RequestTests(SynchronousTestCase):
    """Requests, one after the other, from the octets of a connection."""

    def test_plain(self) -> None:
        """A request is its method, target, version and fields, and ends where its body does."""
        expected = Request("GET", "/a?b", (1, 1), Fields((("Host", "a"), ("Accept", "x, y"))))
        self.assertEqual(requests(get("/a?b", "Accept:  x, y\t")), [expected, END])

    def test_pipelined(self) -> None:
        """The next request begins where the body of the last one ends."""
        stream = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" + get("/2")
        methods = [event.method for event in requests(stream) if isinstance(event, Request)]
        self.assertEqual(methods, ["POST", "GET"])

    def test_refused_heads(self) -> None:
        """A head that is malformed, ambiguous or too long is refused, however it is split."""
        for head, status in REFUSED_HEADS.items():
            with self.subTest(head=head[:60]):
                octets = b"POST / HTTP/1.1\r\n" + head
                self.assertEqual(requests(octets)[-1], status)
                self.assertEqual(outcome(RequestParser(), octet_by_octet(octets))[-1], status)

    def test_refused_request_lines(self) -> None:
        """A request line in another form, version or length is refused, however it is split."""
        for line, status in REFUSED_LINES.items():
            with self.subTest(line=line[:60]):
                octets = line + b"\r\n" + HOST + b"\r\n"
                self.assertEqual(requests(octets), [status])
                self.assertEqual(outcome(RequestParser(), octet_by_octet(octets)), [status])

    def test_chunked(self) -> None:
        """A chunked body is decoded; one whose end another reader could see elsewhere is refused."""
        for body, expected in CHUNKED.items():
            with self.subTest(body=body[:40]):
                octets = get("/", "Transfer-Encoding: chunked", method="POST") + body + get("/next")
                for pieces in ([octets], octet_by_octet(octets)):
                    events = outcome(RequestParser(), pieces)
                    if isinstance(expected, int):
                        self.assertEqual(events[-1], expected)
                        self.assertEqual(sum(isinstance(event, Request) for event in events), 1)
                    else:
                        content = [event for event in events if isinstance(event, bytes)]
                        self.assertEqual(content, [expected] if expected else [])
                        self.assertEqual(sum(isinstance(event, Request) for event in events), 2)

    def test_old_version_without_host(self) -> None:
        """HTTP/1.0 need not say Host, and cannot use Transfer-Encoding."""
        self.assertEqual(requests(b"GET / HTTP/1.0\r\n\r\n"), [Request("GET", "/", (1, 0), Fields(())), END])
        self.assertEqual(requests(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), [400])

    def test_higher_minor_version(self) -> None:
        """A higher minor version is understood as 1.1 (RFC 9110 §2.5)."""
        (request, _) = requests(get(version="HTTP/1.7"))
        assert isinstance(request, Request)
        self.assertEqual(request.version, (1, 1))

    def test_one_empty_line_before(self) -> None:
        """One empty line before a request is passed over, a second one is not (RFC 9112 §2.2)."""
        self.assertEqual(len(requests(b"\r\n" + get() + b"\r\n" + get())), 4)
        self.assertEqual(requests(b"\r\n\r\n" + get()), [400])

    def test_hosts(self) -> None:
        """Names, addresses of both kinds, ports, and an empty Host are all hosts."""
        for host in ("", "a.example", "a.example:80", "127.0.0.1:", "[::1]:8080", "%C3%BC.example", "a_b~!"):
            with self.subTest(host=host):
                octets = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                self.assertIsInstance(requests(octets)[0], Request)

    def test_long_target(self) -> None:
        """A request line of 8,000 octets is read (RFC 9112 §3)."""
        self.assertIsInstance(requests(get("/" + "a" * 8000))[0], Request)

    def test_limits_are_data(self) -> None:
        """The limits are the caller's: exactly at the limit is accepted, one octet more is not."""
        line = len("GET / HTTP/1.1")
        for limit, expected in ((line, Request), (line - 1, int)):
            events = outcome(RequestParser(Limits(start_line=limit)), [get()])
            self.assertIsInstance(events[0], expected)

    def test_what_is_awaited(self) -> None:
        """The parser tells whether part of a head or of a body is still to come."""
        parser = RequestParser()
        self.assertTrue(parser.quiet)
        parser.feed(b"POST / HTTP/1.1\r\nHost: a\r\n")
        self.assertIsNone(parser.next_event())
        self.assertFalse(parser.quiet)
        parser.feed(b"Content-Length: 3\r\n\r\nab")
        parser.next_event()
        self.assertEqual((parser.awaits_body, parser.body_length), (True, 3))
        self.assertEqual(parser.next_event(), b"ab")
        self.assertIsNone(parser.next_event())
        parser.feed(b"c")
        self.assertEqual([parser.next_event(), parser.next_event()], [b"c", END])
        self.assertEqual((parser.awaits_body, parser.quiet, parser.buffered), (False, True, 0))

    @settings(max_examples=150)
    @given(st.data())
    def test_any_split(self, data: st.DataObject) -> None:
        """How TCP cut the stream into segments does not change what was said."""
        stream = data.draw(st.sampled_from(STREAMS))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        self.assertEqual(outcome(RequestParser(), pieces), requests(stream))

    @settings(max_examples=300)
    @given(st.binary(max_size=200))
    def test_random_octets(self, octets: bytes) -> None:
        """No octets make the parser raise anything but `Malformed`."""
        requests(octets)
        requests(get()[:-2] + octets)
        requests(get("/", "Transfer-Encoding: chunked") + octets)


STREAMS = [
    get("/a", "Accept: */*") + get("/b"),
    get("/", "Transfer-Encoding: chunked", method="PUT") + b"3;x=y\r\nabc\r\n0\r\nT: u\r\n\r\n" + get("/b"),
    get("/", "Content-Length: 7", method="POST") + b"1234567" + get("/b") + b"\r\n" + get("/c"),
    *(get()[:-2] + head for head in list(REFUSED_HEADS)[:12]),
    *(line + b"\r\n" + HOST + b"\r\n" for line in list(REFUSED_LINES)[:12]),
    b"GET / HTTP/1.1\nHost: a\n\n",
]

NEAR_REQUESTS = st.lists(
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n",
            b"POST /x HTTP/1.1\r\n",
            b"HEAD / HTTP/1.0\r\n",
            b"Host: a\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Length: 03\r\n",
            b"Content-Length: 3, 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: Chunked\r\n",
            b"Transfer-Encoding: identity\r\n",
            b"transfer_encoding: chunked\r\n",
            b"X: a\x80\r\n",
            b"X:\r\n",
            b"\r\n",
            b"\n",
            b"abc",
            b"3\r\nabc\r\n",
            b"0\r\n\r\n",
            b" ",
            b"\t",
            b"\0",
        ]
    ),
    max_size=9,
).map(b"".join)


class DifferentialTests(SynchronousTestCase):
    """What we accept, others accept too, with the same framing: nobody can be set against a proxy."""

    @settings(max_examples=600)
    @given(NEAR_REQUESTS)
    def test_h11_agrees(self, tail: bytes) -> None:
        """The first request that we accept whole, h11 reads with the same method, target and body."""
        octets = get("/", method="POST")[:-2] + tail
        ours = requests(octets)
        if END not in ours:
            return
        end = ours.index(END)
        body = b"".join(event for event in ours[:end] if isinstance(event, bytes))
        theirs = h11.Connection(h11.SERVER)
        theirs.receive_data(octets)
        request = theirs.next_event()
        assert isinstance(request, h11.Request), request
        content = b""
        while isinstance(event := theirs.next_event(), h11.Data):
            content += bytes(event.data)
        self.assertIsInstance(event, h11.EndOfMessage)
        self.assertEqual(content, body)

    @settings(max_examples=600)
    @given(NEAR_REQUESTS)
    def test_httptools_agrees(self, tail: bytes) -> None:
        """And so does httptools, whose parser is Node's, for every request that we accept whole."""
        octets = get("/", method="POST")[:-2] + tail
        bodies = [b""]
        last = False  # the connection closes after this one: whatever follows is read by nobody
        for event in requests(octets):
            if event is END:
                bodies.append(b"")
                if last:
                    break
            elif isinstance(event, bytes):
                bodies[-1] += event
            elif isinstance(event, Request):
                last = not event.persistent
        seen = _Seen()
        with contextlib.suppress(httptools.HttpParserError):  # about what follows the whole requests, perhaps
            httptools.HttpRequestParser(seen).feed_data(octets)
        self.assertEqual(seen.complete[: len(bodies) - 1], bodies[:-1])


class _Seen:
    def __init__(self) -> None:
        self.complete: list[bytes] = []
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.complete.append(self._body)
        self._body = b""


class ResponseTests(SynchronousTestCase):
    """Responses, as a client reads them."""

    def read(self, octets: bytes, method: str = "GET", closed: bool = True) -> list[object]:
        results = []
        for pieces in ([octets], octet_by_octet(octets)):
            parser = ResponseParser()
            parser.expect(method)
            results.append(outcome(parser, pieces, closed))
        self.assertEqual(results[0], results[1])
        return results[0]

    def test_bodies(self) -> None:
        """A body ends by its length, by its chunks, or with the connection (RFC 9112 §6.3)."""
        for fields in (
            b"Content-Length: 2\r\n\r\nhi",
            b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            b"\r\nhi",
        ):
            with self.subTest(fields=fields):
                head, *body = self.read(b"HTTP/1.1 200 OK\r\n" + fields)
                assert isinstance(head, ResponseHead)
                self.assertEqual((head.status, head.reason), (200, "OK"))
                self.assertEqual((b"".join(b for b in body if isinstance(b, bytes)), body[-1]), (b"hi", END))

    def test_bodiless(self) -> None:
        """204, 304 and whatever answers HEAD have no body, whatever their fields say."""
        for method, status in (("GET", 204), ("GET", 304), ("HEAD", 200)):
            octets = f"HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n".encode()
            self.assertEqual(self.read(octets, method)[1:], [END])

    def test_interim(self) -> None:
        """Interim responses are passed over; an upgrade that nobody asked for is refused."""
        final = b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"
        (head, end) = self.read(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 100\r\n\r\n" + final)
        assert isinstance(head, ResponseHead)
        self.assertEqual((head.status, end), (200, END))
        self.assertEqual(self.read(b"HTTP/1.1 101 Switch\r\n\r\n"), [400])

    def test_refused(self) -> None:
        """Garbage, ambiguous lengths and a response cut short are refused."""
        for octets in (
            b"garbage\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 099 X\r\n\r\n",
            b"HTTP/1.1 200 OK\n\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 " + b"x" * 20_000,
        ):
            with self.subTest(octets=octets[:50]):
                self.assertIn(400, self.read(octets))

    def test_nothing(self) -> None:
        """A connection closed without an octet gives no event."""
        self.assertEqual(self.read(b""), [])
