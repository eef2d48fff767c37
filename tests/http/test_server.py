"""One connection of the web server: what is written, when it closes, and what is waited for."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.deadline import Deadlines
from netlab.http.files import StaticFiles
from netlab.http.message import Fields, Request, Response
from netlab.http.server import MAX_DISCARDED, READ_AHEAD
from tests.http.wire import HELLO, Client, folder, get, hello, responses


class ExchangeTests(SynchronousTestCase):
    """Requests and their responses."""

    def test_whole_response(self) -> None:
        """To the octet: status line, Server, the answer's fields, length, Date, empty line, body."""
        self.assertEqual(
            Client().send(get()),
            b"HTTP/1.1 200 OK\r\nServer: netlab\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"
            b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nHello, world\n",
        )

    def test_head(self) -> None:
        """HEAD has the head of GET, and no body."""
        client = Client()
        whole, head = client.send(get()), client.send(get(method="HEAD"))
        self.assertEqual(head, whole[: -len(HELLO)])

    def test_pipelined(self) -> None:
        """Requests sent at once are answered in their order."""
        client = Client([lambda request: Response(200, body=request.target.encode())])
        answers = responses(client.send(get("/1") + get("/2") + get("/3")), "GET", "GET", "GET")
        self.assertEqual([body for _, _, body in answers], [b"/1", b"/2", b"/3"])
        self.assertFalse(client.closed)

    @settings(max_examples=40)
    @given(st.lists(st.integers(0, 200), max_size=6))
    def test_any_split(self, cuts: list[int]) -> None:
        """How TCP cut the requests into segments does not change the answers."""
        stream = get("/1") + get("/2", "Content-Length: 3", method="POST") + b"abc" + get("/3", method="HEAD")
        client = Client()
        written = b""
        for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), len(stream)], strict=True):
            written += client.send(stream[a:b])
        self.assertEqual(written, Client().send(stream))

    def test_octet_by_octet(self) -> None:
        """A request in segments of one octet is answered all the same."""
        self.assertEqual(Client().send_slowly(get()), Client().send(get()))

    def test_answers_in_turn(self) -> None:
        """The first answer that does not pass wins; where all pass, it is 404."""
        client = Client([lambda request: None, hello])
        self.assertEqual(responses(client.send(get()))[0][0], 200)
        client = Client([lambda request: None])
        self.assertEqual(responses(client.send(get()))[0][0], 404)

    def test_mistaken_answer(self) -> None:
        """A mistake in an answer is a 500, logged, and the connection goes on."""

        def mistaken(request: Request) -> Response:
            if request.target == "/fields":
                return Response(200, Fields((("X", "a\r\nInjected: b"),)))
            raise ZeroDivisionError

        client = Client([mistaken])
        self.assertEqual(responses(client.send(get()))[0][0], 500)
        answer = client.send(get("/fields"))
        self.assertEqual(responses(answer)[0][0], 500)
        self.assertNotIn(b"Injected", answer)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError, ValueError)), 2)

    def test_refusal(self) -> None:
        """What is no request gets its status on a connection that closes; what follows is not read."""
        client = Client()
        (status, fields, body) = responses(client.send(b"GET / HTTP/1.1\r\n\r\n" + get()))[0]
        self.assertEqual((status, fields["connection"]), (400, "close"))
        self.assertIn(b"Host", body)
        self.assertTrue(client.closed)
        self.assertEqual(client.send(get()), b"")

    def test_no_length_where_none_belongs(self) -> None:
        """204 and 304 have neither a body, whatever the answer gives, nor a length (RFC 9110 §8.6)."""
        for status in (204, 304):
            client = Client([lambda request, status=status: Response(status, body=b"oops")])  # type: ignore[misc]
            octets = client.send(get())
            self.assertNotIn(b"Content-Length", octets)
            self.assertTrue(octets.endswith(b"\r\n\r\n"))

    def test_no_final_status(self) -> None:
        """An answer that is no final response is a mistake."""
        for status in (100, 199, 600):
            client = Client([lambda request, status=status: Response(status)])  # type: ignore[misc]
            self.assertEqual(responses(client.send(get()))[0][0], 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)


