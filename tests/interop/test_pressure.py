"""The web server under slow, hostile and impatient peers, and at its end."""

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.processes import (
    ENVIRONMENT,
    PATIENCE,
    RUNNERS,
    WWW,
    Program,
    daemon,
    require_program,
    run,
    started,
    until,
)

MIB = 2**20
ALPHABET = [
    b"GET ", b"HEAD ", b"POST ", b"FOO ", b"/", b"/index.html", b"/%2e%2e/", b"/%00", b"//", b"*", b"http://a/",
    b" HTTP/1.1", b" HTTP/1.0", b" HTTP/2.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x80",
    b"Host: a", b"Host: ", b"Content-Length: 5", b"Content-Length: -1", b"Transfer-Encoding: chunked",
    b"Connection: close", b"Connection: keep-alive", b"Range: bytes=0-5,-3", b"If-None-Match: *",
    b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", b"Accept-Encoding: gzip;q=0.5, *",
    b"Expect: 100-continue",
    b"5\r\nhello\r\n", b"0\r\n\r\n", b"A" * 300, b"X: ", b":", b";",
]  # fmt: skip


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def get(port: int, path: str = "/") -> bytes:
    """What the server answers to an ordinary request."""
    with connected(port) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: peer.recv(65_536), b""))


@pytest.mark.parametrize("attack", ["-H", "-B", "-X"])
def test_slow_connections(tmp_path: Path, attack: str) -> None:
    """200 slow connections are closed by their deadlines, and ordinary requests go on being answered."""
    slowhttptest = require_program("slowhttptest")
    with daemon(tmp_path, "netlab-http", "--root", WWW) as web:
        command = [slowhttptest, "-c", "200", attack, "-i", "5", "-r", "200", "-l", "30", "-p", "3"]
        with started(tmp_path, *command, "-u", f"http://127.0.0.1:{web.port}/netlab.png") as attacker:
            answered = 0
            while attacker.process.poll() is None:
                begun = time.monotonic()
                assert get(web.port).startswith(b"HTTP/1.1 200")
                assert time.monotonic() - begun < 1
                answered += 1
                time.sleep(0.2)
        assert answered > 3
        assert "Traceback" not in web.output
        deadline = time.monotonic() + 5
        while len(list(Path(f"/proc/{web.process.pid}/fd").iterdir())) > 40 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(list(Path(f"/proc/{web.process.pid}/fd").iterdir())) < 40
        assert get(web.port).startswith(b"HTTP/1.1 200")


def test_random_octets(tmp_path: Path) -> None:
    """10,000 requests of random octets, near the grammar and far: no 5xx but 501 and 505, no traceback."""
    chance = random.Random(9112)
    with daemon(tmp_path, "netlab-http", "--root", WWW) as web:
        get(web.port)
        before = web.memory("VmRSS")
        for number in range(10_000):
            pieces = [chance.choice(ALPHABET) for _ in range(chance.randrange(1, 14))]
            if number % 5 == 0:
                pieces.append(chance.randbytes(chance.randrange(1, 200)))
            with connected(web.port) as peer:
                peer.sendall(b"".join(pieces))
                peer.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda peer=peer: peer.recv(65_536), b""))  # type: ignore[misc]
            for line in answer.split(b"\r\n"):
                if line.startswith(b"HTTP/1.1 5"):
                    assert line[9:12] in (b"501", b"505"), pieces
        assert "Traceback" not in web.output
        assert web.memory("VmRSS") - before < 8 * MIB
        assert get(web.port).startswith(b"HTTP/1.1 200")


