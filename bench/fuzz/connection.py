"""
Fuzz the web server in memory, guided by coverage: no octets make it raise, or answer 500.

    pip install atheris
    python bench/fuzz/connection.py bench/fuzz/corpus -max_total_time=600

Every input is one connection: its first octet says how the rest is cut into segments.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["netlab"]):
    from twisted.internet.task import Clock
    from twisted.internet.testing import StringTransport
    from twisted.logger import globalLogPublisher

    from netlab.http import HTTPFactory, Request, Response, StaticFiles


def complain(event: dict[str, object]) -> None:
    """What the server logs as a failure is one."""
    if "log_failure" in event:
        raise AssertionError(event["log_failure"])


async def echo(request: Request) -> Response | None:
    """Answer requests for /echo with their own body."""
    return Response(200, body=await request.body.read()) if request.target == "/echo" else None


def main() -> None:
    """Serve a small folder to the fuzzer."""
    globalLogPublisher.addObserver(complain)
    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    (root / "f").write_bytes(bytes(1000))
    (root / "f.gz").write_bytes(bytes(100))
    (root / "folder").mkdir()
    files = StaticFiles(root, list_folders=True)

    def connection(octets: bytes) -> None:
        size = octets[0] + 1 if octets else 1
        clock, transport = Clock(), StringTransport()
        protocol = HTTPFactory(clock, [echo, files]).buildProtocol(None)
        assert protocol is not None
        protocol.makeConnection(transport)
        for start in range(1, len(octets), size):
            protocol.dataReceived(octets[start : start + size])
        protocol.readConnectionLost()
        clock.advance(100)
        protocol.connectionLost()
        for line in transport.value().split(b"\r\n"):
            if line.startswith(b"HTTP/1.1 500"):
                raise AssertionError(octets)
        assert not clock.getDelayedCalls(), octets

    atheris.Setup(sys.argv, connection)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
