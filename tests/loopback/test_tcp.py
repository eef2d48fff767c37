"""`netlab.tcp` under the web server: real sockets, fast and slow readers, and what can go wrong between."""

import datetime
import os
import select
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import error
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from zope.interface import implementer

from netlab import tcp
from netlab.http import Deadlines, HTTPFactory, Request, Response, StaticFiles
from netlab.http.access import Exchange
from tests.http.wire import Client, get, responses
from tests.loopback.sockets import bounded, reactor, until

MIB = 2**20
LONG = bytes(range(256)) * 4_096
# Twisted's own use of pyOpenSSL, whatever the newest version of that thinks of it.
encrypted = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


@asynccontextmanager
async def served(factory: Factory, endpoint: str = "tcp:0") -> AsyncIterator[int]:
    """Serve *factory* as the daemons do: on a port of the system's choice, its connections in one set."""
    port: Any = await tcp.together(reactor)(
        serverFromString(reactor, f"{endpoint}:interface=127.0.0.1")
    ).listen(factory)
    try:
        yield port.getHost().port
    finally:
        await maybeDeferred(port.stopListening)


def dial(port: int, **options: int) -> socket.socket:
    """Connect; *options* are the socket's, by their names after ``SO_``."""
    connection = socket.socket()
    connection.settimeout(10)
    for name, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, f"SO_{name}"), value)
    connection.connect(("127.0.0.1", port))
    return connection


def receive_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    octets = bytearray()
    while piece := connection.recv(65_536):
        octets += piece
    return bytes(octets)


def reset(connection: socket.socket) -> None:
    """Close with RST, as a client does that crashes."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def ask(connection: socket.socket, *requests: bytes) -> bytes:
    """Send *requests*, the last of which asks to close, and take all that comes."""
    with connection:
        connection.sendall(b"".join(requests))
        return receive_all(connection)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its certificate, in one file."""
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, own.public_key(), x509.random_serial_number())
    day = datetime.timedelta(days=1)
    signed = builder.not_valid_before(now - day).not_valid_after(now + day).sign(own, hashes.SHA256())
    file = tmp_path_factory.mktemp("key") / "key.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    file.write_bytes(
        own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem)
    )
    return file


