"""What the server counts, and how it tells."""

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.admin import Admin
from netlab.http.counters import BUCKETS, REASONS, Counters
from tests.http.wire import Client, get, responses


class CountersTests(SynchronousTestCase):
    """`Counters`"""

    def test_add(self) -> None:
        """Requests by method and status, octets, and durations up to each bound."""
        counters = Counters()
        for method, seconds in (("GET", 0.001), ("GET", 0.002), ("BREW", 61.0), ("", 0.0)):
            counters.add(method, 200, 10, seconds)
        self.assertEqual(counters.requests, {("GET", 200): 2, ("other", 200): 2})
        self.assertEqual(counters.octets, 40)
        self.assertEqual(counters.durations(), [2, *[3] * (len(BUCKETS) - 1), 4])

    def test_refuse(self) -> None:
        """Refusals have one of so many reasons."""
        counters = Counters()
        for reason in REASONS:
            counters.refuse(reason)
        self.assertEqual(set(counters.refused.values()), {1})
        self.assertRaises(KeyError, counters.refuse, "mood")


class AdminTests(SynchronousTestCase):
    """`Admin`"""

    def setUp(self) -> None:
        self.counters, self.healthy = Counters(), True
        self.client = Client([Admin(self.counters, lambda: 5, lambda: self.healthy)])

    def test_health(self) -> None:
        """It is well until it drains."""
        (status, fields, body) = responses(self.client.send(get("/healthz")))[0]
        self.assertEqual((status, body, fields["cache-control"]), (200, b"ok\n", "no-store"))
        self.healthy = False
        self.assertEqual(responses(self.client.send(get("/healthz")))[0][0], 503)

    def test_metrics(self) -> None:
        """Prometheus reads every counter."""
        self.counters.add("GET", 404, 100, 0.25)
        self.counters.refuse("malformed")
        (_, fields, body) = responses(self.client.send(get("/metrics")))[0]
        self.assertTrue(fields["content-type"].startswith("text/plain"))
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }
        for name, value in (
            (("netlab_http_requests_total", "GET", "404"), 1),
            (("netlab_http_response_octets_total",), 100),
            (("netlab_http_request_duration_seconds_bucket", "0.1"), 0),
            (("netlab_http_request_duration_seconds_bucket", "0.5"), 1),
            (("netlab_http_request_duration_seconds_bucket", "+Inf"), 1),
            (("netlab_http_request_duration_seconds_sum",), 0.25),
            (("netlab_http_open_connections",), 5),
            (("netlab_http_refused_total", "malformed"), 1),
            (("netlab_http_refused_total", "deadline"), 0),
        ):
            self.assertEqual(samples[name], value, name)

    def test_others(self) -> None:
        """Other paths are not there, and there is nothing to do but read."""
        for target, method, status in (
            ("/", "GET", 404),
            ("/metrics/", "GET", 404),
            ("/healthz", "POST", 405),
            ("*", "GET", 400),
        ):
            self.assertEqual(responses(self.client.send(get(target, method=method)), method)[0][0], status)
