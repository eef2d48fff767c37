"""The client beside curl, against five servers; downloads that break off and go on; certificates."""

import contextlib
import hashlib
import json
import os
import pty
import random
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.origins import ORIGINS
from tests.processes import (
    ENVIRONMENT,
    client,
    client_command,
    complaint,
    daemon,
    require_program,
    run,
    started,
)

MIB = 1 << 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of several kinds."""
    folder = tmp_path_factory.mktemp("root")
    folder.chmod(0o755)
    (folder / "text.txt").write_text("hello\n")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "page.html").write_text("<p>ünï</p>\n", encoding="utf-8")
    (folder / "random.bin").write_bytes(random.Random(1).randbytes(3 * MIB))
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


@pytest.mark.parametrize("origin", ORIGINS)
def test_same_as_curl(origin: str, root: Path, tmp_path: Path) -> None:
    """The same status, fields (but for the moment in Date), length and body as curl's."""
    curl = require_program("curl")
    with ORIGINS[origin](tmp_path, root) as url:
        for name in ("text.txt", "empty.txt", "page.html", "random.bin", "missing"):
            command = [curl, "-s", "-D", tmp_path / "head", "-o", tmp_path / "body", f"{url}/{name}"]
            assert run(*command).returncode == 0
            head = (tmp_path / "head").read_bytes().decode("latin-1").split("\r\n")
            body = (tmp_path / "body").read_bytes() if (tmp_path / "body").exists() else b""
            ours = json.loads(client("http", "--json", f"{url}/{name}").stdout)
            assert str(ours["status"]) == head[0].split(" ")[1]
            fields = [f"{field}: {value}" for field, value in ours["fields"]]
            assert without_moment(fields) == without_moment(head[1:])
            assert (ours["length"], ours["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
            (tmp_path / "body").unlink(missing_ok=True)


def without_moment(lines: list[str]) -> list[str]:
    """Field lines in their order; the date's value is left out."""
    return [re.sub(r"^(Date): .*", r"\1", line).rstrip() for line in lines if line]


class Slow(BaseHTTPRequestHandler):
    """Serves one file of bytes with ranges and tags; breaks off where it is told."""

    protocol_version = "HTTP/1.1"
    body = b""
    breaks: list[int] = []
    seen: list[str | None] = []

    def do_GET(self) -> None:
        tag = f'"{hashlib.sha256(self.body).hexdigest()[:8]}"'
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        self.seen.append(self.headers.get("Range"))
        if asked and self.headers.get("If-Range") == tag:
            start = int(asked[1])
        if start >= len(self.body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(self.body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        self.end_headers()
        end = self.breaks.pop(0) if self.breaks else len(self.body)
        self.wfile.write(self.body[start:end])
        self.close_connection = True

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def slow(body: bytes, *breaks: int) -> Iterator[tuple[str, type[Slow]]]:
    handler = type("Handler", (Slow,), {"body": body, "breaks": list(breaks), "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file", handler
        finally:
            server.shutdown()
            thread.join()


def test_continued(tmp_path: Path) -> None:
    """Broken off at three random points and continued, the file is right, and nothing was sent twice."""
    chance = random.Random()
    body = chance.randbytes(4 * MIB)
    breaks = sorted(chance.sample(range(1, len(body)), 3))
    with slow(body, *breaks) as (url, server):
        for place in breaks:
            broken = client("http", "-c", "-o", tmp_path / "file", url)
            assert broken.returncode == 3
            assert (tmp_path / "file.part").stat().st_size == place
            assert not (tmp_path / "file").exists()
        whole = client("http", "-c", "--json", "-o", tmp_path / "file", url)
    digest = hashlib.sha256(body).hexdigest()
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["sha256"] == digest
    assert hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest() == digest
    assert server.seen == [None, *(f"bytes={place}-" for place in breaks)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_continued_after_a_change(tmp_path: Path) -> None:
    """A file that changed begins again: what comes out is the new one, whole."""
    old, new = random.Random(1).randbytes(MIB), random.Random(2).randbytes(MIB)
    with slow(old, 300_000) as (url, server):
        assert client("http", "-c", "-o", tmp_path / "file", url).returncode == 3
        server.body = new
        assert client("http", "-c", "-o", tmp_path / "file", url).returncode == 0
    assert (tmp_path / "file").read_bytes() == new


def test_continued_at_the_end(tmp_path: Path) -> None:
    """A part that is the whole already gets its name; one that is longer than the file begins again."""
    body = b"0123456789"
    tag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
    with slow(body) as (url, _):
        for part in (body, body + b"more"):
            (tmp_path / "file.part").write_bytes(part)
            (tmp_path / "file.part.validator").write_text(f"{url}\n{tag}\n")
            assert client("http", "-c", "-o", tmp_path / "file", url).returncode == 0
            assert (tmp_path / "file").read_bytes() == body
            (tmp_path / "file").unlink()


def test_interrupted_download(tmp_path: Path) -> None:
    """Ctrl-C keeps the part, says so, and is no traceback; --continue makes it whole."""
    (tmp_path / "www").mkdir()
    body = random.Random(3).randbytes(200 * MIB)
    (tmp_path / "www" / "large").write_bytes(body)
    with daemon(tmp_path, "netlab-http", "--root", tmp_path / "www") as web:
        command = client_command("http", "-c", "-O", f"http://127.0.0.1:{web.port}/large")
        with started(tmp_path, *command) as fetch:
            while fetch.process.poll() is None and not (tmp_path / "large.part").exists():
                pass
            status = fetch.stop(signal.SIGINT)
            if status != 0:  # it was not faster than the signal
                assert status == 1
                assert "large.part holds what came so far" in fetch.output
                assert fetch.lines[-1] == "netlab: interrupted"
                assert not (tmp_path / "large").exists()
                assert run(*command, cwd=tmp_path).returncode == 0
    assert (tmp_path / "large").read_bytes() == body


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    path = folder / "cert.pem"
    command = [require_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    assert run(*command, "-keyout", folder / "key.pem", "-out", path).returncode == 0
    path.write_text(path.read_text() + (folder / "key.pem").read_text())
    return path


def expired(path: Path) -> Path:
    """A certificate for localhost whose time is over, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path


def test_expired(root: Path, tmp_path: Path) -> None:
    """A certificate whose time is over is refused for that, though its authority is known."""
    shown = expired(tmp_path / "expired.pem")
    listen = f"ssl:0:privateKey={shown}:interface=127.0.0.1"
    with daemon(tmp_path, "netlab-http", "--root", root, listen=listen) as web:
        refused = client("http", "--cacert", shown, f"https://localhost:{web.port}/text.txt")
    assert (refused.returncode, refused.stdout) == (3, b"")
    assert "is not trusted: it has expired" in complaint(refused)


def test_certificates(certificate: Path, root: Path, tmp_path: Path) -> None:
    """A certificate has to be vouched for and for this name, unless -k says otherwise."""
    listen = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    with daemon(tmp_path, "netlab-http", "--root", root, listen=listen) as web:
        named = f"https://localhost:{web.port}/text.txt"
        other = f"https://127.0.0.1:{web.port}/text.txt"
        unknown = client("http", named)
        assert (unknown.returncode, unknown.stdout) == (3, b"")
        assert "is not trusted" in complaint(unknown)
        trusted = client("http", "--cacert", certificate, "--cert", certificate, "--timing", named)
        assert (trusted.returncode, trusted.stdout[-6:]) == (0, b"hello\n"), trusted.stderr
        assert re.search(rb"^TLS +\d+\.\d+ ms", trusted.stderr, re.MULTILINE)
        wrong = client("http", "--cacert", certificate, other)
        assert wrong.returncode == 3
        assert "is for another name" in complaint(wrong)
        for url in (named, other):
            assert client("http", "-k", "--no-headers", url).stdout == b"hello\n"
        plain = client("http", f"http://127.0.0.1:{web.port}/")
        assert plain.returncode in (1, 3)
    with daemon(tmp_path, "netlab-http", "--root", root) as web:
        no_tls = client("http", f"https://127.0.0.1:{web.port}/")
        assert no_tls.returncode == 3
        assert b"Traceback" not in no_tls.stderr


class Tunnel(BaseHTTPRequestHandler):
    """A proxy that answers CONNECT alone, and leads everything to one port of this machine."""

    port = 0

    def do_CONNECT(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as server:
            self.send_response(200)
            self.end_headers()
            pump = threading.Thread(target=self.pump, args=(server, self.connection))
            pump.start()
            self.pump(self.connection, server)
            pump.join()
        self.close_connection = True

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := source.recv(65_536):
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)

    def log_message(self, *arguments: object) -> None:
        pass


def test_tunnel(certificate: Path, root: Path, tmp_path: Path) -> None:
    """https through a proxy's tunnel judges the server's certificate, and gives its file."""
    listen = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    with daemon(tmp_path, "netlab-http", "--root", root, listen=listen) as web:
        handler = type("Handler", (Tunnel,), {"port": web.port})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy:
            thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
            thread.start()
            try:
                fetched = subprocess.run(
                    [
                        *map(str, client_command("http", "--cacert", certificate, "--no-headers", "-v")),
                        "https://localhost/text.txt",
                    ],
                    env={**ENVIRONMENT, "https_proxy": f"http://127.0.0.1:{proxy.server_port}"},
                    capture_output=True,
                    timeout=20,
                    check=False,
                )
            finally:
                proxy.shutdown()
                thread.join()
    assert (fetched.returncode, fetched.stdout) == (0, b"hello\n"), fetched.stderr
    assert b"> CONNECT localhost:443 HTTP/1.1\n" in fetched.stderr
    assert b"* tunnel to localhost:443\n* TLS agreed on\n> GET /text.txt HTTP/1.1\n" in fetched.stderr


def test_views(root: Path, tmp_path: Path) -> None:
    """-v, --explain and --timing tell on standard error; standard output has the body alone."""
    with daemon(tmp_path, "netlab-http", "--root", root) as web:
        url = f"http://127.0.0.1:{web.port}/text.txt"
        shown = client("http", "-v", url)
        assert shown.stdout == b"hello\n"
        lines = shown.stderr.decode().splitlines()
        assert f"* connected to 127.0.0.1:{web.port}" in lines
        assert "> GET /text.txt HTTP/1.1" in lines
        assert "< HTTP/1.1 200 OK" in lines
        explained = client("http", "--explain", url).stderr.decode()
        assert "The body is the next 6 octets (RFC 9112 §6.3, rule 6)." in explained
        assert "RFC 9110 §7.2" in explained
        timed = client("http", "--timing", "--no-headers", url)
        assert re.findall(r"^(\w[\w ]*\w) +\d+\.\d{3} ms", timed.stderr.decode(), re.MULTILINE) == [
            "name lookup",
            "connect",
            "first byte",
            "transfer",
            "total",
        ]


def on_terminal(*arguments: str | Path) -> str:
    """What a terminal shows of both streams."""
    leader, follower = pty.openpty()
    command = [str(word) for word in client_command("http", *arguments)]
    environment = {**ENVIRONMENT, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError), open(leader, "rb", buffering=0) as screen:
            while piece := screen.read(65_536):
                shown += piece
        process.wait(20)
    return shown.decode()


def test_terminal(tmp_path: Path) -> None:
    """On a terminal the head and JSON have colours, control characters none; a download has its bar."""
    (tmp_path / "a.json").write_text('{"a": "\x1b[31mred"}\n')
    with daemon(tmp_path, "netlab-http", "--root", tmp_path) as web:
        url = f"http://127.0.0.1:{web.port}/a.json"
        shown = on_terminal(url)
        assert "\x1b[1;32mHTTP/1.1 200 OK" in shown
        assert "\x1b[31mred" not in shown
        assert "\\x1b[31mred" in re.sub(r"\x1b\[[0-9;]*m", "", shown)
        saved = on_terminal("-o", tmp_path / "copy", url)
        assert "100%" in saved
        assert (tmp_path / "copy").read_bytes() == (tmp_path / "a.json").read_bytes()
        assert "100%" not in on_terminal("-q", "-o", tmp_path / "copy", url)


def test_unix_socket(root: Path, tmp_path: Path) -> None:
    """A server on a Unix socket is reached, one that is not there is status 3."""
    path = tmp_path / "socket"
    with daemon(tmp_path, "netlab-http", "--root", root, listen=f"unix:{path}"):
        fetched = client("http", "--no-headers", "--unix-socket", path, "http://any/text.txt")
        assert fetched.stdout == b"hello\n"
    assert client("http", "--unix-socket", tmp_path / "none", "http://any/").returncode == 3


def test_proxy(root: Path, tmp_path: Path) -> None:
    """The environment's proxy is asked; a server that is none refuses a tunnel, in one line."""
    with daemon(tmp_path, "netlab-http", "--root", root) as web:
        proxy = f"http://127.0.0.1:{web.port}"
        command = [str(word) for word in client_command("http", "--no-headers")]
        environment = {**ENVIRONMENT, "http_proxy": proxy, "https_proxy": proxy}
        asked = {
            scheme: subprocess.run(
                [*command, f"{scheme}://nosuch.invalid/text.txt"],
                env=environment,
                capture_output=True,
                timeout=20,
                check=False,
            )
            for scheme in ("http", "https")
        }
    assert asked["http"].stdout == b"hello\n"
    assert asked["https"].returncode == 3
    assert "refuses a tunnel" in complaint(asked["https"])
