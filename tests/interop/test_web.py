"""The web server as other people's clients see it, and our client with another server."""

import hashlib
import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.processes import (
    ENVIRONMENT,
    PATIENCE,
    WWW,
    client,
    client_command,
    daemon,
    require_program,
    run,
    started,
)

MIB = 2**20
FILES = {"/": "index.html", **{"/" + quote(file.name): file.name for file in sorted(WWW.iterdir())}}
REFUSED = [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e%2fsecret.txt",
    "/folder/../../secret.txt",
    "/index.html%00",
    "/%00",
    "//secret.txt",
    "/.hidden",
    "/out/secret.txt",
    "/out.txt",
]


def curl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return run(require_program("curl"), "--silent", "--show-error", "--max-time", "20", *arguments)


def wget(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    tries = ["--no-config", "--tries=1", "--timeout=20"]
    return run(require_program("wget"), *tries, *arguments)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a folder with all kinds of things in it and around it."""
    folder = tmp_path_factory.mktemp("tree")
    root = folder / "root"
    (root / "folder").mkdir(parents=True)
    (folder / "outside").mkdir()
    for secret in (folder / "secret.txt", folder / "outside" / "secret.txt", root / ".hidden"):
        secret.write_text("secret\n")
    (root / "index.html").write_text("<title>index</title>\n")
    (root / "folder" / "file.txt").write_text("a file\n")
    (root / "in.txt").symlink_to("folder/file.txt")
    (root / "out.txt").symlink_to("../secret.txt")
    (root / "out").symlink_to("../outside")
    (root / "unreadable.txt").write_text("secret\n")
    (root / "unreadable.txt").chmod(0)
    with daemon(folder, "netlab-http", "--root", root) as web:
        yield f"http://127.0.0.1:{web.port}"
        (root / "unreadable.txt").chmod(0o600)


@pytest.mark.parametrize("target", FILES)
def test_same_octets(site: str, target: str) -> None:
    """curl and wget receive the octets of the file."""
    octets = (WWW / FILES[target]).read_bytes()
    assert curl(site + target).stdout == octets
    assert wget("--quiet", "--output-document=-", site + target).stdout == octets


def test_typed_name(site: str) -> None:
    """A name with accents and a blank can be typed as it is: wget encodes it."""
    typed = wget("--quiet", "--output-document=-", f"{site}/ünï côde.txt")
    assert typed.stdout == (WWW / "ünï côde.txt").read_bytes()


def test_head(site: str) -> None:
    """HEAD tells the length of a file, and no body follows."""
    head = curl("--head", f"{site}/netlab.png")
    assert head.returncode == 0
    assert head.stdout.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {(WWW / 'netlab.png').stat().st_size}\r\n".encode() in head.stdout
    assert b"Content-Type: image/png\r\n" in head.stdout
    assert head.stdout.endswith(b"\r\n\r\n")
    assert wget("--spider", f"{site}/netlab.png").returncode == 0


def test_missing(site: str) -> None:
    """A file that is not there is "404 Not Found", with a page that says so."""
    missing = curl("--include", f"{site}/missing.html")
    assert missing.stdout.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"<h1>404 Not Found</h1>" in missing.stdout
    assert wget("--quiet", f"{site}/missing.html", "--output-document=-").returncode == 8


@pytest.mark.parametrize("target", REFUSED)
def test_nothing_outside(tree: str, target: str) -> None:
    """Neither dot segments, NUL, nor symbolic links lead out of the folder."""
    refused = curl("--path-as-is", "--include", tree + target)
    assert re.match(rb"HTTP/1\.1 (400 Bad Request|404 Not Found)\r\n", refused.stdout)
    assert b"secret\n" not in refused.stdout


def test_link_inside(tree: str) -> None:
    """A symbolic link that stays inside is followed."""
    assert curl(f"{tree}/in.txt").stdout == b"a file\n"


def test_folder(tree: str) -> None:
    """A folder's address ends in a slash; a folder without an index is "404 Not Found"."""
    moved = curl("--include", f"{tree}/folder?a=b")
    assert moved.stdout.startswith(b"HTTP/1.1 301 Moved Permanently\r\n")
    assert b"Location: /folder/?a=b\r\n" in moved.stdout
    assert curl("--include", "--location", f"{tree}/folder").stdout.count(b"HTTP/1.1 404 Not Found") == 1
    assert curl(f"{tree}/folder/file.txt").stdout == b"a file\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable(tree: str) -> None:
    """A file that the server may not read is "403 Forbidden"."""
    refused = curl("--include", f"{tree}/unreadable.txt")
    assert refused.stdout.startswith(b"HTTP/1.1 403 Forbidden\r\n")


@pytest.mark.parametrize("expect", ["100-continue", ""])
def test_post(site: str, tmp_path: Path, expect: str) -> None:
    """Who posts 4 MiB to a file can read "405 Method Not Allowed", whether or not they asked first."""
    (tmp_path / "body").write_bytes(bytes(4 * MIB))
    body = f"@{tmp_path / 'body'}"
    posted = curl("--include", "--header", f"Expect: {expect}".rstrip(), "--data-binary", body, f"{site}/")
    assert posted.returncode == 0, posted.stderr
    assert posted.stdout.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"Allow: GET, HEAD, OPTIONS\r\n" in posted.stdout


def test_many_at_once(site: str) -> None:
    """One connection serves many requests, and many connections are served at once."""
    urls = [f"{site}/style.css"] * 40
    octets = (WWW / "style.css").read_bytes()
    connections = r"\n%{num_connects}\n"
    one = curl("--write-out", connections, *urls).stdout
    assert one.count(octets) == 40
    assert re.findall(rb"^\d$", one, re.MULTILINE) == [b"1"] + [b"0"] * 39
    assert curl("--parallel", "--parallel-immediate", *urls).stdout.count(octets) == 40


def test_large_file(tmp_path: Path) -> None:
    """A file of 1 GiB arrives whole, by curl and by our client, in a few MiB of the server's memory."""
    large, copy = tmp_path / "large.bin", tmp_path / "copy.bin"
    chance = random.Random(1)
    try:
        with open(large, "wb") as file:
            file.truncate(1024 * MIB)
            for _ in range(16):
                file.seek(chance.randrange(1023 * MIB))
                file.write(chance.randbytes(MIB))
        with open(large, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with daemon(tmp_path, "netlab-http", "--root", tmp_path) as web:
            url = f"http://127.0.0.1:{web.port}/large.bin"
            assert curl(url.replace("large.bin", "nosuch")).returncode == 0
            before = web.memory("VmRSS")
            with subprocess.Popen(
                [require_program("curl"), "--silent", "--max-time", "60", url],
                stdout=subprocess.PIPE,
                env=ENVIRONMENT,
            ) as process:
                assert process.stdout is not None
                assert hashlib.file_digest(process.stdout, "sha256").hexdigest() == digest
            assert client("http", "-o", copy, url, seconds=60).returncode == 0
            with open(copy, "rb") as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == digest
            assert web.memory("VmHWM") - before < 16 * MIB
            assert web.stop() == 0
    finally:
        for file_of_a_gibibyte in (large, copy):
            file_of_a_gibibyte.unlink(missing_ok=True)


def test_once(tmp_path: Path) -> None:
    """With --once, exactly one request is answered; then the server ends with status 0."""
    with daemon(tmp_path, "netlab-http", "--root", WWW, "--once") as web:
        with socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE) as tcp:
            tcp.sendall(b"GET /style.css HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
            answer = b""
            while octets := tcp.recv(65_536):
                answer += octets
        assert web.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", web.port), timeout=PATIENCE)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1
    assert answer.endswith(b"\r\n\r\n" + (WWW / "style.css").read_bytes())


def test_once_by_curl(tmp_path: Path) -> None:
    """The exercise: one request, and the server has done its work."""
    with daemon(tmp_path, "netlab-http", "--root", WWW, "--once") as web:
        url = f"http://127.0.0.1:{web.port}/"
        assert curl(url).stdout == (WWW / "index.html").read_bytes()
        assert web.wait() == 0
        assert curl(url).returncode == 7
        assert "Traceback" not in web.output


def test_access_log(tmp_path: Path) -> None:
    """The access log has one line a request, in the Combined Log Format."""
    log = tmp_path / "access.log"
    with daemon(tmp_path, "netlab-http", "--root", WWW, "--access-log", log) as web:
        url = f"http://127.0.0.1:{web.port}"
        curl("--user-agent", 'an "agent"', "--referer", "http://a/", f"{url}/style.css", f"{url}/missing")
        assert web.stop() == 0
    length = (WWW / "style.css").stat().st_size
    found, missing = log.read_text().splitlines()
    assert re.fullmatch(
        r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]"
        rf' "GET /style\.css HTTP/1\.1" 200 {length} "http://a/" "an \\x22agent\\x22"',
        found,
    )
    assert '"GET /missing HTTP/1.1" 404 ' in missing


@pytest.mark.parametrize("name", sorted(FILES.values())[1:])
def test_another_server(name: str, tmp_path: Path) -> None:
    """Our client reads what the standard library's web server serves."""
    server = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", WWW]
    with started(tmp_path, sys.executable, *server) as web:
        port = web.wait_for(r"Serving HTTP on 127\.0\.0\.1 port (\d+)")[1]
        fetched = run(*client_command("http", "127.0.0.1", port, name))
        assert fetched.returncode == 0
        assert fetched.stdout.startswith(b"HTTP/1.0 200 OK\n")
        assert fetched.stdout.partition(b"\n\n")[2] == (WWW / name).read_bytes()
        missing = run(*client_command("http", "127.0.0.1", port, "nosuch"))
        assert missing.returncode == 1
