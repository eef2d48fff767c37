"""What Prometheus reads of a reading."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from netlab.heartbeat.status import Reading


def heartbeat_metrics(reading: Reading) -> Iterator[Metric]:
    """What is told of a *reading*."""
    clients = GaugeMetricFamily("netlab_heartbeat_clients", "Clients by state.", labels=("state",))
    for state, count in reading.clients.items():
        clients.add_metric((state,), count)
    yield clients
    yield CounterMetricFamily("netlab_heartbeat_beats_total", "Beats of all clients.", reading.beats)
    refused = CounterMetricFamily("netlab_heartbeat_refused_total", "Datagrams refused.", labels=("reason",))
    for reason, count in reading.refused.items():
        refused.add_metric((reason,), count)
    yield refused
    yield CounterMetricFamily(
        "netlab_heartbeat_unverified_total",
        "Beats with a wrong signature that were let pass, as receive-only has it.",
        reading.unverified,
    )
    yield GaugeMetricFamily("netlab_heartbeat_blind", "Monitors that judge nobody now.", reading.blind)
