"""`Admin`: the answer that tells whoever runs the server how it is, at ``/healthz`` and ``/metrics``."""

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from netlab.http import respond
from netlab.http.counters import BUCKETS, Counters
from netlab.http.message import Fields, Request, Response
from netlab.http.target import parse_path

_TEXT = "text/plain; charset=utf-8"
_NO_STORE = ("Cache-Control", "no-store")


class Admin:
    """
    Answer ``/healthz`` and ``/metrics``; every other path is somebody else's.

    *healthy* says False once the server drains: then it is to get no new work.
    """

    def __init__(
        self, counters: Counters, open_connections: Callable[[], int], healthy: Callable[[], bool]
    ) -> None:
        self._healthy = healthy
        self._registry = CollectorRegistry()
        self._registry.register(_HTTPCollector(counters, open_connections))
        self._pages: dict[tuple[str, ...], Callable[[], Response]] = {
            ("healthz",): self._health,
            ("metrics",): self._metrics,
        }

    def __call__(self, request: Request) -> Response | None:
        """Answer, or leave the request to the next answer. Raises: Malformed: the target names no path."""
        path = parse_path(request.target)
        page = None if path.folder else self._pages.get(path.segments)
        if page is None:
            return None
        if request.method not in ("GET", "HEAD"):
            return respond.error(405, "This can only be read.", ("Allow", "GET, HEAD"), _NO_STORE)
        return page()

    def _health(self) -> Response:
        return _text(200, _TEXT, b"ok\n") if self._healthy() else _text(503, _TEXT, b"draining\n")

    def _metrics(self) -> Response:
        return _text(200, CONTENT_TYPE_LATEST, generate_latest(self._registry))


class _HTTPCollector(Collector):
    """Read the counters when they are scraped, and never else."""

    def __init__(self, counters: Counters, open_connections: Callable[[], int]) -> None:
        self._counters = counters
        self._open_connections = open_connections

    def collect(self) -> Iterator[Metric]:
        counters = self._counters
        requests = CounterMetricFamily(
            "netlab_http_requests_total", "Requests answered.", labels=("method", "status")
        )
        for (method, status), count in sorted(counters.requests.items()):
            requests.add_metric((method, str(status)), count)
        yield requests
        yield CounterMetricFamily(
            "netlab_http_response_octets_total", "Octets of response bodies sent.", counters.octets
        )
        bounds = (*map(str, BUCKETS), "+Inf")
        yield HistogramMetricFamily(
            "netlab_http_request_duration_seconds",
            "From a request's first octet to its response's last.",
            list(zip(bounds, accumulate(counters.durations), strict=True)),
            counters.seconds,
        )
        yield GaugeMetricFamily(
            "netlab_http_open_connections", "Connections open now.", self._open_connections()
        )
        refused = CounterMetricFamily(
            "netlab_http_refused_total", "Connections and requests refused.", labels=("reason",)
        )
        for reason, count in counters.refused.items():
            refused.add_metric((reason,), count)
        yield refused


def _text(status: int, content_type: str, body: bytes) -> Response:
    return Response(status, Fields((("Content-Type", content_type), respond.NOSNIFF, _NO_STORE)), body)
