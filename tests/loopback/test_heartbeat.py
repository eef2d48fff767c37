"""The monitor and its sender over real UDP."""

from netlab.heartbeat import Beaten, Changed, Event, HeartbeatSender, MonitorProtocol, State
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
    events = [event for event in events if not isinstance(event, Changed) or event.after is not State.LATE]
    assert [type(event) for event in events] == [Changed, *[Beaten] * 6, Changed]
    beats = [event for event in events if isinstance(event, Beaten)]
    assert [event.beat.sequence for event in beats] == [1, 2, 3, 4, 5, 6]
    assert all(0 <= event.difference < 0.5 for event in beats)
    begun, stopped = events[0], events[-1]
    assert isinstance(begun, Changed)
    assert isinstance(stopped, Changed)
    assert (begun.before, begun.after, stopped.after) == (State.NEW, State.UP, State.DOWN)
    assert stopped.silence is not None
    assert 0.5 <= stopped.silence < 1
    assert (stopped.beats, stopped.lost) == (6, 0)


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