def over_tls(connection: socket.socket) -> socket.socket:
    """The same connection, encrypted; whose the certificate is does not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


@encrypted
@bounded
async def test_tls(key: Path, tmp_path: Path) -> None:
    """Over TLS a long file comes encrypted, as the head before it and the small file after it."""
    content = os.urandom(3 * MIB)
    (tmp_path / "long").write_bytes(content)
    (tmp_path / "small").write_bytes(b"small")
    factory = HTTPFactory(reactor, [StaticFiles(tmp_path)])

    def fetch(port: int) -> bytes:
        return ask(over_tls(dial(port)), get("/long"), get("/small", "Connection: close"))

    async with served(factory, f"ssl:0:privateKey={key}") as port:
        octets = await deferToThread(fetch, port)
        await until(lambda: not factory.connections)
    assert [body for _, _, body in responses(octets, "GET", "GET")] == [content, b"small"]


class Raising(Protocol):
    """Makes a mistake in what it is told to: "data" or "end"."""

    def dataReceived(self, octets: bytes) -> None:
        self.told = octets
        if octets == b"data":
            raise ZeroDivisionError
        assert self.transport is not None
        self.transport.write(octets)

    def connectionLost(self, reason: object = None) -> None:
        if self.told == b"end":
            raise KeyError


class Cold:
    """A disk in place of the kernel's memory: a piece of a file is in memory once it was fetched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fetches: list[tuple[int, int]] = []
        self.ended = 0
        self.permits = threading.Semaphore(0)  # each lets one fetch end
        self._end = 0  # of what was fetched
        monkeypatch.setattr(tcp, "_in_memory", lambda file, start, length: start + length <= self._end)
        monkeypatch.setattr(tcp, "_read_and_close", self._fetch)

    def _fetch(self, file: int, start: int, length: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.fetches.append((start, length))
        self.permits.acquire(timeout=10)
        self._end = start + length
        os.close(file)
        self.ended += 1


@implementer(IPushProducer)
class Flood(Protocol):
    """Writes all that the transport takes, and knows how much it was in each turn."""

    PIECE = bytes(65_536)
    transport: Any

    def connectionMade(self) -> None:
        self.written: Counter[float] = Counter()
        self._paused = False
        self.transport.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        while not self._paused and self.written.total() < 64 * MIB:
            self.transport.write(self.PIECE)
            self.written[self.transport.turn()] += len(self.PIECE)
        if not self._paused:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._paused = True


class Sending(Protocol):
    """Sends a file with Twisted's own pull producer."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def connectionMade(self) -> None:
        assert self.transport is not None
        sent = FileSender().beginFileTransfer(self._file, self.transport)
        sent.addCallback(lambda last: self.transport.loseConnection())  # type: ignore[union-attr]


def count_turns(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A list that has one more member after each turn that a connection has for writing."""
    turns: list[object] = []
    write = tcp.Connection.doWrite

    def counted(connection: tcp.Connection) -> Any:
        turns.append(connection)
        return write(connection)

    monkeypatch.setattr(tcp.Connection, "doWrite", counted)
    return turns


def long_body(request: Request) -> Response | None:
    """Answer with a long body that is no file."""
    return Response(200, body=LONG) if request.target == "/memory" else None


@bounded
async def test_slow_reader(tmp_path: Path) -> None:
    """What a socket does not take at once follows in order: bodies, files, parts of files."""
    content = os.urandom(MIB)
    (tmp_path / "long").write_bytes(content)
    requests = [
        get("/memory"),
        get("/long"),
        get("/long", method="HEAD"),
        get("/long", "Range: bytes=0-299999,400000-699999,999999-"),
        get("/nothing"),
        get("/memory"),
        get("/long", "Connection: close"),
    ]
    answers = [long_body, StaticFiles(tmp_path)]

    def fetch_slowly(port: int) -> bytes:
        with dial(port, RCVBUF=4_096) as connection:
            connection.sendall(b"".join(requests))
            octets = b""
            for _ in range(40):
                octets += connection.recv(50_000)
                time.sleep(0.002)
            return octets + receive_all(connection)

    factory = HTTPFactory(reactor, answers, wall_ns=lambda: 784_111_777 * 10**9)
    async with served(factory) as port:
        octets = await deferToThread(fetch_slowly, port)
    client = Client(answers)
    assert octets == b"".join(map(client.send, requests))


@encrypted
@pytest.mark.parametrize("kind", ["tcp", "ssl"])
@bounded
async def test_fairness(kind: str, key: Path, tmp_path: Path) -> None:
    """However fast a long file is taken, others are answered meanwhile."""
    size = 150 * MIB
    (tmp_path / "small").write_bytes(b"small")
    with (tmp_path / "long").open("wb") as file:
        file.truncate(size)
    exchanges: list[Exchange] = []
    wrap = over_tls if kind == "ssl" else lambda connection: connection

    def download(port: int) -> int:
        buffer = memoryview(bytearray(MIB))
        total = 0
        with wrap(dial(port)) as connection:
            connection.sendall(get("/long", "Connection: close"))
            while count := connection.recv_into(buffer):
                total += count
            return total

    def ask_again_and_again(port: int) -> list[float]:
        waits = []
        with wrap(dial(port)) as connection:
            while not any(exchange.octets == size for exchange in exchanges):
                begun = time.monotonic()
                connection.sendall(get("/small"))
                assert connection.recv(1_000)
                waits.append(time.monotonic() - begun)
        return waits

    endpoint = f"ssl:0:privateKey={key}" if kind == "ssl" else "tcp:0"
    async with served(
        HTTPFactory(reactor, [StaticFiles(tmp_path)], record=exchanges.append), endpoint
    ) as port:
        long = deferToThread(download, port)
        waits = await deferToThread(ask_again_and_again, port)
        assert await long > size
    assert len(waits) >= 10
    assert sorted(waits)[len(waits) // 2] < 0.1


@bounded
async def test_share() -> None:
    """Who writes without an end, to a client that takes it all, has no more than a share of each turn."""
    floods: list[Flood] = []

    class Noted(Flood):
        def connectionMade(self) -> None:
            floods.append(self)
            super().connectionMade()

    async with served(Factory.forProtocol(Noted)) as port:
        assert len(await deferToThread(ask, dial(port))) == 64 * MIB
    assert max(floods[0].written.values()) <= tcp.WRITTEN + len(Flood.PIECE)


@bounded
async def test_pull_producer(tmp_path: Path) -> None:
    """A pull producer is asked for more, however fast its octets leave."""
    (tmp_path / "long").write_bytes(LONG)
    with (tmp_path / "long").open("rb") as file:
        factory = Factory()
        factory.buildProtocol = lambda address: Sending(file)  # type: ignore[method-assign]
        async with served(factory) as port:
            assert await deferToThread(ask, dial(port)) == LONG


@bounded
async def test_half_close_after_file(tmp_path: Path) -> None:
    """A refusal behind a long file ends the stream at once, and no reset overtakes it."""
    (tmp_path / "long").write_bytes(LONG * 8)
    begun = time.monotonic()
    async with served(HTTPFactory(reactor, [StaticFiles(tmp_path)])) as port:
        octets = await deferToThread(ask, dial(port, RCVBUF=4_096), get("/long"), b"garbage\r\n\r\n")
    assert [status for status, _, _ in responses(octets, "GET", "GET")] == [200, 400]
    assert time.monotonic() - begun < Deadlines().linger


@bounded
async def test_cold_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on the disk is fetched in a thread, and while it is, others are answered and nothing turns."""
    size = tcp.SHARE + 10
    (tmp_path / "long").write_bytes(b"x" * size)
    (tmp_path / "small").write_bytes(b"small")
    cold = Cold(monkeypatch)
    turns = count_turns(monkeypatch)
    async with served(HTTPFactory(reactor, [StaticFiles(tmp_path)])) as port:
        long = deferToThread(ask, dial(port), get("/long", "Connection: close"))
        await until(lambda: cold.fetches)
        small = await deferToThread(ask, dial(port), get("/small", "Connection: close"))
        assert responses(small)[0][2] == b"small"
        assert len(turns) < 5
        cold.permits.release(2)
        assert responses(await long)[0][2] == b"x" * size
    assert cold.fetches == [(0, tcp.SHARE), (tcp.SHARE, 10)]


@bounded
async def test_cold_file_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a fetch that comes up while a slow client is served stops the sending until it ends."""
    size = 2 * tcp.SHARE
    (tmp_path / "long").write_bytes(b"x" * size)
    cold = Cold(monkeypatch)
    cold.permits.release()
    async with served(HTTPFactory(reactor, [StaticFiles(tmp_path)])) as port:
        long = deferToThread(ask, dial(port, RCVBUF=65_536), get("/long", "Connection: close"))
        await until(lambda: len(cold.fetches) == 2)
        turns = count_turns(monkeypatch)
        await deferLater(reactor, 0.1)
        assert not turns
        cold.permits.release()
        assert len(await long) > size


@pytest.mark.parametrize("end", [reset, socket.socket.close])
@bounded
async def test_lost_while_fetched(
    end: Callable[[socket.socket], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that goes while its file is fetched is sent nothing of it, as the log says."""
    (tmp_path / "long").write_bytes(bytes(MIB))
    cold = Cold(monkeypatch)
    exchanges: list[Exchange] = []
    factory = HTTPFactory(reactor, [StaticFiles(tmp_path)], record=exchanges.append)
    async with served(factory) as port:
        connection = dial(port)
        connection.sendall(get("/long"))
        await until(lambda: cold.fetches)
        end(connection)
        await deferLater(reactor, 0.05)
        cold.permits.release()
        await until(lambda: cold.ended and not factory.connections)
    assert [exchange.octets for exchange in exchanges] == [0]


@bounded
async def test_file_that_shrinks(tmp_path: Path) -> None:
    """A file that becomes shorter while it is sent ends the connection: its length was a promise."""
    path = tmp_path / "long"
    path.write_bytes(bytes(20 * MIB))
    exchanges: list[Exchange] = []
    factory = HTTPFactory(reactor, [StaticFiles(tmp_path)], record=exchanges.append)
    async with served(factory) as port:
        with dial(port, RCVBUF=4_096) as connection:
            connection.sendall(get("/long"))
            await deferToThread(connection.recv, 1)
            os.truncate(path, 10)
            with pytest.raises(ConnectionResetError):
                await deferToThread(receive_all, connection)
        await until(lambda: exchanges)
    assert 0 < exchanges[0].octets < 20 * MIB


@bounded
async def test_reset_in_the_middle(tmp_path: Path) -> None:
    """A client that breaks off leaves no descriptor, and the log says how much of the file was sent."""
    (tmp_path / "long").write_bytes(bytes(20 * MIB))
    exchanges: list[Exchange] = []
    factory = HTTPFactory(reactor, [StaticFiles(tmp_path)], record=exchanges.append)
    async with served(factory) as port:
        for half_closed in (False, True):
            exchanges.clear()
            connection = dial(port, RCVBUF=4_096)
            connection.sendall(get("/long"))
            if half_closed:
                connection.shutdown(socket.SHUT_WR)
            await deferToThread(connection.recv, 1)
            reset(connection)
            await until(lambda: exchanges and not factory.connections)
            assert 0 < exchanges[0].octets < 20 * MIB


@bounded
async def test_half_close(tmp_path: Path) -> None:
    """A client that has said all gets the whole of a long file."""
    (tmp_path / "long").write_bytes(LONG * 4)

    def fetch(port: int) -> bytes:
        with dial(port, RCVBUF=4_096) as connection:
            connection.sendall(get("/long"))
            connection.shutdown(socket.SHUT_WR)
            time.sleep(0.05)
            return receive_all(connection)

    async with served(HTTPFactory(reactor, [StaticFiles(tmp_path)])) as port:
        assert responses(await deferToThread(fetch, port))[0][2] == LONG * 4


@bounded
async def test_mistaken_protocol() -> None:
    """A protocol that raises loses its own connection, is logged, and harms no other."""
    failures: list[str] = []

    def note(event: Any) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"].type.__name__)

    globalLogPublisher.addObserver(note)
    try:
        async with served(Factory.forProtocol(Raising)) as port:
            with dial(port) as good:
                assert await deferToThread(ask, dial(port), b"data") == b""
                with dial(port) as other:
                    other.sendall(b"end")
                    assert await deferToThread(other.recv, 10) == b"end"
                await until(lambda: len(failures) == 2)
                good.sendall(b"good")
                assert await deferToThread(good.recv, 10) == b"good"
    finally:
        globalLogPublisher.removeObserver(note)
    assert failures == ["ZeroDivisionError", "KeyError"]


@bounded
async def test_stopping_reactor() -> None:
    """As the reactor stops every connection is told, also where one of them makes a mistake."""
    ended: list[bytes] = []

    class Told(Raising):
        def connectionLost(self, reason: object = None) -> None:
            ended.append(self.told)
            super().connectionLost(reason)

    connections = tcp.Connections(reactor)
    endpoint = tcp.Together(serverFromString(reactor, "tcp:0:interface=127.0.0.1"), connections)
    port = await endpoint.listen(Factory.forProtocol(Told))
    try:
        clients = [dial(port.getHost().port) for _ in range(3)]
        for client, word in zip(clients, (b"end", b"1", b"2"), strict=True):
            client.sendall(word)
            assert await deferToThread(client.recv, 10) == word
        connections.connectionLost(Failure(error.ConnectionLost()))
        for client in clients:
            client.close()
    finally:
        await maybeDeferred(port.stopListening)
    assert sorted(ended) == [b"1", b"2", b"end"]
    assert connections not in reactor.getReaders()


def test_without_epoll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no epoll, endpoints stay as they are."""
    monkeypatch.delattr(select, "epoll")
    endpoint = object()
    assert tcp.together(reactor)(endpoint) is endpoint


@bounded
async def test_unix_socket(tmp_path: Path) -> None:
    """What is not TCP is served as Twisted does it."""
    endpoint = tcp.together(reactor)(serverFromString(reactor, f"unix:{tmp_path}/socket"))
    port = await endpoint.listen(HTTPFactory(reactor, [long_body]))

    def fetch() -> bytes:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{tmp_path}/socket")
        return ask(connection, get("/memory", "Connection: close"))

    try:
        assert responses(await deferToThread(fetch))[0][2] == LONG
    finally:
        await maybeDeferred(port.stopListening)
