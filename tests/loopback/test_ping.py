"""The reflector and its prober over real UDP."""

import socket

import pytest
from twisted.internet.defer import Deferred, maybeDeferred

from netlab.errors import Unreachable
from netlab.ping import Pinger, ReflectorProtocol, Sample, State
from tests.loopback.sockets import bounded, reactor, udp_port


@bounded
async def test_every_ping(host: str) -> None:
    """A reflector without impairment answers every ping, over either version of IP."""
    samples: list[Sample] = []
    async with udp_port(ReflectorProtocol(), host) as port:
        summary = await Pinger(reactor).ping(host, port, count=20, each=samples.append)
    assert (summary.sent, summary.received, summary.rejected) == (20, 20, 0)
    assert [sample.sequence for sample in samples] == list(range(1, 21))
    assert {sample.state for sample in samples} == {State.RECEIVED}
    assert all(sample.rtt is not None and 0 < sample.rtt < 1 for sample in samples)


@bounded
async def test_listen_udp(host: str) -> None:
    """The reflector is a protocol that `listenUDP` takes as well."""
    port = reactor.listenUDP(0, ReflectorProtocol(), interface=host)
    try:
        summary = await Pinger(reactor).ping(host, port.getHost().port, count=3)
    finally:
        await maybeDeferred(port.stopListening)
    assert summary.received == 3


@bounded
async def test_refused(host: str) -> None:
    """A port where nothing listens is told at once, instead of ten timeouts."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    begun = reactor.seconds()
    with pytest.raises(Unreachable, match=f"{port} refused"):
        await Pinger(reactor).ping(host, port, count=10, timeout=1.0)
    assert reactor.seconds() - begun < 1


@bounded
async def test_cancelled() -> None:
    """A run that is cancelled gives the summary of what was sent so far."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        run: Deferred[object] = Pinger(reactor).ping("127.0.0.1", silent.getsockname()[1], timeout=10)
        reactor.callLater(0.2, run.cancel)
        summary = await run
    assert (summary.sent, summary.received) == (1, 0)


@bounded
async def test_listener_that_fails() -> None:
    """A run ends with the exception of the caller's own function, on whichever ping that fails."""

    def fail(sample: Sample) -> None:
        raise RuntimeError("the caller's mistake")

    async with udp_port(ReflectorProtocol()) as port:
        run = Pinger(reactor).ping("127.0.0.1", port, count=2, each=fail)
        stuck = reactor.callLater(3, run.cancel)
        with pytest.raises(RuntimeError):
            await run
    assert stuck.active(), "the run never ended"
    stuck.cancel()
