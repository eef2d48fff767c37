"""The web client: what it sends, what it makes of each kind of answer, what it does about redirects."""

import gzip
from typing import Any

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import BadRedirect, ConnectionLost, TimedOut, TooLong, Unreachable, WireError
from netlab.http.client import HTTPClient
from netlab.http.connection import Trace
from netlab.http.decode import OFFERED
from netlab.http.dial import Route, Timeouts
from netlab.http.location import Location
from netlab.http.message import ResponseHead
from netlab.http.outgoing import Redirects

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
URL = "http://h:8080/f"


class Kept:
    """A sink that keeps all; it may hold the server back."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.body = b""
        self.holding: Deferred[None] | None = None

    def begin(self, head: ResponseHead) -> None:
        self.head = head

    def write(self, octets: bytes) -> Deferred[None] | None:
        self.body += octets
        return self.holding


class Full(Kept):
    def write(self, octets: bytes) -> None:
        raise OSError(28, "No space left on device")


class Wire(StringTransport):
    """A connection's transport, whose end its protocol hears of."""

    bufferSize = 65_536

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol

    def setTcpNoDelay(self, on: bool) -> None:
        pass

    def loseConnection(self) -> None:
        self.end(error.ConnectionDone())

    def abortConnection(self) -> None:
        self.end(error.ConnectionAborted())

    def end(self, why: Exception) -> None:
        if not self.disconnected:
            self.disconnected = True
            self.protocol.connectionLost(Failure(why))


class Recorded(Trace):
    """A trace that keeps all."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bytes]] = []

    def note(self, text: str) -> None:
        self.lines.append(("*", text.encode()))

    def sent(self, octets: bytes) -> None:
        self.lines.append((">", octets))

    def received(self, octets: bytes) -> None:
        self.lines.append(("<", octets))


def giving_up(why: Exception) -> Deferred[Any]:
    """A connecting that never ends, and has its own word for being cancelled."""
    return Deferred(lambda connecting: connecting.errback(why))


class ClientCase(SynchronousTestCase):
    """A client whose connections are transports in memory."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wires: list[Wire] = []
        self.routes: list[Route] = []
        self.failure: Exception | None = None
        self.connecting: Deferred[Any] | None = None

    def client(self, **options: Any) -> HTTPClient:
        return HTTPClient(self.clock, endpoint=self.endpoint, **{"environment": {}, **options})

    def endpoint(self, reactor: Any, route: Route, seconds: float) -> Any:
        self.routes.append(route)
        return self

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.connecting is not None:
            return self.connecting
        if self.failure is not None:
            return fail(self.failure)
        protocol = factory.buildProtocol(None)
        self.wires.append(Wire(protocol))
        protocol.makeConnection(self.wires[-1])
        return succeed(protocol)

    def give_up(self, done: Deferred[Any]) -> None:
        done.cancel()
        self.failureResultOf(done, CancelledError)

    def receive(self, octets: bytes, wire: int = -1) -> None:
        self.wires[wire].protocol.dataReceived(octets)

    def sent(self, wire: int = -1) -> bytes:
        octets = self.wires[wire].value()
        self.wires[wire].clear()
        return bytes(octets)


