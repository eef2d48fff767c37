"""`Admin`: the answer that tells whoever runs a daemon how it is, at ``/healthz`` and ``/metrics``."""

from collections.abc import Awaitable, Callable, Iterable
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from netlab.http import respond
from netlab.http.counters import BUCKETS, Reading
from netlab.http.message import Fields, Request, Response
from netlab.http.target import parse_path

_TEXT = "text/plain; charset=utf-8"
_NO_STORE = ("Cache-Control", "no-store")


class Source(Protocol):
    """Who knows how the daemon is."""

    def read(self) -> Any | Awaitable[Any]:
        """Everything that is counted, now or as soon as it is known."""

    def state(self) -> str:
        """``ok``, or why the daemon is to get no new work now, such as that it drains."""


class Admin:
    """
    Answer ``/healthz`` and ``/metrics``; every other path is somebody else's.

    *metrics* makes of what *source* reads what Prometheus wants: a web server's, unless told otherwise.
    """

    def __init__(self, source: Source, metrics: "Callable[[Any], Iterable[Metric]] | None" = None) -> None:
        self._source = source
        self._collect = metrics or http_metrics
        self._pages: dict[tuple[str, ...], Callable[[], Response | Awaitable[Response]]] = {
            ("healthz",): self._health,
            ("metrics",): self._metrics,
        }

    def __call__(self, request: Request) -> Response | Awaitable[Response] | None:
        """Answer, or leave the request to the next answer. Raises: Malformed: the target names no path."""
        path = parse_path(request.target)
        page = None if path.folder else self._pages.get(path.segments)
        if page is None:
            return None
        if request.method not in ("GET", "HEAD"):
            return respond.error(405, "This can only be read.", ("Allow", "GET, HEAD"), _NO_STORE)
        return page()

    def _health(self) -> Response:
        state = self._source.state()
        return _text(200 if state == "ok" else 503, _TEXT, f"{state}\n".encode())

    def _metrics(self) -> Response | Awaitable[Response]:
        reading = self._source.read()
        return self._wait_for(reading) if isinstance(reading, Awaitable) else self._exposition(reading)

    async def _wait_for(self, reading: Awaitable[Any]) -> Response:
        return self._exposition(await reading)

    def _exposition(self, reading: Any) -> Response:
        collected = _Collected(self._collect(reading))
        return _text(200, CONTENT_TYPE_LATEST, generate_latest(collected))


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def http_metrics(reading: Reading) -> Iterable[Metric]:
    """What a web server has counted."""
    counters = reading.counters
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
    yield GaugeMetricFamily("netlab_http_open_connections", "Connections open now.", reading.connections)
    refused = CounterMetricFamily(
        "netlab_http_refused_total", "Connections and requests refused.", labels=("reason",)
    )
    for reason, count in counters.refused.items():
        refused.add_metric((reason,), count)
    yield refused
    if reading.workers is not None:
        yield GaugeMetricFamily("netlab_http_workers", "Processes that serve.", reading.workers)
        yield CounterMetricFamily(
            "netlab_http_worker_restarts_total",
            "Processes that took the place of one that died.",
            reading.restarts,
        )


def _text(status: int, content_type: str, body: bytes) -> Response:
    return Response(status, Fields((("Content-Type", content_type), respond.NOSNIFF, _NO_STORE)), body)
