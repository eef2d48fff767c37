"""`netlab.tcp` under the web server: real sockets, fast and slow readers, and what can go wrong between."""

import datetime
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread

from netlab.http import HTTPFactory, StaticFiles
from netlab.tcp import together
from tests.http.wire import get, responses
from tests.loopback.sockets import bounded, reactor, until

MIB = 2**20
# Twisted's own use of pyOpenSSL, whatever the newest version of that thinks of it.
encrypted = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


@asynccontextmanager
async def served(factory: Factory, endpoint: str = "tcp:0") -> AsyncIterator[int]:
    """Serve *factory* as the daemons do: on a port of the system's choice, its connections in one set."""
    port: Any = await together(reactor)(serverFromString(reactor, f"{endpoint}:interface=127.0.0.1")).listen(
        factory
    )
    try:
        yield port.getHost().port
    finally:
        await maybeDeferred(port.stopListening)


def dial(port: int, **options: int) -> socket.socket:
    """Connect; *options* are the socket's, by their names after ``SO_``."""
    tcp = socket.socket()
    tcp.settimeout(10)
    for name, value in options.items():
        tcp.setsockopt(socket.SOL_SOCKET, getattr(socket, f"SO_{name}"), value)
    tcp.connect(("127.0.0.1", port))
    return tcp


def receive_all(tcp: socket.socket) -> bytes:
    """What comes until the server closes."""
    octets = bytearray()
    while piece := tcp.recv(65_536):
        octets += piece
    return bytes(octets)


def ask(tcp: socket.socket, *requests: bytes) -> bytes:
    """Send *requests*, the last of which asks to close, and take all that comes."""
    with tcp:
        tcp.sendall(b"".join(requests))
        return receive_all(tcp)


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


def over_tls(tcp: socket.socket) -> socket.socket:
    """The same connection, encrypted; whose the certificate is does not matter."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(tcp)


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
