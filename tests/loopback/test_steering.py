"""The kernel gives each datagram to the socket of the worker that owns its client."""

import random
import socket
from contextlib import ExitStack, closing

import pytest

from netlab.heartbeat.steering import owner, steer
from netlab.heartbeat.wire import quoted
from netlab.sockets import SPREADS, bind_together

WORKERS = 4


@pytest.mark.skipif(not SPREADS, reason="only Linux steers datagrams")
def test_steered(host: str) -> None:
    """By the identity, wherever it comes from, or by the address; `owner` says the same."""
    draw = random.Random(1)
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(closing(one))
            for one in bind_together(socket.SOCK_DGRAM, host, 0, WORKERS, 2**20)
        ]
        steer(sockets[0], WORKERS)
        address = sockets[0].getsockname()
        given = [0] * WORKERS
        for _ in range(400):
            name = f"{draw.choice(('wéb 1', 'web'))}-{draw.randrange(10 ** draw.randrange(1, 17))}"
            identity, datagram = draw.choice(
                (
                    (None, b"Heartbeat %d 1795358159.498196" % draw.randrange(10**9)),
                    (None, b"x" * draw.randrange(10)),
                    (None, b"Sequence No.: 7"),
                    (name, b"Heartbeat 5 1795358159.498196 id=" + quoted(name)),
                    (name, b"Heartbeat %d 1795358159.498196 id=%b inc=1" % (10**18, quoted(name))),
                    (name, b"Ping 3 Mon Nov 23 10:55:21 2026 id=" + quoted(name) + b" st=ok"),
                )
            )
            with closing(socket.socket(sockets[0].family, socket.SOCK_DGRAM)) as sender:
                sender.bind((host, 0))
                sender.sendto(datagram, address)
                expected = owner(identity, sender.getsockname()[:2], WORKERS)
            got = [number for number, one in enumerate(sockets) if came(one, datagram)]
            assert got == [expected], (identity, datagram)
            given[expected] += 1
        assert min(given) > 60


def came(one: socket.socket, datagram: bytes) -> bool:
    try:
        assert one.recv(1000) == datagram
    except BlockingIOError:
        return False
    return True


def test_owner() -> None:
    """Who has neither identity nor address belongs to the first; IPv4 within IPv6 is the same address."""
    assert owner(None, None, 4) == 0
    assert owner("a", None, 4) == owner("a", ("192.0.2.1", 1), 4)
    assert owner(None, ("::ffff:192.0.2.1", 1), 7) == owner(None, ("192.0.2.1", 1), 7)


def test_together(host: str) -> None:
    """Sockets of one group have one address, which nobody else can take."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(one)) for one in bind_together(socket.SOCK_DGRAM, host, 0, 2)]
        names = {one.getsockname()[:2] for one in sockets}
        assert len(names) == 1
        port = sockets[0].getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            bind_together(socket.SOCK_DGRAM, host, port, 2)
