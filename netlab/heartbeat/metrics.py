"""What Prometheus reads of a monitor."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from netlab.heartbeat.monitor import Monitor


def heartbeat_metrics(monitor: Monitor) -> Iterator[Metric]:
    """What *monitor* has counted."""
    clients = GaugeMetricFamily("netlab_heartbeat_clients", "Clients by state.", labels=("state",))
    for state, count in monitor.counts().items():
        clients.add_metric((state.value,), count)
    yield clients
    yield CounterMetricFamily("netlab_heartbeat_beats_total", "Beats of all clients.", monitor.beats)
    refused = CounterMetricFamily("netlab_heartbeat_refused_total", "Datagrams refused.", labels=("reason",))
    for reason, count in monitor.refused.items():
        refused.add_metric((reason,), count)
    yield refused
    yield CounterMetricFamily(
        "netlab_heartbeat_unverified_total",
        "Beats with a wrong signature that were let pass, as receive-only has it.",
        monitor.unverified,
    )
    yield GaugeMetricFamily("netlab_heartbeat_blind", "1 while nobody is judged.", int(monitor.sight.blind))
