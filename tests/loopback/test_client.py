"""One client, many requests, on real sockets."""

import os
from typing import Any

from twisted.internet.defer import DeferredList, gatherResults

from netlab.http import HTTPClient, HTTPFactory, Response
from netlab.http.message import Request
from tests.loopback.sockets import bounded, reactor, tcp_port, until


class Counted(HTTPFactory):
    """A server that knows how many connections it ever had, and how many at once."""

    accepted = most = 0

    def buildProtocol(self, addr: Any) -> Any:
        self.accepted += 1
        self.most = max(self.most, len(self.connections) + 1)
        return super().buildProtocol(addr)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def echo(request: Request) -> Response:
    return Response(200, body=request.target.encode() * 50)


@bounded
async def test_many() -> None:
    """500 GETs at once take six connections, and leave none open."""
    factory = Counted(reactor, [echo])
    async with tcp_port(factory) as port:
        before = descriptors()
        client = HTTPClient(reactor, environment={}, per_host=6)
        urls = [f"http://127.0.0.1:{port}/{number}" for number in range(500)]
        answers = await gatherResults([client.get(url) for url in urls])
        assert [answer.body for answer in answers] == [f"/{number}".encode() * 50 for number in range(500)]
        assert (factory.accepted, factory.most) == (6, 6)
        client.close()
        await until(lambda: not factory.connections)
        await until(lambda: descriptors() <= before)


@bounded
async def test_many_cancelled() -> None:
    """Cancelled ones, half of them under way, leave no descriptor either, and the pool goes on."""
    factory = Counted(reactor, [echo])
    async with tcp_port(factory) as port:
        before = descriptors()
        client = HTTPClient(reactor, environment={}, per_host=6)
        asked = [client.get(f"http://127.0.0.1:{port}/{number}") for number in range(100)]
        for deferred in asked[::2]:
            deferred.cancel()
        results: Any = await DeferredList(asked, consumeErrors=True)
        assert [worked for worked, _ in results] == [False, True] * 50
        client.close()
        await until(lambda: not factory.connections and descriptors() <= before)
