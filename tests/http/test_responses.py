"""Responses from a stream: every split gives one result, and h11 agrees on what is valid."""

from itertools import pairwise

import h11
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.framing import Malformed
from netlab.http.message import Fields, ResponseHead
from netlab.http.parse import END
from netlab.http.responses import ResponseParser

_NAMES = st.from_regex(r"X-[A-Za-z0-9]{1,8}", fullmatch=True)
_VALUES = st.from_regex(r"[!-~]([ -~]{0,20}[!-~])?", fullmatch=True)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES), max_size=4)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A valid response: interim ones before it, a body of one of the three kinds, trailers."""
    interim = b"".join(
        b"HTTP/1.1 %d Wait\r\n\r\n" % status
        for status in draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2))
    )
    status = draw(st.sampled_from([200, 204, 206, 301, 304, 404, 503]))
    head = f"HTTP/1.1 {status} Some reason\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in draw(_FIELDS))
    body = draw(st.binary(max_size=300))
    kind = draw(st.sampled_from(["length", "chunked", "close"]))
    if status in (204, 304):
        return interim + f"{head}\r\n".encode()
    if kind == "length":
        return interim + f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    if kind == "close":
        return interim + f"{head}\r\n".encode() + body
    size = draw(st.integers(1, 100))
    chunks = b"".join(
        b"%x;a=b\r\n%b\r\n" % (len(body[at : at + size]), body[at : at + size])
        for at in range(0, len(body), size)
    )
    trailers = "".join(f"{name}: {value}\r\n" for name, value in draw(_FIELDS))
    return (
        interim
        + f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        + chunks
        + f"0\r\n{trailers}\r\n".encode()
    )


def read(pieces: list[bytes]) -> tuple[object, ...]:
    """The head, the body, the trailers, the octets of the head, and how it ended."""
    parser = ResponseParser()
    head: object = None
    body, end = b"", "open"
    try:
        for piece in [*pieces, None]:
            if piece is None:
                parser.close()
            else:
                parser.feed(piece)
            while (event := parser.next_event()) is not None:
                if isinstance(event, ResponseHead):
                    head = event, parser.head_octets
                elif isinstance(event, bytes):
                    body += event
                else:
                    end = "end"
    except Malformed as error:
        end = str(error)
    return head, body, parser.trailers, end


def split(octets: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[start:end] for start, end in pairwise(places)]


class SplitTests(SynchronousTestCase):
    """How TCP cut a response changes nothing."""

    @given(responses(), st.lists(st.integers(0, 2000), max_size=10), st.integers(0, 3))
    def test_valid(self, octets: bytes, cuts: list[int], missing: int) -> None:
        """Of a valid response, or one cut short, any split gives one result."""
        octets = octets[: len(octets) - missing]
        whole = read([octets])
        self.assertEqual(read(split(octets, cuts)), whole)
        self.assertEqual(read([octets[at : at + 1] for at in range(len(octets))]), whole)

    @given(
        st.lists(
            st.sampled_from(
                [
                    b"HTTP/1.1 200 OK\r\n",
                    b"HTTP/1.1 100 C\r\n\r\n",
                    b"Content-Length: 3\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    *(b"a: b\r\n", b"\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"\n", b"\0"),
                ]
            ),
            max_size=8,
        ),
        st.lists(st.integers(0, 200), max_size=6),
    )
    def test_any(self, parts: list[bytes], cuts: list[int]) -> None:
        """Of what is invalid as well, and nothing but `Malformed` is raised."""
        octets = b"".join(parts)
        whole = read([octets])
        head, *_, end = read(split(octets, cuts))
        self.assertEqual((head, end), (whole[0], whole[-1]))


class DifferentialTests(SynchronousTestCase):
    """h11 as the judge."""

    @given(responses())
    def test_h11_agrees(self, octets: bytes) -> None:
        """h11 finds the same status, fields, body and trailers in a valid response."""
        judge = h11.Connection(h11.CLIENT)
        judge.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        judge.send(h11.EndOfMessage())
        judge.receive_data(octets)
        judge.receive_data(b"")
        events = []
        while not events or not isinstance(events[-1], h11.EndOfMessage):
            events.append(judge.next_event())
        response = next(event for event in events if isinstance(event, h11.Response))
        head, body, trailers, end = read([octets])
        assert isinstance(head, tuple)
        assert isinstance(trailers, Fields)
        self.assertEqual(head[0].status, response.status_code)
        self.assertEqual(lines(head[0].fields), [(n.lower(), v) for n, v in response.headers.raw_items()])
        self.assertEqual(body, b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data)))
        self.assertEqual(lines(trailers), [(n.lower(), v) for n, v in events[-1].headers.raw_items()])
        self.assertEqual(end, "end")


def lines(fields: Fields) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]


class ParserTests(SynchronousTestCase):
    """What only a client's parser knows."""

    def test_uncopied(self) -> None:
        """The octets of a plain body are handed on as they came, without a copy."""
        for head in (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"):
            parser = ResponseParser()
            parser.feed(head)
            parser.next_event()
            piece = bytes(50_000)
            parser.feed(piece)
            self.assertEqual(parser.buffered, len(piece))
            self.assertIs(parser.next_event(), piece)

    def test_two(self) -> None:
        """One response may follow another, whose head begins where the first one's body ends."""
        one = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        parser = ResponseParser()
        parser.feed(one + b"h")
        parser.next_event()
        parser.next_event()
        self.assertEqual((parser.expected, parser.endless), (1, False))
        parser.feed(b"i" + one + b"hi")
        self.assertEqual([parser.next_event(), parser.next_event()], [b"i", END])
        self.assertIsInstance(parser.next_event(), ResponseHead)
        self.assertEqual(parser.head_octets, one)

    def test_tunnel(self) -> None:
        """A 2xx to CONNECT has no body (RFC 9112 §6.3)."""
        parser = ResponseParser()
        parser.expect("CONNECT")
        parser.feed(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertIsInstance(parser.next_event(), ResponseHead)
        self.assertIs(parser.next_event(), END)

    def test_endless_interim(self) -> None:
        """Interim responses have a bound."""
        self.assertIn("interim", str(read([b"HTTP/1.1 100 C\r\n\r\n" * 21])[-1]))
