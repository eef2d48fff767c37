"""Datagrams read many at once are the same as those read one by one."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from netlab.batches import ADDRESSES, AVAILABLE, Batches, OneByOne

KINDS = [
    pytest.param(Batches, marks=pytest.mark.skipif(not AVAILABLE, reason="no recvmmsg here")),
    OneByOne,
]


@pytest.fixture
def receiver(host: str) -> Iterator[socket.socket]:
    with closing(socket.socket(family(host), socket.SOCK_DGRAM)) as udp:
        udp.bind((host, 0))
        udp.setblocking(False)
        yield udp


def family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def sender(host: str) -> socket.socket:
    udp = socket.socket(family(host), socket.SOCK_DGRAM)
    udp.bind((host, 0))
    return udp


@pytest.mark.parametrize("kind", KINDS)
def test_all(receiver: socket.socket, host: str, kind: type[Batches | OneByOne]) -> None:
    """Each comes once, in its order, with its sender; an empty one too, and of a long one the beginning."""
    batches = kind(receiver, 8, 16)
    with closing(sender(host)) as one, closing(sender(host)) as other:
        sent = [(b"%d" % number, (one, other)[number % 3 == 0]) for number in range(20)]
        sent += [(b"", one), (b"0123456789abcdefgh", other), (bytes(range(16)), one)]
        expected = [(octets[:16], udp.getsockname()[:2]) for octets, udp in sent]
        for octets, udp in sent:
            udp.sendto(octets, receiver.getsockname())
        got = []
        for most in (8, 8, 7):
            batch = batches.receive()
            assert len(batch) == most
            got += batch
        assert got == expected
        with pytest.raises(BlockingIOError):
            batches.receive()


@pytest.mark.parametrize("kind", KINDS)
def test_error(receiver: socket.socket, host: str, kind: type[Batches | OneByOne]) -> None:
    """An error of the socket is told as what it is, and reading goes on."""
    batches = kind(receiver, 8, 16)
    with closing(sender(host)) as gone:
        nobody = gone.getsockname()[:2]
    receiver.connect(nobody)
    receiver.send(b"to nobody")
    with pytest.raises(ConnectionRefusedError):
        batches.receive()
    with pytest.raises(BlockingIOError):
        batches.receive()


@pytest.mark.skipif(not AVAILABLE, reason="no recvmmsg here")
def test_stamps(receiver: socket.socket, host: str) -> None:
    """The kernel tells when each came, also of what has waited in the queue."""
    batches = Batches(receiver, 8, 16)
    assert batches.span() is None
    with closing(sender(host)) as udp:
        moments = []
        for pause in (0.0, 0.05, 0.1):
            time.sleep(pause)
            before = time.time_ns()
            udp.sendto(b"beat", receiver.getsockname())
            moments.append((before, time.time_ns()))
        time.sleep(0.1)
        for expected in (moments, []):
            if expected:
                assert len(batches.receive()) == len(expected)
                assert batches.span() == (batches.stamps()[0], batches.stamps()[-1])
            else:
                with pytest.raises(BlockingIOError):
                    batches.receive()
                assert batches.span() is None
            for stamp, (before, after) in zip(batches.stamps(), expected, strict=True):
                assert before <= stamp <= after
    assert OneByOne(receiver, 8, 16).span() is None


@pytest.mark.skipif(not AVAILABLE, reason="no recvmmsg here")
def test_many_senders(receiver: socket.socket, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many senders there are, a bounded number of their addresses is remembered."""
    assert ADDRESSES < 100_000
    monkeypatch.setattr("netlab.batches.ADDRESSES", 3)
    batches = Batches(receiver, 8, 16)
    for _ in range(10):
        with closing(sender(host)) as udp:
            udp.sendto(b"beat", receiver.getsockname())
            assert batches.receive() == [(b"beat", udp.getsockname()[:2])]
            assert len(batches._known) <= 3
