"""A reflector behind a bad network, over real UDP: everything is counted as what it is."""

from collections import Counter
from typing import Any

import pytest
from twisted.internet.protocol import DatagramProtocol

from netlab.clocks import Instant, Reception, read_clocks
from netlab.ping import Pinger, Plan, Sample, State
from netlab.ping.stamping import StampReflector
from netlab.ping.text import decode_ping, encode_pong
from tests.loopback.sockets import bounded, reactor, udp_port

TIMEOUT = 0.4  # seconds
LATE = 0.1  # seconds after that
FATES = ("late", "answer", "after the next", "twice", "truncated", "wrong address", "answer", "lost")
ROUNDS = 10


class BadNetwork(DatagramProtocol):
    """Answers pings, each according to its number; `elsewhere` is a port that is not the reflector's."""

    noisy = False
    transport: Any
    elsewhere: Any

    def __init__(self) -> None:
        self._count = 0
        self._stamp = StampReflector(stateful=False)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        fate = FATES[self._count % len(FATES)]
        self._count += 1
        reply = self.reply(datagram, addr)
        match fate:
            case "answer":
                self.transport.write(reply, addr)
            case "late":
                reactor.callLater(TIMEOUT + LATE, self.transport.write, reply, addr)
            case "twice":
                self.transport.write(reply, addr)
                self.transport.write(reply, addr)
            case "after the next":
                reactor.callLater(0.05, self.transport.write, reply, addr)
            case "truncated":
                self.transport.write(reply[:12], addr)
            case "wrong address":
                self.elsewhere.write(reply, addr)

    def reply(self, datagram: bytes, addr: Any) -> bytes:
        if datagram.startswith(b"Ping"):
            return encode_pong(decode_ping(datagram))
        now = read_clocks()
        draft = self._stamp.read(datagram, addr, now, Reception())
        draft.prepare()
        return draft.finish(Instant(now.monotonic, now.wall_ns + 1_000)).datagram


@pytest.mark.parametrize("protocol", ["text", "stamp"])
@bounded
async def test_each_as_what_it_is(protocol: str) -> None:
    """Late, duplicate, reordered, truncated, foreign, lost: each is counted as that, and no RTT is off."""
    samples: list[Sample] = []
    network, elsewhere = BadNetwork(), DatagramProtocol()
    async with udp_port(network) as port, udp_port(elsewhere):
        network.elsewhere = elsewhere.transport
        plan = Plan(
            protocol=protocol, count=ROUNDS * len(FATES), interval=0.02, timeout=TIMEOUT, options=False
        )
        report = await Pinger(reactor).run("127.0.0.1", port, plan, samples.append)
    by_fate = {fate: Counter[State]() for fate in FATES}
    for sample in samples:
        if sample.place >= 0:
            by_fate[FATES[sample.place % len(FATES)]][sample.state] += 1
    received = {State.RECEIVED: ROUNDS}
    assert by_fate["answer"] == {State.RECEIVED: 2 * ROUNDS}
    assert by_fate["late"] == {State.LOST: ROUNDS, State.LATE: ROUNDS}
    assert by_fate["twice"] == received | {State.DUPLICATE: ROUNDS}
    assert by_fate["after the next"] == received
    for fate in ("truncated", "wrong address", "lost"):
        assert by_fate[fate] == {State.LOST: ROUNDS}
    assert (report.corrupt, report.run.foreign) == (ROUNDS, ROUNDS)
    assert report.reordered >= ROUNDS  # those after the next, and every late one
    for sample in samples:
        if sample.rtt is not None:
            fate = FATES[sample.place % len(FATES)]
            least = {"late": TIMEOUT + LATE, "after the next": 0.05}.get(fate, 0.0)
            assert least - 0.001 <= sample.rtt < least + 0.2, (fate, sample)
