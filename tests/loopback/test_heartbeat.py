"""The monitor and its sender over real UDP."""

from netlab.heartbeat import Beaten, Event, HeartbeatSender, MonitorProtocol, Stopped, Up
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
        await until(lambda: isinstance(events[-1], Stopped))
    assert [type(event) for event in events] == [Up, *[Beaten] * 6, Stopped]
    beats = [event for event in events if isinstance(event, Beaten)]
    assert [event.beat.sequence for event in beats] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= event.difference < 0.5 for event in beats)
    stopped = events[-1]
    assert isinstance(stopped, Stopped)
    assert 0.5 <= stopped.silence < 1
    assert (stopped.ledger.beats, stopped.ledger.lost) == (6, 0)


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
