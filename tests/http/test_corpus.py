"""Connections that a fuzzer has found interesting, replayed: none makes the server fail."""

from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.factory import HTTPFactory
from netlab.http.files import StaticFiles
from netlab.http.message import Request, Response
from tests.http.wire import folder

CORPUS = Path(__file__).parent.parent.parent / "bench" / "fuzz" / "corpus"


async def echo(request: Request) -> Response | None:
    """Answer requests for /echo with their own body."""
    return Response(200, body=await request.body.read()) if request.target == "/echo" else None


def make_site(root: Path) -> None:
    """Fill *root* with a file, its sibling and a folder."""
    (root / "f").write_bytes(bytes(1000))
    (root / "f.gz").write_bytes(bytes(100))
    (root / "folder").mkdir()


def speak(root: Path, octets: bytes) -> bytes:
    """
    Have one connection to a server of *root*; the first octet says how the rest is cut into segments.

    The result is what the server wrote by the time that the client and all deadlines were over.
    """
    size = octets[0] + 1 if octets else 1
    clock, transport = Clock(), StringTransport()
    protocol: Any = HTTPFactory(clock, [echo, StaticFiles(root, list_folders=True)]).buildProtocol(None)
    protocol.makeConnection(transport)
    for start in range(1, len(octets), size):
        protocol.dataReceived(octets[start : start + size])
    protocol.readConnectionLost()
    clock.advance(100)
    protocol.connectionLost()
    if clock.getDelayedCalls():
        raise AssertionError("a timer is left behind")
    return transport.value()


class CorpusTests(SynchronousTestCase):
    """The corpus of ``bench/fuzz/connection.py``."""

    def test_replayed(self) -> None:
        """No connection brings a 500, a logged failure or a timer that stays."""
        root = folder(self)
        make_site(root)
        files = sorted(CORPUS.iterdir())
        self.assertGreater(len(files), 100)
        for file in files:
            with self.subTest(file=file.name):
                self.assertNotIn(b"HTTP/1.1 500", speak(root, file.read_bytes()))
        self.assertEqual(self.flushLoggedErrors(), [])
