"""Tests under the reactor: bounded in time, their ports closed at the end."""

import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest_twisted
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.internet.task import deferLater

from netlab.udp import DatagramPort, UDPService

reactor: Any = global_reactor
PATIENCE = 20.0  # seconds that a test may take


def bounded(test: Callable[..., Coroutine[Deferred[Any], Any, None]]) -> Any:
    """Let a coroutine function be a test under the reactor that ends in time."""

    @functools.wraps(test)
    async def within(*fixtures: Any, **named: Any) -> None:
        await Deferred.fromCoroutine(test(*fixtures, **named)).addTimeout(PATIENCE, reactor)

    return pytest_twisted.ensureDeferred(within)


@asynccontextmanager
async def tcp_port(factory: Factory, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve *factory* on a port of the system's choice."""
    port = reactor.listenTCP(0, factory, interface=host)
    try:
        yield port.getHost().port
    finally:
        await maybeDeferred(port.stopListening)


@asynccontextmanager
async def udp_port(
    protocol: DatagramProtocol, host: str = "127.0.0.1", kind: type[DatagramPort] = DatagramPort
) -> AsyncIterator[int]:
    """Give *protocol* a UDP port of the system's choice, as the daemons do."""
    service = UDPService((host, 0), protocol, reactor, kind)
    service.privilegedStartService()
    service.startService()
    transport: Any = protocol.transport
    try:
        yield transport.getHost().port
    finally:
        await maybeDeferred(service.stopService)


async def until(true: Callable[[], object]) -> None:
    """Wait for a condition; the test's own bound applies."""
    while not true():
        await deferLater(reactor, 0.01)
