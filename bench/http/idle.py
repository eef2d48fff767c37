"""
Idle keep-alive connections: a process that opens many, asks once on each, and then holds them.

    python -m bench.http.idle PORT PATH SIZE COUNT

prints `holding N` once every connection has had its answer of SIZE octets (a smaller N where the server
closed one or took longer than a minute), holds them until standard input ends, prints `held N`, how many the
server had kept open, and ends.
"""

import resource
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from . import cores
from .cases import Case

_AT_ONCE = 32  # connections that wait for their answer; fewer than the shortest usual backlog, 50
_PER_ADDRESS = 5000  # from one source address: an address has about 28,000 ports
_CHOOSE_AT_CONNECT = 24  # IP_BIND_ADDRESS_NO_PORT: to look for a port that is free of all peers is slow
_PATIENCE = 60.0  # seconds for all of them to be open
_PROJECT = Path(__file__).parents[2]


class IdleFailed(Exception):
    """The connections could not be opened, or the server would not keep them."""


class Idle:
    """The holding process, for the time of a `with` block."""

    def __init__(self, case: Case, port: int) -> None:
        arguments = [str(port), case.path, str(case.size), str(case.idle)]
        command = [sys.executable, "-m", "bench.http.idle", *arguments]
        self._wanted = case.idle
        with cores.pinned(cores.LOAD):
            self._process = subprocess.Popen(
                command, cwd=_PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

    def __enter__(self) -> "Idle":
        assert self._process.stdout is not None
        try:
            self._expect("holding", self._process.stdout)
        except BaseException:
            self._end()
            raise
        return self

    def check(self) -> None:
        """
        Let go of the connections.

        Raises:
            IdleFailed: the server had closed some.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._expect("held", self._process.stdout)

    def _expect(self, word: str, output: IO[str]) -> None:
        line = output.readline().split()
        if line != [word, str(self._wanted)]:
            raise IdleFailed(f"{self._wanted} wanted, {' '.join(line) or 'the holder failed'}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait()


def opened(port: int, path: str, size: int, count: int) -> list[socket.socket]:
    """Open *count* connections and read one answer on each; fewer when the time is over."""
    request = f"GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    deadline = time.monotonic() + _PATIENCE
    ready: list[socket.socket] = []
    received: dict[socket.socket, bytes] = {}
    started = 0
    with selectors.DefaultSelector() as selector:
        while len(ready) < count and time.monotonic() < deadline:
            while started < count and len(received) < _AT_ONCE:
                connection = socket.socket()
                connection.setsockopt(socket.IPPROTO_IP, _CHOOSE_AT_CONNECT, 1)
                connection.bind((f"127.0.0.{2 + started // _PER_ADDRESS}", 0))
                connection.connect(("127.0.0.1", port))
                connection.sendall(request)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ)
                received[connection] = b""
                started += 1
            for key, _ in selector.select(1):
                assert isinstance(key.fileobj, socket.socket)
                connection = key.fileobj
                octets = connection.recv(65536)
                received[connection] += octets
                head, end, body = received[connection].partition(b"\r\n\r\n")
                if octets and not (end and len(body) == size):
                    continue
                selector.unregister(connection)
                del received[connection]
                if octets and head.startswith(b"HTTP/1.1 200 "):
                    ready.append(connection)
                else:
                    return ready
    return ready


def kept(connection: socket.socket) -> bool:
    """Whether the peer has neither closed *connection* nor said anything more."""
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def main(port: int, path: str, size: int, count: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = opened(port, path, size, count)
    print("holding", len(connections), flush=True)
    sys.stdin.read()
    print("held", sum(map(kept, connections)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
