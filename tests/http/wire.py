"""What the HTTP tests share: requests in octets, a server on a string transport, answers taken apart."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h11
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.access import Exchange
from netlab.http.factory import HTTPFactory
from netlab.http.message import Answer, Fields, Request, Response
from netlab.http.server import HTTPProtocol

HELLO = b"Hello, world\n"


def hello(request: Request) -> Response:
    """Answer every request with the same text."""
    return Response(200, Fields((("Content-Type", "text/plain"),)), HELLO)


def folder(test: SynchronousTestCase) -> Path:
    """An empty folder that goes when the test ends."""
    temporary = tempfile.TemporaryDirectory()
    test.addCleanup(temporary.cleanup)
    return Path(temporary.name).resolve()


def exchange(**changes: Any) -> Exchange:
    """A plain exchange, with *changes*."""
    plain: dict[str, Any] = {
        "peer": "127.0.0.1",
        "connection": 1,
        "tls": False,
        "answered_ns": 784_111_777 * 10**9,
        "seconds": 0.25,
        "method": "GET",
        "start_line": b"GET / HTTP/1.1",
        "fields": Fields((("User-Agent", "curl/8"),)),
        "status": 200,
        "octets": 13,
    }
    return Exchange(**{**plain, **changes})


def get(target: str = "/", *lines: str, version: str = "HTTP/1.1", method: str = "GET") -> bytes:
    """A request in octets; *lines* follow its Host."""
    return "\r\n".join([f"{method} {target} {version}", "Host: a", *lines, "", ""]).encode("latin-1")


def answered(method: str, status: int, octets: int, seconds: float) -> list[Exchange]:
    """One exchange, as it is counted."""
    return [exchange(method=method, status=status, octets=octets, seconds=seconds)]


class Client:
    """One connection to a factory, without a network: what was sent, and what came back."""

    def __init__(self, answers: Sequence[Answer] = (hello,), **options: Any) -> None:
        self.clock = Clock()
        self.exchanges: list[Exchange] = []
        self.factory = HTTPFactory(
            self.clock,
            answers,
            record=self.exchanges.append,
            monotonic=self.clock.seconds,
            wall_ns=lambda: 784_111_777_000_000_000,
            **options,
        )
        self.connect()

    def connect(self) -> None:
        """Open one more connection; it becomes the one that is spoken to."""
        self.transport = StringTransport()
        protocol = self.factory.buildProtocol(None)
        assert protocol is not None
        self.protocol: HTTPProtocol = protocol
        self.protocol.makeConnection(self.transport)

    def send(self, octets: bytes) -> bytes:
        """Send octets as one segment; what the server has written since the last call."""
        self.transport.clear()
        self.protocol.dataReceived(octets)
        return self.transport.value()

    def send_slowly(self, octets: bytes) -> bytes:
        """Send every octet as a segment of its own."""
        self.transport.clear()
        for octet in octets:
            self.protocol.dataReceived(bytes([octet]))
        return self.transport.value()

    @property
    def closed(self) -> bool:
        return bool(self.transport.disconnecting or self.transport.disconnected)


def responses(octets: bytes, *methods: str) -> list[tuple[int, dict[str, str], bytes]]:
    """Take answers apart with a parser that is not ours: (status, fields in lower case, body) of each."""
    found: list[tuple[int, dict[str, str], bytes]] = []
    rest = octets
    for method in methods or ("GET",):
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(rest)
        body = b""
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
                fields = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append((status, fields, body))
                break
            else:
                raise AssertionError(f"{method}: no whole response but {event} in {rest!r}")
        rest = connection.trailing_data[0]
    if rest:
        raise AssertionError(f"more than was asked for: {rest!r}")
    return found