class PersistenceTests(SynchronousTestCase):
    """When a connection goes on, and when it closes."""

    def test_who_closes(self) -> None:
        """HTTP/1.1 goes on unless told to close, HTTP/1.0 closes unless told to go on."""
        for version, field, closed, said in (
            ("HTTP/1.1", "X: y", False, None),
            ("HTTP/1.1", "Connection: close", True, "close"),
            ("HTTP/1.1", "Connection: foo, CLOSE", True, "close"),
            ("HTTP/1.0", "X: y", True, "close"),
            ("HTTP/1.0", "Connection: keep-alive", False, "keep-alive"),
            ("HTTP/1.0", "Connection: keep-alive, close", True, "close"),
        ):
            with self.subTest(version=version, field=field):
                client = Client()
                (_, fields, _) = responses(client.send(get("/", field, version=version)))[0]
                self.assertEqual((client.closed, fields.get("connection")), (closed, said))

    def test_unwanted_body(self) -> None:
        """The body of a request is passed over, and never read as the next request."""
        client = Client()
        smuggled = get("/smuggled")
        stream = get("/", f"Content-Length: {len(smuggled)}", method="POST") + smuggled + get("/2")
        self.assertEqual(len(responses(client.send(stream), "POST", "GET")), 2)
        self.assertEqual([e.start_line for e in client.exchanges], [b"POST / HTTP/1.1", b"GET /2 HTTP/1.1"])

    def test_large_unwanted_body(self) -> None:
        """A body too large to pass over closes the connection after its answer."""
        client = Client()
        octets = client.send(get("/", f"Content-Length: {MAX_DISCARDED + 1}", method="POST"))
        self.assertEqual(responses(octets, "POST")[0][1]["connection"], "close")
        self.assertTrue(client.closed)

    def test_endless_chunks(self) -> None:
        """A chunked body that grows too large closes the connection too."""
        client = Client()
        client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        self.assertFalse(client.closed)
        client.send(b"10001\r\n" + b"x" * 0x10001)
        self.assertTrue(client.closed)

    def test_malformed_body(self) -> None:
        """A body that breaks off into garbage closes, without a second answer."""
        client = Client()
        client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        self.assertEqual(client.send(b"xyz\r\n"), b"")
        self.assertTrue(client.closed)

    def test_expectation(self) -> None:
        """A client that waits for 100 Continue gets the final answer at once, and a close."""
        client = Client()
        octets = client.send(get("/", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        self.assertEqual(responses(octets, "POST")[0][0], 200)
        self.assertTrue(client.closed)

    def test_half_close(self) -> None:
        """A client that has said all it wants to say is answered in full."""
        client = Client()
        client.protocol.pauseProducing()
        client.send(get("/1") + get("/2"))
        client.protocol.readConnectionLost()
        self.assertEqual(client.transport.value(), b"")
        client.protocol.resumeProducing()
        self.assertEqual(len(responses(client.transport.value(), "GET", "GET")), 2)
        self.assertTrue(client.closed)

    def test_half_close_in_silence(self) -> None:
        """A client that closes without a request is closed too."""
        client = Client()
        client.protocol.readConnectionLost()
        self.assertTrue(client.closed)
        client.protocol.readConnectionLost()
        client.protocol.writeConnectionLost()

    def test_limit_of_connections(self) -> None:
        """Connections past the limit are not taken, and counted."""
        refused: list[str] = []
        client = Client(max_connections=1, refused=refused.append)
        self.assertIsNone(client.factory.buildProtocol(None))
        self.assertEqual(refused, ["connections"])
        client.protocol.connectionLost()
        self.assertIsNotNone(client.factory.buildProtocol(None))


class OnceTests(SynchronousTestCase):
    """``--once``: the exercise."""

    def test_exactly_one(self) -> None:
        """One request is answered, others are not, and then the server is done."""
        client = Client(once=True)
        first = client.protocol
        client.connect()
        octets = client.send(get() + get())
        self.assertEqual(responses(octets)[0][1]["connection"], "close")
        self.assertTrue(client.closed)
        self.assertNoResult(client.factory.done)
        client.protocol.connectionLost()
        self.successResultOf(client.factory.done)
        transport = first.transport
        first.dataReceived(get())
        self.assertEqual((transport.value(), transport.disconnecting), (b"", True))
        first.connectionLost()

    def test_silent_connection(self) -> None:
        """A connection that closes without a request does not count, a refused request does."""
        client = Client(once=True)
        client.protocol.connectionLost()
        self.assertNoResult(client.factory.done)
        client.connect()
        client.send(b"garbage\r\n\r\n")
        client.protocol.connectionLost()
        self.successResultOf(client.factory.done)


class DeadlineTests(SynchronousTestCase):
    """What a silent or slow client meets."""

    def test_idle(self) -> None:
        """An idle connection closes without a word, counted from its last answer."""
        client = Client()
        client.clock.advance(59)
        client.send(get())
        client.clock.advance(59)
        self.assertFalse(client.closed)
        client.transport.clear()
        client.clock.advance(1)
        self.assertEqual((client.closed, client.transport.value()), (True, b""))

    def test_slow_head(self) -> None:
        """A head that trickles in gets 408 at its deadline, however lively it trickles."""
        client = Client()
        client.send(b"GET / HTTP/1.1\r\n")
        for _ in range(14):
            client.clock.advance(1)
            client.send(b"X: y\r\n")
        self.assertFalse(client.closed)
        client.transport.clear()
        client.clock.advance(1)
        self.assertEqual(responses(client.transport.value())[0][0], 408)
        self.assertTrue(client.closed)

    def test_each_head_has_its_own_deadline(self) -> None:
        """A client whose segments never end with a request is not cut for that."""
        client = Client()
        client.send(get()[:20])
        for _ in range(5):
            client.clock.advance(10)
            client.send(get()[20:] + get()[:20])
        self.assertFalse(client.closed)

    def test_slow_body(self) -> None:
        """A body that nobody wants is waited for as long as its deadline says."""
        client = Client()
        client.send(get("/", "Content-Length: 5", method="POST"))
        client.clock.advance(15)
        self.assertTrue(client.closed)

    def test_stall(self) -> None:
        """A client that does not read what it asked for is cut; one that reads slowly is not."""
        client = Client()
        client.protocol.pauseProducing()
        client.send(get())
        client.clock.advance(59)
        client.protocol.resumeProducing()
        client.protocol.pauseProducing()
        client.send(get())
        client.clock.advance(59)
        self.assertFalse(client.transport.disconnected)
        client.clock.advance(1)
        self.assertTrue(client.transport.disconnected)

    def test_linger(self) -> None:
        """A connection that closes does not do so for ever."""
        client = Client(deadlines=Deadlines(stall=7))
        client.send(b"garbage\r\n\r\n")
        self.assertFalse(client.transport.disconnected)
        client.clock.advance(7)
        self.assertTrue(client.transport.disconnected)

    def test_nothing_left(self) -> None:
        """A lost connection leaves no timer behind."""
        client = Client()
        client.send(get())
        client.protocol.connectionLost()
        self.assertEqual(client.clock.getDelayedCalls(), [])
        self.assertEqual(client.factory.connections, {})


class PressureTests(SynchronousTestCase):
    """Neither direction of a connection can fill the memory."""

    def test_client_that_does_not_read(self) -> None:
        """While the client does not read, requests wait, and past a limit they are not read either."""
        client = Client()
        client.protocol.pauseProducing()
        self.assertEqual(client.send(get()), b"")
        client.send(get() * (READ_AHEAD // len(get()) + 1))
        self.assertEqual(client.transport.producerState, "paused")
        client.protocol.resumeProducing()
        self.assertEqual(client.transport.producerState, "producing")
        self.assertGreater(client.transport.value().count(b"HTTP/1.1 200"), 1000)

    def test_file_in_pieces(self) -> None:
        """A file is read piece by piece, as fast as the client takes it."""
        root = folder(self)
        content = os.urandom(400_000)
        (root / "f").write_bytes(content)
        client = Client([StaticFiles(root)])
        client.transport = Choking()
        client.protocol.makeConnection(client.transport)
        client.protocol.dataReceived(get("/f") + get("/f", method="HEAD"))
        rounds = 0
        while client.transport.producer_paused:
            self.assertLess(client.transport.tell(), 300_000)
            client.transport.take()
            rounds += 1
        self.assertGreater(rounds, 2)
        head, body = client.transport.taken.split(b"\r\n\r\n", 1)
        self.assertIn(b"Content-Length: 400000", head)
        self.assertEqual(body[:400_000], content)
        self.assertEqual(responses(body[400_000:], "HEAD")[0][0], 200)
        self.assertEqual([exchange.octets for exchange in client.exchanges], [400_000, 0])

    def test_lost_in_the_middle(self) -> None:
        """A transfer that breaks off is recorded with what was sent of it, and its file closed."""
        root = folder(self)
        (root / "f").write_bytes(bytes(400_000))
        client = Client([StaticFiles(root)])
        client.transport = Choking()
        client.protocol.makeConnection(client.transport)
        client.protocol.dataReceived(get("/f"))
        client.protocol.stopProducing()
        client.protocol.connectionLost()
        (exchange,) = client.exchanges
        self.assertTrue(0 < exchange.octets < 400_000)

    def test_file_that_shrinks(self) -> None:
        """A file that becomes shorter while it is sent ends the connection: the length was a promise."""
        root = folder(self)
        (root / "f").write_bytes(bytes(400_000))
        client = Client([StaticFiles(root)])
        client.transport = Choking()
        client.protocol.makeConnection(client.transport)
        client.protocol.dataReceived(get("/f"))
        os.truncate(root / "f", 10)
        client.transport.take()
        self.assertTrue(client.transport.disconnected)
        client.protocol.connectionLost()


class Choking(StringTransport):
    """A transport that pauses its producer once 64 KiB wait in it."""

    producer_paused = False
    taken = b""

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.tell() > 65_536 and not self.producer_paused:
            self.producer_paused = True
            assert self.producer is not None
            self.producer.pauseProducing()

    def tell(self) -> int:
        return len(self.value())

    def take(self) -> None:
        """The client reads all."""
        self.taken += self.value()
        self.clear()
        self.producer_paused = False
        if self.producer is not None:
            self.producer.resumeProducing()
        if not self.producer_paused:
            self.taken += self.value()
            self.clear()


class RecordTests(SynchronousTestCase):
    """One record a request."""

    def test_record(self) -> None:
        """It says who asked what, and what was answered."""
        client = Client()
        client.send(get("/a?b", "Referer: r", "User-Agent: u"))
        (exchange,) = client.exchanges
        self.assertEqual((exchange.start_line, exchange.status), (b"GET /a?b HTTP/1.1", 200))
        fields = exchange.fields
        self.assertEqual((exchange.octets, fields.get("referer"), fields.get("user-agent")), (13, "r", "u"))
        self.assertEqual(exchange.peer, "192.168.1.1")

    def test_refused_request(self) -> None:
        """A request that could not be read is recorded with what was read of it."""
        client = Client()
        client.send(b"GET /\x80 HTTP/1.1\r\n")
        (exchange,) = client.exchanges
        self.assertEqual((exchange.start_line, exchange.status), (b"GET /\x80 HTTP/1.1", 400))
