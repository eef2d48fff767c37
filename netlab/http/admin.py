"""`Admin`: the answer that tells how a web server is, at ``/healthz`` and ``/metrics``."""

from collections.abc import Callable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from netlab.http import respond
from netlab.http.counters import BUCKETS, Counters
from netlab.http.message import Fields, Request, Response
from netlab.http.target import parse_path


class Admin:
    """
    Answer ``/healthz``, 503 once *healthy* says no, and ``/metrics`` in Prometheus' text format.

    *open_connections* counts those of the server that *counters* belong to.
    """

    def __init__(
        self, counters: Counters, open_connections: Callable[[], int], healthy: Callable[[], bool]
    ) -> None:
        self._healthy = healthy
        self._registry = CollectorRegistry()
        self._registry.register(_Collected(counters, open_connections))

    def __call__(self, request: Request) -> Response | None:
        """Answer one of the two paths; any other is not ours. Raises: Malformed: it is no path."""
        path = parse_path(request.target)
        if path.segments not in (("healthz",), ("metrics",)) or path.folder:
            return None
        if request.method not in ("GET", "HEAD"):
            return respond.error(405, "There is nothing to do here but read.", ("Allow", "GET, HEAD"))
        if path.segments == ("metrics",):
            return _plain(200, CONTENT_TYPE_LATEST, generate_latest(self._registry))
        if self._healthy():
            return _plain(200, "text/plain; charset=utf-8", b"ok\n")
        return _plain(503, "text/plain; charset=utf-8", b"draining\n")


class _Collected(Collector):
    def __init__(self, counters: Counters, open_connections: Callable[[], int]) -> None:
        self._counters = counters
        self._open_connections = open_connections

    def collect(self) -> Iterator[Metric]:
        counters = self._counters
        requests = CounterMetricFamily(
            "netlab_http_requests", "Requests answered.", labels=["method", "status"]
        )
        for (method, status), count in sorted(counters.requests.items()):
            requests.add_metric([method, str(status)], count)
        yield requests
        yield CounterMetricFamily(
            "netlab_http_response_octets", "Octets of bodies sent.", value=counters.octets
        )
        bounds = [*map(str, BUCKETS), "+Inf"]
        yield HistogramMetricFamily(
            "netlab_http_request_duration_seconds",
            "From a request's first octet to its response's last.",
            buckets=list(zip(bounds, counters.durations(), strict=True)),
            sum_value=counters.seconds,
        )
        yield GaugeMetricFamily(
            "netlab_http_open_connections", "Connections open now.", value=self._open_connections()
        )
        refused = CounterMetricFamily(
            "netlab_http_refused", "Connections and requests refused.", labels=["reason"]
        )
        for reason, count in counters.refused.items():
            refused.add_metric([reason], count)
        yield refused


def _plain(status: int, content_type: str, body: bytes) -> Response:
    return Response(status, Fields((("Content-Type", content_type), ("Cache-Control", "no-store"))), body)
