"""The reflector and its prober over real UDP."""

import socket

import pytest
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from netlab.errors import Unreachable
from netlab.ping import Pinger, Plan, ReflectorProtocol, Report, Sample, StampReflector, State
from netlab.ping.sample import Clock, Leaving
from netlab.stamps import LINUX, StampedPort
from tests.loopback.sockets import bounded, reactor, udp_port


@bounded
async def test_every_ping(host: str) -> None:
    """A reflector without impairment answers every ping, over either version of IP."""
    samples: list[Sample] = []
    async with udp_port(ReflectorProtocol(), host) as port:
        report = await Pinger(reactor).run(host, port, Plan(count=20), samples.append)
    assert (report.sent, report.received, report.run.foreign) == (20, 20, 0)
    assert [sample.sequence for sample in samples] == list(range(1, 21))
    assert {sample.state for sample in samples} == {State.RECEIVED}
    assert all(sample.rtt is not None and 0 < sample.rtt < 1 for sample in samples)


@bounded
async def test_listen_udp(host: str) -> None:
    """The reflector is a protocol that `listenUDP` takes as well."""
    port = reactor.listenUDP(0, ReflectorProtocol(), interface=host)
    try:
        report = await Pinger(reactor).run(host, port.getHost().port, Plan(count=3))
    finally:
        await maybeDeferred(port.stopListening)
    assert report.received == 3


@bounded
async def test_refused(host: str) -> None:
    """A port where nothing listens is told at once, instead of ten timeouts."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    begun = reactor.seconds()
    with pytest.raises(Unreachable, match=f"{port} refused"):
        await Pinger(reactor).run(host, port)
    assert reactor.seconds() - begun < 1


@bounded
async def test_cancelled() -> None:
    """A run that is cancelled gives the summary of what was sent so far."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        plan = Plan(timeout=10)
        run: Deferred[Report] = Pinger(reactor).run("127.0.0.1", silent.getsockname()[1], plan)
        reactor.callLater(0.5, run.cancel)
        report = await run
    assert (report.sent, report.received) == (1, 0)


@bounded
async def test_listener_that_fails() -> None:
    """A run ends with the exception of the caller's own function, on whichever ping that fails."""

    def fail(sample: Sample) -> None:
        raise RuntimeError("the caller's mistake")

    async with udp_port(ReflectorProtocol()) as port:
        run = Pinger(reactor).run("127.0.0.1", port, Plan(count=2), fail)
        stuck = reactor.callLater(3, run.cancel)
        with pytest.raises(RuntimeError):
            await run
    assert stuck.active(), "the run never ended"
    stuck.cancel()


@bounded
async def test_stamp(host: str) -> None:
    """STAMP, authenticated or not: the kernel stamps both ends, and the reflector's time is taken out."""
    for key in (b"", b"secret"):
        samples: list[Sample] = []
        reflector = ReflectorProtocol(stamp=StampReflector(key))
        async with udp_port(reflector, host, StampedPort) as port:
            plan = Plan(protocol="stamp", count=20, interval=0.01, key=key, dscp=10)
            report = await Pinger(reactor).run(host, port, plan, samples.append)
        assert (report.received, report.corrupt, report.run.foreign, report.faults) == (20, 0, 0, ())
        assert report.run.directions == (20, 0, 0)
        assert all(sample.rtt is not None and 0 <= sample.rtt < 1 for sample in samples)
        assert all(sample.residence is not None and sample.residence > 0 for sample in samples)
        if LINUX:
            by = {(sample.sent_by, sample.received_by) for sample in samples[1:]}
            assert (Clock.KERNEL, Clock.KERNEL) in by
            assert sum(sample.leaving is Leaving.FOLLOW_UP for sample in samples) >= 15
            assert {sample.reflector_dscp for sample in samples} == {10}
            assert {sample.tos for sample in samples} == {40}
            assert report.error is not None
            assert 0 < report.error < 0.001


@bounded
async def test_echo(host: str) -> None:
    """An echo server's replies are told from each other."""
    async with udp_port(ReflectorProtocol("echo"), host) as port:
        report = await Pinger(reactor).run(host, port, Plan(protocol="echo", count=5, size=1000))
    assert (report.received, report.faults) == (5, ())


@bounded
async def test_many_sessions(host: str) -> None:
    """Runs of each protocol at once, over one port, do not disturb each other."""
    pinger = Pinger(reactor)
    async with udp_port(ReflectorProtocol(), host, StampedPort) as port:
        plans = [Plan(protocol=protocol, interval=0.01) for protocol in ("text", "stamp", "stamp", "stamp")]
        reports = await gatherResults([pinger.run(host, port, plan) for plan in plans])
    assert [(report.received, report.corrupt, report.run.foreign) for report in reports] == [(10, 0, 0)] * 4


@bounded
async def test_samples(host: str) -> None:
    """Samples come as they are made, and one ping alone gives its own."""
    async with udp_port(ReflectorProtocol(), host) as port:
        pinger = Pinger(reactor)
        numbers = [sample.sequence async for sample in pinger.samples(host, port, Plan(count=3))]
        assert numbers == [1, 2, 3]
        assert (await pinger.ping(host, port)).state is State.RECEIVED


@bounded
async def test_schedule() -> None:
    """Pings by the clock leave at their moments, to a few milliseconds even on a busy machine."""
    samples: list[Sample] = []
    async with udp_port(ReflectorProtocol()) as port:
        plan = Plan(count=None, duration=0.5, interval=0.02)
        report = await Pinger(reactor).run("127.0.0.1", port, plan, samples.append)
    assert 20 <= report.sent + report.run.missed <= 26
    assert sorted(sample.lateness for sample in samples)[len(samples) // 2] < 0.02


@bounded
async def test_unreachable_while_others_run(host: str) -> None:
    """Over one port, an ICMP error ends only the run that it is about."""
    pinger = Pinger(reactor)
    async with udp_port(ReflectorProtocol(), host) as closed:
        pass
    async with udp_port(ReflectorProtocol(), host) as port:
        good = pinger.run(host, port, Plan(count=20, interval=0.01))
        with pytest.raises(Unreachable):
            await pinger.run(host, closed)
        assert (await good).received == 20