@contextmanager
def large_site(tmp_path: Path, octets: int) -> Iterator[tuple[Program, str]]:
    """A server with one large file, and the file's digest."""
    root = tmp_path / "root"
    root.mkdir()
    content = os.urandom(MIB) * (octets // MIB)
    (root / "large").write_bytes(content)
    with daemon(tmp_path, "netlab-http", "--root", root) as web:
        yield web, hashlib.sha256(content).hexdigest()


def test_end_in_the_middle(tmp_path: Path) -> None:
    """SIGTERM lets a download of 200 MB finish, closes ten idle peers at once, and ends with status 0."""
    with large_site(tmp_path, 200 * MIB) as (web, digest), ExitStack() as stack:
        idle = [stack.enter_context(connected(web.port)) for _ in range(10)]
        for peer in idle[5:]:  # half of them have had an answer
            peer.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert peer.recv(4096).startswith(b"HTTP/1.1 404")
        download = stack.enter_context(connected(web.port))
        download.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = download.recv(65_536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        web.send_signal(signal.SIGTERM)
        for peer in idle:
            assert peer.recv(1) == b""
        found, length = hashlib.sha256(body), len(body)
        while piece := download.recv(MIB):
            found.update(piece)
            length += len(piece)
        assert (length, found.hexdigest()) == (200 * MIB, digest)
        assert web.wait() == 0
        assert "Traceback" not in web.output


def test_file_truncated_while_sent(tmp_path: Path) -> None:
    """A file that shrinks while it is sent ends its connection short, and nobody else's."""
    with large_site(tmp_path, 50 * MIB) as (web, _), connected(web.port) as peer:
        peer.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        received = len(peer.recv(1024))
        os.truncate(tmp_path / "root" / "large", 10)
        with suppress(ConnectionResetError):
            while piece := peer.recv(MIB):
                received += len(piece)
        assert received < 50 * MIB
        assert len(get(web.port, "/large").partition(b"\r\n\r\n")[2]) == 10


def test_hang_up(tmp_path: Path) -> None:
    """SIGHUP opens the access log anew, so that a rotated one can be put away."""
    log = tmp_path / "access"
    with daemon(tmp_path, "netlab-http", "--root", WWW, "--access-log", log) as web:
        get(web.port)
        log.rename(tmp_path / "rotated")
        web.send_signal(signal.SIGHUP)
        until(log.exists)
        get(web.port, "/style.css")
        until(lambda: "/style.css" in log.read_text())
        assert "/style.css" not in (tmp_path / "rotated").read_text()
        assert web.stop() == 0


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        ("unix:{folder}/socket", ["--unix-socket", "{folder}/socket", "http://a/"]),
        (
            "ssl:{port}:privateKey={folder}/key.pem:certKey={folder}/cert.pem:interface=127.0.0.1",
            ["--cacert", "{folder}/cert.pem", "--http1.1", "https://localhost:{port}/"],
        ),
        ("haproxy:tcp:{port}:interface=127.0.0.1", ["--haproxy-protocol", "http://127.0.0.1:{port}/"]),
        (r"tcp6:{port}:interface=\:\:1", ["http://[::1]:{port}/"]),
    ],
)
def test_endpoints(tmp_path: Path, endpoint: str, arguments: list[str]) -> None:
    """The server listens wherever a Twisted endpoint string says."""
    curl, openssl = require_program("curl"), require_program("openssl")
    made = run(
        openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out",
        tmp_path / "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = {"folder": tmp_path, "port": port}
    with daemon(tmp_path, "netlab-http", "--root", WWW, listen=endpoint.format(**names)):
        fetched = run(curl, "--silent", "--fail", *(word.format(**names) for word in arguments))
    assert fetched.stdout == (WWW / "index.html").read_bytes()


def test_inherited_socket(tmp_path: Path) -> None:
    """A socket that systemd holds is served as ``systemd:domain=INET:index=0``."""
    activate = (
        "import os, sys;"
        "os.dup2(int(sys.argv[1]), 3, inheritable=True);"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1', LISTEN_FDNAMES='web');"
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    with socket.create_server(("127.0.0.1", 0)) as held, ExitStack() as stack:
        command = [sys.executable, "-c", activate, str(held.fileno()), *RUNNERS["twistd"], "netlab-http"]
        options = ["--root", str(WWW), "--listen", "systemd:domain=INET:index=0"]
        output = stack.enter_context(open(tmp_path / "out", "wb"))
        process = subprocess.Popen(
            [*command, *options], pass_fds=[held.fileno()], stdout=output, stderr=output, env=ENVIRONMENT
        )
        try:
            assert get(held.getsockname()[1]).startswith(b"HTTP/1.1 200")
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


def test_rules(tmp_path: Path) -> None:
    """SIGHUP reads the rules anew; wrong ones are refused with file, line and key, and the old ones stay."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[redirects]]\nfrom = "/a"\nto = "/b"\n')
    with daemon(tmp_path, "netlab-http", "--root", WWW, "--config", rules) as web:
        assert b"\r\nLocation: /b\r\n" in get(web.port, "/a")
        rules.write_text('[[redirects]]\nfrom = "/a"\nto = "/c"\n')
        web.send_signal(signal.SIGHUP)
        web.wait_for("hold from now on")
        assert b"\r\nLocation: /c\r\n" in get(web.port, "/a")
        rules.write_text('[[redirects]]\nfrom = "/a"\nto = 5\n')
        web.send_signal(signal.SIGHUP)
        web.wait_for("the old rules stay")
        assert b"\r\nLocation: /c\r\n" in get(web.port, "/a")
        (line,) = [line for line in web.lines if "the old rules stay" in line]
        assert f"{rules}:3: " in line
        assert "to" in line
    wrong = run(*RUNNERS["twistd"], "netlab-http", "--root", WWW, "--config", rules)
    assert wrong.returncode == 1
    assert f"{rules}:3: " in wrong.stdout.decode().splitlines()[-1]
