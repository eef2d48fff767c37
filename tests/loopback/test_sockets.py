"""Sockets that processes share: made by one reactor's stand-in, listened on by another's."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import endpoints
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

from netlab import sockets
from netlab.sockets import AdoptingReactor, SharingReactor
from netlab.udp import UDPService
from tests.loopback.sockets import PATIENCE, bounded, reactor, until


class Naming(Factory):
    """Say the factory's own name to whoever connects."""

    noisy = False

    def __init__(self, name: bytes) -> None:
        self.name = name

    def buildProtocol(self, addr: object) -> Protocol:
        protocol = Protocol()
        protocol.connectionMade = lambda: protocol.transport.write(self.name)  # type: ignore[method-assign, union-attr]
        return protocol


async def share(endpoint: str, workers: int = 2) -> tuple[SharingReactor, Any]:
    """The stand-in of a parent that has listened on *endpoint*, and the port."""
    sharing = SharingReactor(reactor, workers)
    return sharing, await endpoints.serverFromString(sharing, endpoint).listen(Naming(b"parent"))


async def adopt(sharing: SharingReactor, worker: int, endpoint: str = "tcp:0") -> Any:
    """The port of a worker, whose descriptors are its own as in another process."""
    adopting = AdoptingReactor(reactor, [os.dup(number) for number in sharing.hand_down(worker)])
    return await endpoints.serverFromString(adopting, endpoint).listen(Naming(b"%d" % worker))


async def names(address: Any, count: int, family: int = socket.AF_INET) -> list[bytes]:
    """Who answers *count* connections."""
    found: list[bytes] = []
    for _ in range(count):
        with socket.socket(family) as peer:
            peer.setblocking(False)
            peer.connect_ex(address)

            def came(peer: socket.socket = peer) -> bool:
                try:
                    found.append(peer.recv(10))
                except BlockingIOError:
                    return False
                return True

            await until(came)
    return found


async def stop(*ports: Any) -> None:
    for port in ports:
        await maybeDeferred(port.stopListening)


@bounded
async def test_spread(host: str) -> None:
    """Each worker has a socket of its own on one port, and connections come to both."""
    interface = host.replace(":", "\\:")
    sharing, parent = await share(f"tcp:0:interface={interface}")
    ports = [await adopt(sharing, worker) for worker in range(2)]
    (number,) = {port.getHost().port for port in ports}
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = await names((host, number), 50, family)
    assert set(found) == {b"0", b"1"}
    await stop(*ports, parent)
    with socket.socket(family) as peer:
        assert peer.connect_ex((host, number))


@bounded
async def test_queue() -> None:
    """What comes while nobody listens waits for who listens next."""
    sharing, parent = await share("tcp:0:interface=127.0.0.1", 1)
    first = await adopt(sharing, 0)
    number = first.getHost().port
    await stop(first)
    with socket.create_connection(("127.0.0.1", number), PATIENCE) as peer:
        second = await adopt(sharing, 0)
        peer.setblocking(False)
        found: list[bytes] = []

        def came() -> bool:
            try:
                found.append(peer.recv(10))
            except BlockingIOError:
                return False
            return True

        await until(came)
        assert found == [b"0"]
    await stop(second, parent)


@bounded
async def test_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel does not spread connections, all workers share one socket."""
    monkeypatch.setattr(sockets, "SPREADS", False)
    sharing, parent = await share("tcp:0:interface=127.0.0.1")
    assert sharing.hand_down(0) == sharing.hand_down(1)
    port = await adopt(sharing, 1)
    assert await names(("127.0.0.1", port.getHost().port), 5) == [b"1"] * 5
    await stop(port, parent)


@bounded
async def test_taken() -> None:
    """An address in use is refused, even by one who would share it."""
    sharing, parent = await share("tcp:0:interface=127.0.0.1")
    with socket.socket(fileno=os.dup(sharing.hand_down(0)[0])) as one:
        number = one.getsockname()[1]
    with pytest.raises(CannotListenError) as refusal:
        await share(f"tcp:{number}:interface=127.0.0.1")
    assert (refusal.value.interface, refusal.value.port) == ("127.0.0.1", number)
    await stop(parent)


@bounded
async def test_unix(tmp_path: Path) -> None:
    """A worker's end leaves a Unix socket's path alone, and the others go on; the parent's end does not."""
    path = tmp_path / "socket"
    sharing, parent = await share(f"unix:{path}:mode=600")
    ports = [await adopt(sharing, worker, f"unix:{path}") for worker in range(2)]
    await stop(ports[0])
    assert path.stat().st_mode & 0o777 == 0o600
    assert await names(str(path), 3, socket.AF_UNIX) == [b"1"] * 3
    await stop(ports[1])
    assert path.exists()
    await stop(parent)
    assert not path.exists()


@bounded
async def test_adopted() -> None:
    """A socket that somebody else has made is handed down as it is."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        sharing = SharingReactor(reactor, 2)
        endpoint = endpoints.AdoptedStreamServerEndpoint(sharing, os.dup(made.fileno()), socket.AF_INET)
        parent: Any = await endpoint.listen(Naming(b"parent"))
        port = await adopt(sharing, 1)
        assert await names(made.getsockname(), 3) == [b"1"] * 3
        await stop(port, parent)


@bounded
async def test_rest() -> None:
    """In everything else a stand-in is the reactor."""
    called: Deferred[None] = Deferred()
    SharingReactor(reactor, 1).callLater(0, called.callback, None)
    await called


@bounded
async def test_held_datagrams() -> None:
    """What came to a socket before anybody listened is read, and the socket outlives who listened."""
    heard: list[bytes] = []

    class Listener(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: object) -> None:
            heard.append(datagram)

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder,
        socket.socket(type=socket.SOCK_DGRAM) as peer,
    ):
        holder.bind(("127.0.0.1", 0))
        peer.sendto(b"early", holder.getsockname())
        for word in (b"late", b"later"):
            service = UDPService(holder.dup(), Listener(), reactor)
            service.startService()
            assert service.address == holder.getsockname()
            peer.sendto(word, holder.getsockname())
            await until(lambda word=word: word in heard)
            await maybeDeferred(service.stopService)
    assert heard == [b"early", b"late", b"later"]


def test_held_by_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets of UDP are taken by their number; anything else is refused in one line."""
    with ExitStack() as opened:
        made = [
            opened.enter_context(socket.socket(family, kind))
            for family, kind in (
                (socket.AF_INET, socket.SOCK_DGRAM),
                (socket.AF_INET, socket.SOCK_STREAM),
                (socket.AF_UNIX, socket.SOCK_DGRAM),
            )
        ]
        for one in made:
            monkeypatch.setattr(sockets, "FIRST_HELD", one.fileno())
            if one is made[0]:
                with sockets.held_by_systemd(0) as held:
                    assert held.family == socket.AF_INET
                assert one.fileno() >= 0
            else:
                with pytest.raises(ValueError, match="is not of UDP"):
                    sockets.held_by_systemd(0)
        last = made[-1].fileno()
    monkeypatch.setattr(sockets, "FIRST_HELD", last)
    with pytest.raises(ValueError, match="has handed down no socket number 1000"):
        sockets.held_by_systemd(1000)
