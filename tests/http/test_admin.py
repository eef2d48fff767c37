"""`Admin`: health and metrics, as a probe and a Prometheus server read them."""

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.admin import Admin
from netlab.http.counters import REFUSALS, Counters, Reading
from netlab.http.message import Request, Response
from tests.http.wire import Client, answered, get, hello, responses


class Server:
    """A source of readings that tests set."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.open = 0
        self.word = "ok"

    def read(self) -> Reading:
        return Reading(self.counters, self.open)

    def state(self) -> str:
        return self.word


class AdminTests(SynchronousTestCase):
    """An `Admin` over counters of its own."""

    def setUp(self) -> None:
        self.server = Server()
        self.counters = self.server.counters
        self.admin = Admin(self.server)

    def ask(self, target: str, method: str = "GET") -> Response:
        response = self.admin(Request(method, target, (1, 1)))
        assert isinstance(response, Response)
        return response

    def scrape(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample, as a Prometheus server reads them."""
        (body,) = self.ask("/metrics").parts
        assert isinstance(body, bytes)
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        return self.scrape()[name, frozenset(labels.items())]

    def test_health(self) -> None:
        """A server is healthy until it drains."""
        response = self.ask("/healthz")
        self.assertEqual((response.status, response.body), (200, b"ok\n"))
        self.assertEqual(response.fields.get("content-type"), "text/plain; charset=utf-8")
        self.server.word = "draining"
        response = self.ask("/healthz")
        self.assertEqual((response.status, response.body), (503, b"draining\n"))

    def test_fields(self) -> None:
        """Nothing that an admin page says is stored."""
        for target in ("/healthz", "/metrics"):
            for method in ("GET", "HEAD", "POST"):
                with self.subTest(target=target, method=method):
                    self.assertEqual(self.ask(target, method).fields.get("cache-control"), "no-store")
        self.assertRegex(
            self.ask("/metrics").fields.get("content-type") or "",
            r"\Atext/plain; version=[01]\.0\.[04]; charset=utf-8\Z",
        )

    def test_methods(self) -> None:
        """What is not GET or HEAD is not allowed, and HEAD describes what GET would bring."""
        for method in ("POST", "OPTIONS", "DELETE", "BREW"):
            with self.subTest(method=method):
                response = self.ask("/metrics", method)
                self.assertEqual((response.status, response.fields.get("allow")), (405, "GET, HEAD"))
        self.assertEqual(self.ask("/metrics", "HEAD"), self.ask("/metrics"))

    def test_paths(self) -> None:
        """Its two paths have no other name than HTTP gives them; the rest is somebody else's."""
        for target in ("/healthz?verbose", "http://a.example/healthz", "/%68ealthz"):
            with self.subTest(target=target):
                self.assertEqual(self.ask(target).body, b"ok\n")
        for target in ("/", "/healthz/", "/metrics/x", "/a/healthz", "/Metrics"):
            for method in ("GET", "POST"):
                with self.subTest(target=target, method=method):
                    self.assertIsNone(self.admin(Request(method, target, (1, 1))))

    def test_no_path(self) -> None:
        """A target that names no path is a bad request, as it is everywhere."""
        client = Client([self.admin])
        for target in ("*", "/%00", "//healthz"):
            with self.subTest(target=target):
                self.assertEqual(responses(client.send(get(target)))[0][0], 400)

    def test_requests(self) -> None:
        """Requests are told by method and status, the octets sent in one number."""
        self.counters.add(answered("GET", 200, 10, 0.1))
        self.counters.add(answered("GET", 200, 10, 0.1))
        self.counters.add(answered("BREW", 501, 5, 0.1))
        self.assertEqual(self.value("netlab_http_requests_total", method="GET", status="200"), 2)
        self.assertEqual(self.value("netlab_http_requests_total", method="other", status="501"), 1)
        self.assertEqual(self.value("netlab_http_response_octets_total"), 25)

    def test_durations(self) -> None:
        """Each bucket of the histogram counts all that took no longer than its bound."""
        for seconds in (0.0005, 0.5, 0.5, 100.0):
            self.counters.add(answered("GET", 200, 0, seconds))
        name = "netlab_http_request_duration_seconds"
        for bound, count in (("0.001", 1), ("0.25", 1), ("0.5", 3), ("60.0", 3), ("+Inf", 4)):
            with self.subTest(bound=bound):
                self.assertEqual(self.value(f"{name}_bucket", le=bound), count)
        self.assertEqual((self.value(f"{name}_count"), self.value(f"{name}_sum")), (4, 101.0005))

    def test_connections(self) -> None:
        """Open connections are asked for at every scrape."""
        self.assertEqual(self.value("netlab_http_open_connections"), 0)
        self.server.open = 3
        self.assertEqual(self.value("netlab_http_open_connections"), 3)

    def test_refusals(self) -> None:
        """Every reason for a refusal is there from the start."""
        self.counters.refuse("address")
        for reason in REFUSALS:
            with self.subTest(reason=reason):
                self.assertEqual(
                    self.value("netlab_http_refused_total", reason=reason), int(reason == "address")
                )

    def test_own_registry(self) -> None:
        """Two servers in one process do not meet, and the global registry stays as it was."""
        other = Server()
        other.counters.add(answered("GET", 200, 7, 0.1))
        Admin(other)
        self.assertEqual(self.value("netlab_http_response_octets_total"), 0)
        self.assertIsNone(REGISTRY.get_sample_value("netlab_http_response_octets_total"))

    def test_served(self) -> None:
        """Before other answers it leaves them what is not its own."""
        client = Client([self.admin, hello])
        self.assertEqual(responses(client.send(get("/healthz")))[0][::2], (200, b"ok\n"))
        self.assertEqual(responses(client.send(get("/metrics", method="HEAD")), "HEAD")[0][::2], (200, b""))
        self.assertEqual(responses(client.send(get("/hello")))[0][2], b"Hello, world\n")


class ParentTests(SynchronousTestCase):
    """An `Admin` whose source has to ask others first."""

    def setUp(self) -> None:
        self.asked: Deferred[Reading] = Deferred()

    def read(self) -> Deferred[Reading]:
        return self.asked

    def state(self) -> str:
        return "no worker serves"

    def test_later(self) -> None:
        """The metrics come when the reading does, and tell of the workers."""
        client = Client([Admin(self)])
        self.assertEqual(client.send(get("/metrics")), b"")
        self.asked.callback(Reading(Counters(), 3, workers=2, restarts=5))
        body = responses(client.transport.value())[0][2].decode()
        for line in (
            "netlab_http_open_connections 3.0",
            "netlab_http_workers 2.0",
            "netlab_http_worker_restarts_total 5.0",
        ):
            with self.subTest(line=line):
                self.assertIn(f"\n{line}\n", body)

    def test_health(self) -> None:
        """Whatever is wrong is told at once."""
        response = responses(Client([Admin(self)]).send(get("/healthz")))[0]
        self.assertEqual(response[::2], (503, b"no worker serves\n"))
