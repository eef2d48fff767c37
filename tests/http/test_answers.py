"""Answers that take their time or want the request's body, and how a server comes to its end."""

import contextlib
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.message import EMPTY_BODY, Request, Response
from netlab.http.server import READ_AHEAD
from tests.http.wire import Client, get, hello, responses

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def echo(request: Request) -> Response:
    """Answer with the request's own body."""
    return Response(200, body=await request.body.read(100_000))


def post(body: bytes, *lines: str) -> bytes:
    return get("/", f"Content-Length: {len(body)}", *lines, method="POST") + body


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


class BodyTests(SynchronousTestCase):
    """Requests with bodies, echoed."""

    def test_bodies(self) -> None:
        """A body comes whole, whatever its framing and split, and what follows it is the next request."""
        chunked_post = get("/", "Transfer-Encoding: chunked", method="POST") + chunked(b"hel", b"lo")
        for octets, body in (
            (post(b"hello"), b"hello"),
            (chunked_post, b"hello"),
            (get(), b""),
            (post(b""), b""),
        ):
            with self.subTest(octets=octets):
                answers = responses(Client([echo]).send(octets + get()), "POST", "GET")
                self.assertEqual([answer[2] for answer in answers], [body, b""])
                slow = Client([echo])
                self.assertEqual(responses(slow.send_slowly(octets), "POST")[0][2], body)
                self.assertFalse(slow.closed)

    def test_continue(self) -> None:
        """A client that waits is told to go on once, when the body is asked for; then it gets its answer."""
        client = Client([echo])
        head, body = post(b"hello", "Expect: 100-continue")[:-5], b"hello"
        self.assertEqual(client.send(head), CONTINUE)
        self.assertEqual(responses(client.send(body), "POST")[0][::2], (200, body))
        self.assertFalse(client.closed)

    def test_continue_is_not_needed(self) -> None:
        """Whoever sends the body unasked, or speaks HTTP/1.0, gets no interim response."""
        client = Client([echo])
        self.assertTrue(client.send(post(b"hello", "Expect: 100-continue")).startswith(b"HTTP/1.1 200"))
        old = b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        self.assertEqual(Client([echo]).send(old), b"")

    def test_too_large(self) -> None:
        """A body past its limit is 413, told or found, and the connection closes."""
        for octets in (
            get("/", "Content-Length: 100001", method="POST"),
            get("/", "Transfer-Encoding: chunked", method="POST") + chunked(b"x" * 100_001),
        ):
            with self.subTest(octets=octets[:60]):
                client = Client([echo])
                (status, fields, _) = responses(client.send(octets), "POST")[0]
                self.assertEqual((status, fields["connection"], client.closed), (413, "close", True))

    def test_broken(self) -> None:
        """A body that breaks its framing, or ends too early, is 400."""
        client = Client([echo])
        client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        self.assertEqual(responses(client.send(b"x\r\n"), "POST")[0][0], 400)
        client = Client([echo])
        client.send(post(b"hello")[:-1])
        client.transport.clear()
        client.protocol.readConnectionLost()
        self.assertEqual(responses(client.transport.value(), "POST")[0][0], 400)
        self.assertTrue(client.closed)

    def test_slow(self) -> None:
        """A body has 15 s for its start, then a second for each KiB; one that is slower is 408."""
        client = Client([echo])
        client.send(post(bytes(50_000))[:-40_000])
        client.clock.advance(20)
        self.assertEqual(client.transport.value(), b"")
        client.transport.clear()
        client.clock.advance(5)
        self.assertEqual(responses(client.transport.value(), "POST")[0][0], 408)
        self.assertTrue(client.closed)

    def test_steady(self) -> None:
        """One that comes at its rate may take as long as it needs."""
        client = Client([echo])
        octets = post(bytes(60_000))
        for start in range(0, len(octets), 2048):
            answer = client.send(octets[start : start + 2048])
            client.clock.advance(1)
        self.assertEqual(responses(answer, "POST")[0][0], 200)

    def test_read_once(self) -> None:
        """A body is read once, by the answer to its own request."""
        kept: list[Request] = []

        async def twice(request: Request) -> Response:
            kept.append(request)
            await request.body.read()
            return Response(200, body=await request.body.read())

        client = Client([twice])
        self.assertEqual(responses(client.send(post(b"hello")), "POST")[0][0], 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        late: Any = kept[0].body.read()
        self.failureResultOf(late, ValueError)

    def test_no_body(self) -> None:
        """A request without a body has one of no octets."""
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(EMPTY_BODY.read())), b"")

    def test_unread(self) -> None:
        """A body that its answer does not want is passed over."""

        async def indifferent(request: Request) -> Response:
            return Response(200)

        client = Client([indifferent])
        self.assertEqual(len(responses(client.send(post(b"hello") + get()), "POST", "GET")), 2)