class GetTests(ClientCase):
    """One GET."""

    def start(self, sink: Kept | None = None, **options: Any) -> None:
        self.sink = sink or Kept()
        self.done = self.client(**options).get(URL, self.sink)

    def test_request(self) -> None:
        """To the octet."""
        self.start(codings=False)
        self.assertEqual(
            self.sent(), b"GET /f HTTP/1.1\r\nHost: h:8080\r\nUser-Agent: netlab\r\nAccept: */*\r\n\r\n"
        )
        self.give_up(self.done)

    def test_own_fields(self) -> None:
        """The caller's fields stand in for ours; a body has its length; a URL's user is told."""
        done = self.client(codings=False).request(
            "POST", "http://a:b%20@h/", None, (("host", "x"), ("X-A", "é")), b"body"
        )
        self.assertEqual(
            self.sent(),
            b"POST / HTTP/1.1\r\nUser-Agent: netlab\r\nAccept: */*\r\nAuthorization: Basic YTpiIA==\r\n"
            b"Content-Length: 4\r\nhost: x\r\nX-A: \xe9\r\n\r\nbody",
        )
        self.give_up(done)

    def test_response(self) -> None:
        """The head and the pieces of the body go to the sink; the result has the head."""
        self.start()
        self.receive(OK + b"he")
        self.assertNoResult(self.done)
        self.receive(b"llo")
        fetched = self.successResultOf(self.done)
        self.assertIs(fetched.head, self.sink.head)
        self.assertEqual((self.sink.body, fetched.body), (b"hello", b""))
        self.assertFalse(self.wires[0].disconnected)
        self.clock.advance(15)
        self.assertTrue(self.wires[0].disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_collected(self) -> None:
        """Without a sink the result has the body, up to a bound."""
        done = self.client().get(URL)
        self.receive(OK + b"hello")
        self.assertEqual(self.successResultOf(done).body, b"hello")
        done = self.client().get(URL)
        self.receive(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(16_777_217))
        self.failureResultOf(done, TooLong)

    def test_head(self) -> None:
        """HEAD is over with its head, whatever that says of a length."""
        done = self.client().head(URL)
        self.assertTrue(self.sent().startswith(b"HEAD /f "))
        self.receive(OK)
        self.assertEqual(self.successResultOf(done).body, b"")

    def test_more_than_asked(self) -> None:
        """Octets after the response end the connection: they must not be taken for the next one."""
        self.start()
        self.receive(OK + b"hello, and more")
        self.successResultOf(self.done)
        self.assertTrue(self.wires[0].disconnected)
        self.start()
        self.receive(OK + b"hello")
        self.receive(b"HTTP/1.1 200 OK\r\n")
        self.assertTrue(self.wires[1].disconnected)

    def test_body_until_close(self) -> None:
        """A body without a length ends with the connection."""
        self.start()
        self.receive(b"HTTP/1.0 200 OK\r\n\r\nhello")
        self.wires[0].end(error.ConnectionDone())
        self.successResultOf(self.done)
        self.assertEqual(self.sink.body, b"hello")

    def test_cut_short(self) -> None:
        """A body that is shorter than told, a head that breaks off, and silence are losses."""
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"
        for octets in (OK + b"hell", b"HTTP/1.1 200", b"", chunked):
            with self.subTest(octets=octets):
                self.start()
                if octets:
                    self.receive(octets)
                self.wires[-1].end(error.ConnectionDone())
                self.failureResultOf(self.done, ConnectionLost)

    def test_reset(self) -> None:
        """A reset is a loss, even where the body would end with the connection."""
        self.start()
        self.receive(b"HTTP/1.0 200 OK\r\n\r\nhel")
        self.wires[0].end(error.ConnectionLost())
        lost = self.failureResultOf(self.done, ConnectionLost)
        self.assertEqual(str(lost.value), "the connection was lost: it was broken off, not closed")

    def test_alert(self) -> None:
        """A server that ends TLS with an alert, such as that it wants a certificate, is quoted."""
        self.start()
        self.wires[0].end(SSL.Error([("SSL routines", "", "tlsv13 alert certificate required")]))
        lost = self.failureResultOf(self.done, ConnectionLost)
        self.assertEqual(str(lost.value), "the connection was lost: tlsv13 alert certificate required")

    def test_garbage(self) -> None:
        """What is no HTTP is told, shown, and the connection dropped."""
        trace = Recorded()
        done = self.client().request("GET", URL, trace=trace)
        self.receive(b"220 smtp.example ESMTP\r\n")
        failure = self.failureResultOf(done, WireError)
        self.assertIn("the server broke HTTP", str(failure.value))
        self.assertEqual(trace.lines[-1], ("<", b"220 smtp.example ESMTP\r\n"))
        self.assertTrue(self.wires[0].disconnected)

    def test_silence(self) -> None:
        """Silence for the timeout is too long, at any point; every octet starts it anew."""
        self.start()
        self.clock.advance(29)
        self.receive(OK)
        self.clock.advance(29)
        self.assertNoResult(self.done)
        self.clock.advance(1)
        self.failureResultOf(self.done, TimedOut)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whole(self) -> None:
        """All of it has a bound too, however busy the server is; and so has the connecting."""
        self.start(timeouts=Timeouts(whole=40))
        for octet in OK[:3]:
            self.clock.advance(10)
            self.receive(bytes([octet]))
        self.clock.advance(10)
        self.failureResultOf(self.done, TimedOut)
        waiting: Deferred[Any] = Deferred()
        self.connect = lambda factory: waiting  # type: ignore[method-assign]
        self.start()
        self.clock.advance(30)
        self.failureResultOf(self.done, TimedOut)

    def test_back_pressure(self) -> None:
        """A sink that holds back is given no more until it goes on, and no timer runs meanwhile."""
        self.start()
        self.sink.holding = Deferred()
        self.receive(OK + b"he")
        wire = self.wires[0]
        self.assertEqual(wire.producerState, "paused")
        self.receive(b"llo")
        self.assertEqual(self.sink.body, b"he")
        self.clock.advance(1000)
        holding, self.sink.holding = self.sink.holding, None
        holding.callback(None)
        self.assertEqual((wire.producerState, self.sink.body), ("producing", b"hello"))
        self.successResultOf(self.done)

    def test_back_pressure_fails(self) -> None:
        """A sink that fails while it holds back fails the GET; an end of the connection waits for it."""
        self.start()
        self.sink.holding = Deferred()
        self.receive(OK + b"he")
        self.sink.holding.errback(OSError("full"))
        self.failureResultOf(self.done, OSError)
        self.start()
        self.sink.holding = Deferred()
        self.receive(b"HTTP/1.0 200 OK\r\n\r\nhe")
        self.wires[-1].end(error.ConnectionDone())
        self.assertNoResult(self.done)
        self.sink.holding.callback(None)
        self.successResultOf(self.done)

    def test_full_disk(self) -> None:
        """What goes wrong in the sink comes out of the Deferred."""
        self.start(sink=Full())
        self.receive(OK + b"hello")
        self.failureResultOf(self.done, OSError)

    def test_cancel(self) -> None:
        """A cancelled GET drops its connection."""
        self.start()
        self.done.cancel()
        self.failureResultOf(self.done, CancelledError)
        self.assertTrue(self.wires[0].disconnected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_connection(self) -> None:
        """What keeps a connection from opening is told in one line."""
        for failure, expected in (
            (error.DNSLookupError(), Unreachable),
            (error.ConnectionRefusedError(), Unreachable),
            (error.NoRouteError(), Unreachable),
            (OSError(101, "Network is unreachable"), Unreachable),
            (error.TimeoutError(), TimedOut),
            (error.ConnectingCancelledError(None), CancelledError),
        ):
            with self.subTest(failure=failure):
                self.failure = failure
                self.start()
                found = self.failureResultOf(self.done, expected)
                self.assertNotIn("\n", str(found.value))

    def test_nobody_accepts(self) -> None:
        """A connection that is not there in time is a timeout, whatever the endpoint calls its giving up."""
        for why in (error.ConnectingCancelledError(None), CancelledError()):
            self.connecting = giving_up(why)
            self.start()
            self.clock.advance(29)
            self.assertNoResult(self.done)
            self.clock.advance(1)
            told = self.failureResultOf(self.done, TimedOut)
            self.assertEqual(str(told.value), "h:8080 did not accept a connection for 30 s")
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled_connecting(self) -> None:
        """One that the caller gives up is no timeout."""
        self.connecting = giving_up(error.ConnectingCancelledError(None))
        self.start()
        self.give_up(self.done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_wrong_calls(self) -> None:
        """What cannot be sent is the caller's mistake, at once."""
        for method, url, fields in (
            ("G T", URL, ()),
            ("GET", "ftp://h/", ()),
            ("GET", URL, (("a", "b\r\nc: d"),)),
        ):
            self.assertRaises(ValueError, self.client().request, method, url, None, fields)


class ReuseTests(ClientCase):
    """Connections that serve again."""

    def test_next(self) -> None:
        """The next request goes over the same connection."""
        client = self.client()
        for _ in range(3):
            done = client.get(URL)
            self.receive(OK + b"hello")
            self.successResultOf(done)
        self.assertEqual(len(self.wires), 1)
        client.close()
        self.assertTrue(self.wires[0].disconnected)

    def test_not_again(self) -> None:
        """Not over one that the server wants closed."""
        for head in (b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n"):
            done = self.client().get(URL)
            self.receive(head + b"Content-Length: 0\r\n\r\n")
            self.successResultOf(done)
            self.assertTrue(self.wires[-1].disconnected)

    def test_stale(self) -> None:
        """A connection that ends as a request goes out: an idempotent one is sent again, and no other."""
        for method, again in (("GET", True), ("POST", False)):
            client = self.client()
            first = client.get(URL)
            self.receive(OK + b"hello")
            self.successResultOf(first)
            wires = len(self.wires)
            done = client.request(method, URL)
            self.wires[-1].end(error.ConnectionLost())
            if again:
                self.assertEqual(len(self.wires), wires + 1)
                self.receive(OK + b"hello")
                self.successResultOf(done)
            else:
                self.failureResultOf(done, ConnectionLost)

    def test_not_sent_again(self) -> None:
        """What fails on a new connection, or within an answer, is not sent again."""
        client = self.client()
        done = client.get(URL)
        self.wires[0].end(error.ConnectionLost())
        self.failureResultOf(done, ConnectionLost)
        done = client.get(URL)
        self.receive(OK + b"hello")
        self.successResultOf(done)
        done = client.get(URL)
        self.receive(OK + b"he")
        self.wires[-1].end(error.ConnectionLost())
        self.failureResultOf(done, ConnectionLost)


class RedirectTests(ClientCase):
    """Redirects, followed and not."""

    def redirect(self, location: str, status: int = 302) -> None:
        head = f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 3\r\n\r\n"
        self.receive(head.encode("latin-1") + b"see")

    def test_not_asked(self) -> None:
        """A redirect is an answer like another where nobody wants to follow."""
        done = self.client().get(URL)
        self.redirect("/g")
        fetched = self.successResultOf(done)
        self.assertEqual((fetched.head.status, fetched.body), (302, b"see"))

    def test_followed(self) -> None:
        """The sink sees the last answer alone."""
        sink = Kept()
        done = self.client(redirects=Redirects()).get(URL, sink)
        self.redirect("/g?h")
        self.assertIn(b"GET /g?h ", self.sent())
        self.receive(OK + b"hello")
        self.assertEqual(self.successResultOf(done).location, Location("h", 8080, "/g?h"))
        self.assertEqual(sink.body, b"hello")

    def test_loop(self) -> None:
        """A loop ends."""
        done = self.client(redirects=Redirects(limit=3)).get(URL)
        for _ in range(4):
            self.assertNoResult(done)
            self.redirect("/f")
        self.assertIn("more than 3 redirects", str(self.failureResultOf(done, BadRedirect).value))

    def test_long_body(self) -> None:
        """A redirect with an endless body is given up."""
        done = self.client(redirects=Redirects()).get(URL)
        self.receive(b"HTTP/1.1 302 X\r\nLocation: /g\r\n\r\n" + bytes(1_048_577))
        self.failureResultOf(done, BadRedirect)


class ProxyTests(ClientCase):
    """The environment's proxies."""

    def test_plain(self) -> None:
        """A proxy is told the whole URL, and the credentials that are its own."""
        client = self.client(environment={"http_proxy": "http://me:pw@proxy:3128"}, codings=False)
        done = client.get(URL)
        self.assertEqual((self.routes[0].host, self.routes[0].port), ("proxy", 3128))
        sent = self.sent()
        self.assertTrue(sent.startswith(b"GET http://h:8080/f HTTP/1.1\r\nHost: h:8080\r\n"))
        self.assertIn(b"Proxy-Authorization: Basic bWU6cHc=\r\n", sent)
        self.give_up(done)

    def test_refused_tunnel(self) -> None:
        """https goes through a tunnel, or not at all; what is for the proxy is not for the server."""
        done = self.client(environment={"https_proxy": "me:pw@proxy:3128"}).get("https://h/x")
        self.assertEqual(
            self.sent(),
            b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nUser-Agent: netlab\r\n"
            b"Proxy-Authorization: Basic bWU6cHc=\r\n\r\n",
        )
        self.receive(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        self.assertIn("refuses a tunnel: 407", str(self.failureResultOf(done, Unreachable).value))

    def test_wrong_proxy(self) -> None:
        """A proxy that is none is the caller's mistake."""
        done = self.client(environment={"http_proxy": "socks5://proxy"}).get(URL)
        self.failureResultOf(done, ValueError)


class CodingTests(ClientCase):
    """Content codings within an exchange."""

    def test_gzip(self) -> None:
        """What was offered is undone."""
        done = self.client().get(URL)
        self.assertIn(f"Accept-Encoding: {OFFERED}\r\n".encode(), self.sent())
        body = gzip.compress(b"hello")
        self.receive(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")
        self.receive(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.assertEqual(self.successResultOf(done).body, b"hello")

    def test_cut_short(self) -> None:
        """A body that is complete and encodes half of something is none."""
        done = self.client().get(URL)
        self.receive(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n")
        self.receive(gzip.compress(b"hello")[:12])
        self.failureResultOf(done, WireError)
