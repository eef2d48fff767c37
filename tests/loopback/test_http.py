"""The web server and its client over real TCP."""

import re
import socket
import time
import tracemalloc
from pathlib import Path

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread

from netlab.http import (
    Deadlines,
    Fields,
    HTTPClient,
    HTTPFactory,
    Request,
    Response,
    ResponseHead,
    StaticFiles,
    location_of_file,
)
from tests.loopback.sockets import bounded, reactor, tcp_port, until

MIB = 2**20


class Body:
    """A sink that keeps the body."""

    def __init__(self) -> None:
        self.octets = b""

    def begin(self, head: ResponseHead) -> None:
        self.head = head

    def write(self, octets: bytes) -> None:
        self.octets += octets


class Collector(Protocol):
    """Everything that came until the server closed."""

    def __init__(self) -> None:
        self.octets = bytearray()
        self.closed = False

    def dataReceived(self, octets: bytes) -> None:
        self.octets += octets

    def connectionLost(self, reason: object = None) -> None:
        self.closed = True


async def connect(host: str, port: int) -> Collector:
    collector = await HostnameEndpoint(reactor, host, port).connect(Factory.forProtocol(Collector))
    assert isinstance(collector, Collector)
    return collector


def get(target: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: a", *lines, "", ""]).encode("ascii")


def repeat_target(request: Request) -> Response:
    """Answer with the target itself."""
    return Response(200, Fields((("Content-Type", "text/plain"),)), request.target.encode() + b"\n")


def long_page(request: Request) -> Response:
    """Answer with a body that no other answer shares."""
    return Response(200, Fields(), bytes(16_384))


def send_long_field(port: int) -> bytes:
    """Send a header field of 1 MiB in a third of a second, and only then read all that came."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
        tcp.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ")
        for _ in range(32):
            tcp.sendall(b"a" * (MIB // 32))
            time.sleep(0.01)
        answer = b""
        while octets := tcp.recv(65_536):
            answer += octets
        return answer


def requests_without_reading(port: int, requests: bytes) -> float:
    """Send and never read; the seconds until the server cuts the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as tcp:
        begun = time.monotonic()
        try:
            tcp.sendall(requests)
            while True:
                tcp.send(b"\r\n")
                time.sleep(0.05)
                if time.monotonic() - begun > 10:
                    raise AssertionError("the connection was never cut")
        except (ConnectionResetError, BrokenPipeError):
            return time.monotonic() - begun


@bounded
async def test_fetch(host: str, tmp_path: Path) -> None:
    """The client receives from the server the octets of the file, over either version of IP."""
    octets = bytes(range(256)) * 4096
    (tmp_path / "file.bin").write_bytes(octets)
    async with tcp_port(HTTPFactory(reactor, [StaticFiles(tmp_path)]), host) as port:
        body = Body()
        client = HTTPClient(reactor, environment={})
        fetched = await client.get(location_of_file(host, port, "file.bin"), body)
        client.close()
    assert fetched.head.status == 200
    assert body.octets == octets


@bounded
async def test_pipeline(host: str) -> None:
    """Requests that are sent at once are answered each, in their order."""
    targets = [f"/{number}" for number in range(200)]
    async with tcp_port(HTTPFactory(reactor, [repeat_target]), host) as port:
        client = await connect(host, port)
        requests = [*map(get, targets[:-1]), get(targets[-1], "Connection: close")]
        client.transport.write(b"".join(requests))
        await until(lambda: client.closed)
    assert re.findall(r"^(/\d+)$", client.octets.decode(), re.MULTILINE) == targets


@bounded
async def test_half_close(host: str, tmp_path: Path) -> None:
    """A client that has closed for writing still gets the whole of a long answer."""
    (tmp_path / "long.bin").write_bytes(b"x" * 4 * MIB)
    async with tcp_port(HTTPFactory(reactor, [StaticFiles(tmp_path)]), host) as port:
        client = await connect(host, port)
        client.transport.write(get("/long.bin"))
        client.transport.loseWriteConnection()
        await until(lambda: client.closed)
    assert client.octets.partition(b"\r\n\r\n")[2] == b"x" * 4 * MIB


@bounded
async def test_readable_refusal() -> None:
    """A client that sends a header of 1 MiB can read why it was refused: no reset overtakes the answer."""
    factory = HTTPFactory(reactor, [repeat_target])
    async with tcp_port(factory) as port:
        answer = await deferToThread(send_long_field, port)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"Connection: close" in answer
        await until(lambda: not factory.connections)


@bounded
async def test_client_that_never_reads() -> None:
    """What a client costs that sends 5,000 requests and never reads is bounded, and it is cut in the end."""
    requests = get("/", "Cookie: " + "a" * 8_000) * 5_000  # 40 MB, and 80 MB of answers
    factory = HTTPFactory(reactor, [long_page], deadlines=Deadlines(stall=0.5))
    async with tcp_port(factory) as port:
        tracemalloc.start()
        try:
            seconds = await deferToThread(requests_without_reading, port, requests)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await until(lambda: not factory.connections)
    assert peak < 2 * MIB
    assert 0.5 <= seconds < 8