class LateAnswerTests(SynchronousTestCase):
    """Answers that come later."""

    def setUp(self) -> None:
        self.later: Deferred[Response | None] = Deferred()
        self.client = Client([lambda request: self.later, hello])

    def test_in_order(self) -> None:
        """Requests behind it wait their turn."""
        self.assertEqual(self.client.send(get() + get()), b"")
        later, self.later = self.later, succeed(Response(200, body=b"second"))
        later.callback(Response(200, body=b"first"))
        answers = responses(self.client.transport.value(), "GET", "GET")
        self.assertEqual([answer[2] for answer in answers], [b"first", b"second"])

    def test_not_mine(self) -> None:
        """An answer may pass later, too; also where the next one is late."""
        self.client.send(get())
        self.later.callback(None)
        self.assertEqual(responses(self.client.transport.value())[0][2], b"Hello, world\n")
        client = Client([lambda request: succeed(None), echo])
        self.assertEqual(responses(client.send(get()))[0][0], 200)

    def test_mistake(self) -> None:
        """What goes wrong later is a 500 as well."""
        self.client.send(get())
        self.later.errback(ZeroDivisionError())
        self.assertEqual(responses(self.client.transport.value())[0][0], 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lost_client(self) -> None:
        """When the client goes, its answer is cancelled."""
        cancelled: list[object] = []
        self.later = Deferred(cancelled.append)
        self.client.send(get())
        self.client.protocol.connectionLost()
        self.assertEqual((len(cancelled), self.client.exchanges), (1, []))

    def test_stubborn(self) -> None:
        """An answer that cannot be cancelled is thrown away when it comes."""

        async def stubborn(request: Request) -> Response:
            with contextlib.suppress(CancelledError):
                await self.later
            return Response(200)

        client = Client([stubborn])
        client.send(get())
        client.transport.clear()
        client.protocol.connectionLost()
        self.assertEqual(client.transport.value(), b"")

    def test_no_deadline(self) -> None:
        """The client is not punished for a late answer, nor read without bound meanwhile."""
        self.client.send(get())
        self.client.clock.advance(3600)
        self.assertFalse(self.client.closed)
        self.client.send(get() * (READ_AHEAD // len(get()) + 1))
        self.assertEqual(self.client.transport.producerState, "paused")


class ExpectationTests(SynchronousTestCase):
    """RFC 9110 §10.1.1"""

    def test_unknown(self) -> None:
        """What nobody can expect is refused with 417."""
        self.assertEqual(responses(Client().send(get("/", "Expect: miracles")))[0][0], 417)


class AddressTests(SynchronousTestCase):
    """Limits for one address."""

    def test_limit(self) -> None:
        """One address holds so many connections; others, and the machine's own, are not concerned."""
        refused: list[str] = []
        factory = Client(max_per_address=2, refused=refused.append).factory
        first = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        assert first is not None
        first.makeConnection(StringTransport())
        self.assertIsNotNone(factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 2)))
        self.assertIsNone(factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 3)))
        self.assertIsNotNone(factory.buildProtocol(IPv4Address("TCP", "192.0.2.2", 3)))
        for port in range(5):
            self.assertIsNotNone(factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", port)))
        self.assertEqual(refused, ["address"])
        first.connectionLost()
        self.assertIsNotNone(factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4)))


class DrainTests(SynchronousTestCase):
    """The end of a server."""

    def test_nothing_to_do(self) -> None:
        """Without connections it ends at once."""
        client = Client()
        client.protocol.connectionLost()
        self.successResultOf(client.factory.drain(10))

    def test_idle(self) -> None:
        """Idle connections close, and no new ones are taken."""
        client = Client()
        client.send(get())
        drained = client.factory.drain(10)
        self.assertTrue(client.closed)
        self.assertIsNone(client.factory.buildProtocol(None))
        client.protocol.connectionLost()
        self.successResultOf(drained)
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_under_way(self) -> None:
        """A request under way is answered, told that the connection closes, and then it does."""
        later: Deferred[Response] = Deferred()
        client = Client([lambda request: later])
        client.send(get())
        drained = client.factory.drain(10)
        self.assertFalse(client.closed)
        later.callback(Response(200))
        self.assertEqual(responses(client.transport.value())[0][1]["connection"], "close")
        self.assertTrue(client.closed)
        self.assertNoResult(drained)

    def test_half_sent(self) -> None:
        """A connection that was told it would go on closes once its response is written."""
        client = Client()
        client.protocol.pauseProducing()
        client.send(get())
        client.protocol.resumeProducing()
        client.protocol.pauseProducing()
        client.factory.drain(10)
        client.protocol.resumeProducing()
        self.assertTrue(client.closed)

    def test_grace(self) -> None:
        """What does not finish within the grace is cut."""
        client = Client([lambda request: Deferred()])
        client.send(get())
        drained = client.factory.drain(10)
        client.clock.advance(10)
        self.assertTrue(client.transport.disconnected)
        client.protocol.connectionLost()
        self.successResultOf(drained)
