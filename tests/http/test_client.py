"""The web client: where it goes, what it sends, what it makes of each kind of answer."""

from typing import Any

from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import TimedOut, Unreachable, WireError
from netlab.http.client import HTTPClient, Location, location_of_file, location_of_url
from netlab.http.message import ResponseHead

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


class LocationTests(SynchronousTestCase):
    """File names and URLs become locations."""

    def test_files(self) -> None:
        """What may not stand in a target is percent-encoded; what is encoded stays as it is."""
        for name, target in (
            ("index.html", "/index.html"),
            ("/index.html", "/index.html"),
            ("", "/"),
            ("ünï côde.txt", "/%C3%BCn%C3%AF%20c%C3%B4de.txt"),
            ("%C3%BC", "/%C3%BC"),
            ("100%.txt", "/100%25.txt"),
            ("a?b=c&d", "/a?b=c&d"),
            ("a#b", "/a%23b"),
            ("a\r\nb", "/a%0D%0Ab"),
        ):
            with self.subTest(name=name):
                self.assertEqual(location_of_file("h", 80, name).target, target)

    def test_urls(self) -> None:
        """http and https, with their ports."""
        for url, expected in (
            ("http://h", Location("h", 80, "/")),
            ("http://h:8080/a?b#c", Location("h", 8080, "/a?b")),
            ("https://h/", Location("h", 443, "/", secure=True)),
            ("http://[::1]:80/", Location("::1", 80, "/")),
        ):
            with self.subTest(url=url):
                self.assertEqual(location_of_url(url), expected)

    def test_no_urls(self) -> None:
        """Anything else is refused."""
        for url in ("", "h", "ftp://h/", "http://", "http://h:port/", "http://[::1/", "http://h:99999/"):
            with self.subTest(url=url):
                self.assertRaises(ValueError, location_of_url, url)

    def test_authority(self) -> None:
        """Host says the port unless it is the usual one."""
        for location, expected in (
            (Location("h", 80, "/"), "h"),
            (Location("h", 443, "/", secure=True), "h"),
            (Location("h", 443, "/"), "h:443"),
            (Location("::1", 80, "/"), "[::1]"),
            (Location("::1", 8080, "/"), "[::1]:8080"),
        ):
            self.assertEqual(location.authority, expected)


class Kept:
    """A sink that keeps all."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.body = b""

    def begin(self, head: ResponseHead) -> None:
        self.head = head

    def write(self, octets: bytes) -> None:
        self.body += octets


class Full(Kept):
    def write(self, octets: bytes) -> None:
        raise OSError(28, "No space left on device")


class Endpoint:
    """An endpoint whose connection is a string transport, or an error."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.transport = StringTransport()
        self.protocol: Any = None

    def connect(self, factory: Any) -> Deferred[Any]:
        if self.failure is not None:
            return fail(self.failure)
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        return succeed(self.protocol)


class LocalClient(HTTPClient):
    def __init__(self, clock: Clock, endpoint: Endpoint) -> None:
        super().__init__(clock, timeout=30)
        self.endpoint = endpoint

    def _endpoint(self, location: Location) -> Any:
        return self.endpoint


class GetTests(SynchronousTestCase):
    """One GET."""

    def start(self, failure: Exception | None = None, sink: Kept | None = None) -> None:
        self.clock, self.sink, self.endpoint = Clock(), sink or Kept(), Endpoint(failure)
        location = Location("h", 8080, "/f")
        self.done = LocalClient(self.clock, self.endpoint).get(location, self.sink)
        self.transport = self.endpoint.transport

    def receive(self, octets: bytes) -> None:
        self.endpoint.protocol.dataReceived(octets)

    def lose(self, reason: Exception | None = None) -> None:
        self.endpoint.protocol.connectionLost(Failure(reason or error.ConnectionDone()))

    def test_request(self) -> None:
        """To the octet."""
        self.start()
        self.assertEqual(
            self.transport.value(),
            b"GET /f HTTP/1.1\r\nHost: h:8080\r\nUser-Agent: netlab\r\nAccept: */*\r\n"
            b"Connection: close\r\n\r\n",
        )

    def test_response(self) -> None:
        """The head and the pieces of the body go to the sink; the result is the head."""
        self.start()
        self.receive(OK + b"he")
        self.assertNoResult(self.done)
        self.receive(b"llo, and more")
        self.assertIs(self.successResultOf(self.done), self.sink.head)
        self.assertEqual(self.sink.body, b"hello")
        self.assertTrue(self.transport.disconnecting)
        self.receive(b"later")
        self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_body_until_close(self) -> None:
        """A body without a length ends with the connection."""
        self.start()
        self.receive(b"HTTP/1.0 200 OK\r\n\r\nhello")
        self.lose()
        self.successResultOf(self.done)
        self.assertEqual(self.sink.body, b"hello")

    def test_cut_short(self) -> None:
        """A body that is shorter than told, a head that breaks off, and silence are losses."""
        for octets in (OK + b"hell", b"HTTP/1.1 200", b""):
            with self.subTest(octets=octets):
                self.start()
                self.receive(octets)
                self.lose()
                self.failureResultOf(self.done, Unreachable)

    def test_reset(self) -> None:
        """A reset is a loss, even where the body would end with the connection."""
        self.start()
        self.receive(b"HTTP/1.0 200 OK\r\n\r\nhel")
        self.lose(error.ConnectionLost())
        self.failureResultOf(self.done, Unreachable)

    def test_garbage(self) -> None:
        """What is no HTTP is told, and the connection dropped."""
        self.start()
        self.receive(b"220 smtp.example ESMTP\r\n")
        failure = self.failureResultOf(self.done, WireError)
        self.assertIn("the server broke HTTP", str(failure.value))
        self.assertTrue(self.transport.disconnected)
        self.lose()

    def test_silence(self) -> None:
        """Silence for the timeout is too long, at any point; every octet starts it anew."""
        self.start()
        self.clock.advance(29)
        self.receive(OK)
        self.clock.advance(29)
        self.assertNoResult(self.done)
        self.clock.advance(1)
        self.failureResultOf(self.done, TimedOut)
        self.lose(error.ConnectionAborted())

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
        self.assertTrue(self.transport.disconnected)

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
                self.start(failure)
                found = self.failureResultOf(self.done, expected)
                self.assertNotIn("\n", str(found.value))

    def test_endpoints(self) -> None:
        """https is wrapped in TLS, http is not."""
        client = HTTPClient(MemoryReactorClock())
        plain = client._endpoint(Location("h", 80, "/"))
        secure = client._endpoint(Location("h", 443, "/", secure=True))
        self.assertNotEqual(type(plain), type(secure))
