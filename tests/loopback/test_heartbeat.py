"""The monitor and its sender over real UDP."""

import socket
import time

from netlab.heartbeat import (
    Beaten,
    Changed,
    Event,
    HeartbeatSender,
    MonitorPort,
    MonitorProtocol,
    State,
    Style,
)
from tests.loopback.sockets import bounded, reactor, udp_port, until


@bounded
async def test_life_and_death(host: str) -> None:
    """The monitor sees a sender come up, each of its beats, and its end once, over either version of IP."""
    events: list[Event] = []
    async with udp_port(MonitorProtocol(reactor, 0.5, sink=events.append), host) as port:
        sender = HeartbeatSender(reactor, (host, port), interval=0.05, count=6)
        sender.startService()
        await sender.done
        await sender.stopService()
        await until(lambda: isinstance(events[-1], Changed) and events[-1].after is State.DOWN)
    told = [event for event in events if not (isinstance(event, Changed) and event.after is State.LATE)]
    assert [type(event) for event in told] == [Changed, *[Beaten] * 6, Changed]
    beats = [event for event in events if isinstance(event, Beaten)]
    assert [event.beat.sequence for event in beats] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= (event.difference or 0) < 0.5 for event in beats)
    stopped = events[-1]
    assert isinstance(stopped, Changed)
    assert 0.5 <= (stopped.silence or 0) < 1
    assert (stopped.beats, stopped.lost) == (6, 0)


@bounded
async def test_goodbye_in_batches(host: str) -> None:
    """Over a port that reads in batches, and rests where there is much to read, nothing is lost."""
    events: list[Event] = []
    protocol = MonitorProtocol(reactor, 5.0, sink=events.append)
    port = MonitorPort(0, protocol, host, reactor)
    port.startListening()
    try:
        style = Style(id="fast")
        sender = HeartbeatSender(
            reactor, (host, port.getHost().port), interval=0.0005, count=400, style=style, goodbye=True
        )
        sender.startService()
        await sender.done
        await sender.stopService()
        await until(lambda: protocol.monitor.counts()[State.STOPPED] == 1)
        (client,) = protocol.monitor.clients()
        assert (client.ledger.beats, client.ledger.lost) == (sender.sent, 0)
        assert port.drops() == 0
    finally:
        await port.stopListening()


@bounded
async def test_monitor_that_comes_later(host: str) -> None:
    """A sender beats on while nobody listens, and knows when its beats arrive again."""
    events: list[Event] = []
    async with udp_port(MonitorProtocol(reactor), host) as port:
        pass  # the port is free again
    sender = HeartbeatSender(reactor, (host, port), interval=0.05)
    sender.startService()
    try:
        await until(lambda: sender.unreachable is not None)
        listening = reactor.listenUDP(port, MonitorProtocol(reactor, sink=events.append), interface=host)
        try:
            await until(lambda: len(events) >= 3 and sender.unreachable is None)
        finally:
            await listening.stopListening()
    finally:
        await sender.stopService()
    assert sender.sent >= 3


@bounded
async def test_held_up(host: str) -> None:
    """Beats that waited in the queue count from when they came, not from when they were read."""
    events: list[Event] = []
    protocol = MonitorProtocol(reactor, 5.0, sink=events.append)
    port = MonitorPort(0, protocol, host, reactor)
    port.startListening()
    try:
        with socket.socket(port.addressFamily, socket.SOCK_DGRAM) as udp:
            for number in range(5):
                before = time.monotonic()
                udp.sendto(b"Heartbeat %d %.6f id=a" % (number, time.time()), (host, port.getHost().port))
                after = time.monotonic()
                time.sleep(0.1)  # as something that holds the reactor up
            port.drain()
        (client,) = protocol.monitor.clients()
        assert client.ledger.beats == 5
        assert before - 0.001 <= client.heard <= after + 0.001
        assert client.ledger.jitter < 0.005
        assert client.interval < 0.2
    finally:
        await port.stopListening()
