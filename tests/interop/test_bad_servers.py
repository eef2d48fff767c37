"""Servers that break the rules: one line that says which, the right status, no wrong file."""

import gzip
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import PATIENCE, client

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(bytes(20_000_000))
STALL, RESET, FLOOD = b"<stall>", b"<reset>", b"<flood>"  # what the server does instead of closing

# What the server says, options, the exit status, a word of the complaint, and whether a part is kept.
TABLE: dict[str, tuple[bytes, list[str], int, str, bool]] = {
    "nothing": (b"", [], 3, "without a response", False),
    "garbage": (b"\x00\xff garbage\r\n\r\n", [], 1, "status line", False),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", [], 1, "status line", False),
    "http/2": (b"HTTP/2 200\r\n\r\n", [], 1, "status line", False),
    "http/0.9": (b"<html>hello</html>\n", [], 1, "LF alone", False),
    "lf only": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", [], 1, "LF alone", False),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", [], 1, "status line", False),
    "head cut short": (OK + b"Content-Le", [], 3, "header section ends too early", False),
    "field without a colon": (OK + b"nonsense\r\n\r\n", [], 1, "without a colon", False),
    "folded field": (OK + b"A: b\r\n c\r\n\r\n", [], 1, "colon", False),
    "control character": (OK + b"A: b\x00c\r\n\r\n", [], 1, "control character", False),
    "endless line": (OK + b"A: " + FLOOD, [], 1, "longer than", False),
    "endless header": (OK + b"A: b\r\n" * 200 + FLOOD, [], 1, "more than 100 fields", False),
    "endless interim": (b"HTTP/1.1 100 Go on\r\n\r\n" * 50, [], 1, "interim", False),
    "upgrade": (b"HTTP/1.1 101 Switch\r\n\r\n", [], 1, "upgrade", False),
    "short body with a tag": (
        OK + b'ETag: "a"\r\nContent-Length: 9\r\n\r\nhalf',
        [],
        3,
        "5 octets too early",
        True,
    ),
    "short body": (OK + b"Content-Length: 9\r\n\r\nhalf", [], 3, "5 octets too early", True),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", [], 1, "one number", False),
    "negative length": (OK + b"Content-Length: -2\r\n\r\nhi", [], 1, "one number", False),
    "length and chunks": (
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [],
        1,
        "both Transfer-Encoding and Content-Length",
        False,
    ),
    "unknown coding": (OK + b"Transfer-Encoding: rot13\r\n\r\nuv", [], 1, "rot13", False),
    "chunk without a size": (CHUNKED + b"2\r\nhi\r\nxyz\r\n", [], 1, "proper size", False),
    "chunk too long": (CHUNKED + b"2\r\nhi, more\r\n", [], 1, "follows a chunk", False),
    "chunks cut short": (CHUNKED + b"5\r\nhello\r\n", [], 3, "last chunk", True),
    "endless trailer": (CHUNKED + b"2\r\nhi\r\n0\r\n" + b"A: b\r\n" * 200, [], 1, "100 fields", False),
    "bomb": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
        ["--compressed"],
        1,
        "bomb",
        True,
    ),
    "not gzip": (OK + b"Content-Encoding: gzip\r\n\r\nhello", ["--compressed"], 1, "not gzip", False),
    "half of a gzip": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(range(256)) * 999)[:300],
        ["--compressed"],
        1,
        "ends too early",
        True,
    ),
    "redirect loop": (
        b"HTTP/1.1 302 X\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
        ["-L"],
        1,
        "more than 10 redirects",
        False,
    ),
    "redirect to a file": (
        b"HTTP/1.1 302 X\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        ["-L"],
        1,
        "no http URL",
        False,
    ),
    "redirect to no host": (
        b"HTTP/1.1 302 X\r\nLocation: https://a..b/\r\nContent-Length: 0\r\n\r\n",
        ["-L"],
        1,
        "no http URL",
        False,
    ),
    "no length worth the name": (
        b"HTTP/1.1 206 X\r\nContent-Length: \xb2\r\n\r\n",
        [],
        1,
        "one number",
        False,
    ),
    "silence": (STALL, [], 4, "silent for", False),
    "stalled head": (OK + STALL, [], 4, "silent for", False),
    "stalled body": (OK + b"Content-Length: 9\r\n\r\nhalf" + STALL, [], 4, "silent for", True),
    "reset": (OK + b"Content-Length: 9\r\n\r\nhalf" + RESET, [], 3, "connection was lost", True),
    "a part unasked": (
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nhi",
        [],
        1,
        "nobody asked for",
        False,
    ),
    "endless body": (OK + b"\r\n" + FLOOD, ["--max-time", "1"], 4, "not complete", True),
}


@contextmanager
def server(answer: bytes) -> Iterator[int]:
    """A server that says the same to each client, then closes, or does what the mark at the end says."""
    ended = threading.Event()
    mark = next((mark for mark in (STALL, RESET, FLOOD) if answer.endswith(mark)), b"")
    octets = answer.removesuffix(mark)

    def serve(tcp: socket.socket) -> None:
        with tcp:
            tcp.settimeout(PATIENCE)
            try:
                tcp.recv(65_536)
                tcp.sendall(octets)
                if mark == STALL:
                    ended.wait(PATIENCE)
                elif mark == RESET:
                    time.sleep(0.2)  # so that the octets before it are read
                    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif mark == FLOOD:
                    for _ in range(1000):
                        tcp.sendall(b"x" * 1000)
                        if ended.wait(0.01):
                            return
            except OSError:
                pass

    def accept() -> None:
        while not ended.is_set():
            try:
                tcp, _ = listening.accept()
            except OSError:
                continue
            threads.append(threading.Thread(target=serve, args=(tcp,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        threads = [threading.Thread(target=accept)]
        threads[0].start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            for thread in threads:
                thread.join(PATIENCE)


@pytest.mark.parametrize("kind", TABLE)
def test_bad_server(kind: str, tmp_path: Path) -> None:
    """It ends, with one line for the rule and one for a part that is kept; no file has the final name."""
    answer, options, status, why, kept = TABLE[kind]
    with server(answer) as port:
        url = f"http://127.0.0.1:{port}/file"
        failed = client("http", "--timeout", "2", "-o", tmp_path / "file", *options, url, seconds=15)
    lines = failed.stderr.decode().splitlines()
    assert failed.returncode == status, lines
    assert why in lines[-1]
    assert b"Traceback" not in failed.stderr
    assert not (tmp_path / "file").exists()
    assert (tmp_path / "file.part").exists() == kept
    goes_on = (tmp_path / "file.part.validator").exists()
    then = "--continue goes on from there" if goes_on else "it cannot be gone on with"
    part = [f"netlab: {tmp_path}/file.part holds what came so far; {then}"]
    assert lines[:-1] == (part if kept else [])
