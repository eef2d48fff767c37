"""The clients as processes: their exit statuses, and one line on standard error instead of a traceback."""

import os
import pty
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import (
    PATIENCE,
    WWW,
    client,
    client_command,
    complaint,
    daemon,
    free_port,
    run,
    started,
    udp_socket,
)

WRONG_USAGE = [
    (["http", "127.0.0.1"], "'127.0.0.1' is not a URL"),
    (["http", "127.0.0.1", "99999", "x"], "'99999' is not a whole number"),
    (["http", "ftp://127.0.0.1/"], "is not a URL"),
    (["http", "a", "1", "b", "c"], "SERVER_HOST SERVER_PORT FILENAME"),
    (["http", "--timeout", "0", "http://127.0.0.1/"], "'0' is not a number of seconds"),
    (["ping"], "Missing argument"),
    (["ping", "127.0.0.1", "0"], "'0' is not a whole number"),
    (["ping", "127.0.0.1", "--count", "0"], "'0' is not a whole number"),
    (["ping", "127.0.0.1", "--nosuch"], "--nosuch"),
    (["heartbeat"], "Missing argument"),
    (["heartbeat", "127.0.0.1", "--interval", "x"], "'x' is not a number of seconds"),
    (["nosuch"], "nosuch"),
]


@contextmanager
def web_server(answer: bytes) -> Iterator[int]:
    """A server that says the same octets to one client, and closes; its port."""

    def serve() -> None:
        tcp, _ = listening.accept()
        with tcp:
            tcp.recv(65_536)
            tcp.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join(PATIENCE)


@pytest.mark.parametrize(("arguments", "why"), WRONG_USAGE)
def test_wrong_usage(arguments: list[str], why: str) -> None:
    """Wrong usage is status 2, and one line says what was wrong."""
    refused = client(*arguments)
    assert refused.returncode == 2
    assert why in complaint(refused)
    assert refused.stdout == b""


@pytest.mark.parametrize("command", ["http", "ping", "heartbeat"])
def test_help(command: str) -> None:
    """Each client explains itself, with status 0."""
    helped = client(command, "--help")
    assert helped.returncode == 0
    assert helped.stdout.startswith(b"Usage: netlab " + command.encode())


@pytest.mark.parametrize(
    "arguments",
    [["http", "HOST", "1", "x"], ["ping", "HOST", "1"], ["heartbeat", "HOST", "1", "--count", "1"]],
    ids=["http", "ping", "heartbeat"],
)
def test_unknown_host(arguments: list[str]) -> None:
    """A host that does not exist is status 3."""
    lost = client(*[word.replace("HOST", "nosuch.invalid") for word in arguments])
    assert lost.returncode == 3
    assert "no such host: nosuch.invalid" in complaint(lost)


def test_refused() -> None:
    """A port where nothing listens is status 3, for each of the three."""
    tcp, udp = str(free_port()), str(free_port(socket.SOCK_DGRAM))
    beats = ["--count", "2", "--interval", "0.1"]
    for arguments in (["http", "127.0.0.1", tcp, "x"], ["ping", "127.0.0.1", udp]):
        refused = client(*arguments)
        assert refused.returncode == 3
        assert f"127.0.0.1:{arguments[2]} refused" in complaint(refused)
    refused = client("heartbeat", "127.0.0.1", udp, *beats)
    assert refused.returncode == 3
    assert f"127.0.0.1:{udp} refused" in complaint(refused)


def test_http_statuses(site: str) -> None:
    """A file is status 0, a missing one 1; the answer is printed in either case."""
    port = site.rpartition(":")[2]
    found = client("http", "127.0.0.1", port, "ünï côde.txt")
    assert found.returncode == 0
    assert found.stderr == b""
    head, _, body = found.stdout.partition(b"\n\n")
    assert head.startswith(b"HTTP/1.1 200 OK\n")
    assert body == (WWW / "ünï côde.txt").read_bytes()
    missing = client("http", "127.0.0.1", port, "missing.html")
    assert missing.returncode == 1
    assert missing.stdout.startswith(b"HTTP/1.1 404 Not Found\n")
    assert b"Traceback" not in missing.stderr


def test_http_says_what_was_wrong(site: str) -> None:
    """A status other than 0 comes with one line on standard error, for a 404 as well."""
    missing = client("http", f"{site}/missing.html")
    assert missing.returncode == 1
    assert "404" in complaint(missing)


def test_ping_says_what_was_wrong() -> None:
    """A status other than 0 comes with one line on standard error, where every ping was lost as well."""
    with udp_socket() as silent:
        lost = client("ping", "127.0.0.1", str(silent.getsockname()[1]), "--count", "2", "--timeout", "0.1")
    assert lost.returncode == 1
    complaint(lost)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_http_timeout(beginning: bytes) -> None:
    """A server that falls silent is status 4, before the answer or within."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        port = str(silent.getsockname()[1])
        thread_ends = threading.Event()

        def serve() -> None:
            tcp, _ = silent.accept()
            with tcp:
                tcp.sendall(beginning)
                thread_ends.wait(PATIENCE)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            late = client("http", "127.0.0.1", port, "x", "--timeout", "0.3")
        finally:
            thread_ends.set()
            thread.join(PATIENCE)
    assert late.returncode == 4
    assert f"127.0.0.1:{port} was silent for 0.3 s" in complaint(late)


@pytest.mark.parametrize(
    ("answer", "status", "why"),
    [
        (b"", 3, "the connection was lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 3, "the connection was lost"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", 3, "the connection was lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 1, "the server broke HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -9\r\n\r\n", 1, "the server broke HTTP"),
    ],
)
def test_bad_answers(answer: bytes, status: int, why: str) -> None:
    """An answer that breaks off is status 3, one that is no HTTP is 1."""
    with web_server(answer) as port:
        failed = client("http", "127.0.0.1", str(port), "x")
    assert failed.returncode == status
    assert why in complaint(failed)


def test_ping_statuses(tmp_path: Path) -> None:
    """Status 0 is for one pong at least; with every ping lost it is 1, and each has its line."""
    with daemon(tmp_path, "netlab-ping", "--loss", "0") as reflector:
        answered = client("ping", "127.0.0.1", str(reflector.port))
    assert answered.returncode == 0
    assert answered.stderr == b""
    lines = answered.stdout.decode().splitlines()
    for number, line in enumerate(lines[:10], start=1):
        assert re.fullmatch(rf"Ping {number}: Pong {number} \d+\.\d+  RTT \d+\.\d{{3}} ms", line)
    assert lines[11] == "10 sent, 10 received, 0.0% loss"
    with udp_socket() as silent:
        lost = client("ping", "127.0.0.1", str(silent.getsockname()[1]), "--timeout", "0.1")
    assert lost.returncode == 1
    lines = lost.stdout.decode().splitlines()
    assert lines[:10] == [f"Ping {number}: Request timed out" for number in range(1, 11)]
    assert lines[11] == "10 sent, 0 received, 100.0% loss"
    assert b"Traceback" not in lost.stderr


def test_heartbeat_status(tmp_path: Path) -> None:
    """Beats that a monitor takes are status 0; each is printed as it is sent."""
    with daemon(tmp_path, "netlab-heartbeat") as monitor:
        sent = client("heartbeat", "127.0.0.1", str(monitor.port), "--count", "3", "--interval", "0.1")
    assert sent.returncode == 0
    assert sent.stderr == b""
    assert re.fullmatch(r"(Heartbeat [123] \d+\.\d{6}\n){3}", sent.stdout.decode())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_ping(number: signal.Signals, tmp_path: Path) -> None:
    """A run of pings that is interrupted still sums up."""
    with (
        daemon(tmp_path, "netlab-ping", "--loss", "0") as reflector,
        udp_socket() as silent,
        started(
            tmp_path, *client_command("ping", "127.0.0.1", str(reflector.port), "--count", "10000000")
        ) as run,
    ):
        run.wait_for("Ping 3: ")
        assert run.stop(number) == 0
        assert re.search(r"^\d+ sent, \d+ received, ", run.output, re.MULTILINE)
        assert "Traceback" not in run.output
        nobody = client_command("ping", "127.0.0.1", str(silent.getsockname()[1]), "--timeout", "0.2")
        with started(tmp_path, *nobody) as lost:
            lost.wait_for("Ping 1: ")
            assert lost.stop(number) == 1
            assert "Traceback" not in lost.output


def test_interrupted_fetch(tmp_path: Path) -> None:
    """A fetch that is interrupted says so in one line."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        command = client_command("http", "127.0.0.1", str(silent.getsockname()[1]), "x")
        with started(tmp_path, *command) as fetch:
            with silent.accept()[0] as tcp:
                tcp.settimeout(PATIENCE)
                assert tcp.recv(100).startswith(b"GET /x HTTP/1.1\r\n")
                assert fetch.stop(signal.SIGINT) == 1
            assert fetch.output == "netlab: interrupted\n"


def test_binary_on_a_terminal(site: str, tmp_path: Path) -> None:
    """A binary body is not printed on a terminal; -o FILE saves it, and -o - prints it all the same."""
    image = (WWW / "netlab.png").read_bytes()

    def on_terminal(*options: str | Path) -> tuple[int, str, bytes]:
        leader, follower = pty.openpty()
        try:
            fetched = client("http", f"{site}/netlab.png", *options, stdout=follower)
        finally:
            os.close(follower)
        with open(leader, "rb", buffering=0) as screen:
            shown = screen.read(65_536)
        return fetched.returncode, fetched.stderr.decode(), shown

    status, complained, shown = on_terminal()
    assert status == 2
    assert re.fullmatch(r"netlab: the body is binary .* -o FILE.*\n", complained)
    assert b"PNG" not in shown
    assert on_terminal("-o", tmp_path / "copy.png")[:2] == (0, "")
    assert (tmp_path / "copy.png").read_bytes() == image
    status, complained, shown = on_terminal("-o", "-")
    assert (status, complained) == (0, "")
    assert b"PNG" in shown


def test_control_characters_on_a_terminal() -> None:
    """What could drive a terminal is not printed raw from a header line."""
    with web_server(b"HTTP/1.1 200 OK\r\nX-Colour: \x9b31m\r\nContent-Length: 0\r\n\r\n") as port:
        fetched = client("http", "127.0.0.1", str(port), "x")
    assert b"X-Colour: \\x9b31m\n" in fetched.stdout


def test_broken_off_file(tmp_path: Path) -> None:
    """Of a body that breaks off, FILE.part holds what came, FILE is not there, and a line says so."""
    with web_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 100) as port:
        broken = client("http", "-o", tmp_path / "file", f"http://127.0.0.1:{port}/")
    assert broken.returncode == 3
    assert (tmp_path / "file.part").read_bytes() == b"x" * 100
    assert not (tmp_path / "file").exists()
    assert f"{tmp_path}/file.part holds what came so far" in broken.stderr.decode()
    assert b"Traceback" not in broken.stderr


def test_error_page_is_not_saved(site: str, tmp_path: Path) -> None:
    """-o FILE saves the body of a success only; a 404 leaves an older FILE as it is."""
    (tmp_path / "file").write_text("older\n")
    missing = client("http", "-o", tmp_path / "file", f"{site}/missing.html")
    assert missing.returncode == 1
    assert (tmp_path / "file").read_text() == "older\n"


def test_file_that_cannot_be_written(site: str, tmp_path: Path) -> None:
    """A file that cannot be written is status 1 and one line that names it."""
    failed = client("http", "-o", tmp_path / "nosuch" / "file", f"{site}/style.css")
    assert failed.returncode == 1
    assert f"cannot write {tmp_path}/nosuch/file" in complaint(failed)


@pytest.mark.parametrize("command", ["small", "large", "ping", "heartbeat"])
def test_closed_pipe(command: str, tmp_path: Path) -> None:
    """``| head -1`` gives its line, and nothing on standard error."""
    (tmp_path / "small").write_bytes(b"a line\n" * 100)
    (tmp_path / "large").write_bytes(b"a line\n" * 1_000_000)
    options = {"netlab-http": ["--root", tmp_path], "netlab-ping": ["--loss", "0"], "netlab-heartbeat": []}
    name = f"netlab-{command}" if f"netlab-{command}" in options else "netlab-http"
    with daemon(tmp_path, name, *options[name]) as server:
        port = str(server.port)
        arguments = {
            "ping": ["ping", "127.0.0.1", port, "--count", "50"],
            "heartbeat": ["heartbeat", "127.0.0.1", port, "--count", "20", "--interval", "0.05"],
        }.get(command, ["http", "127.0.0.1", port, command])
        first = run("sh", "-c", '"$@" | head -1', "sh", *client_command(*arguments), seconds=10)
    assert first.stdout.count(b"\n") == 1
    assert first.stderr == b""


@pytest.mark.parametrize("command", ["http", "ping", "heartbeat"])
def test_full_disk(command: str, tmp_path: Path) -> None:
    """Output that cannot be written is status 1, and one line says why."""
    options = {"http": ["--root", WWW], "ping": ["--loss", "0"], "heartbeat": []}[command]
    with daemon(tmp_path, f"netlab-{command}", *options) as server, open("/dev/full", "wb") as full:
        arguments = {"http": ["style.css"], "ping": ["--count", "2"], "heartbeat": ["--count", "2"]}[command]
        failed = client(command, "127.0.0.1", str(server.port), *arguments, stdout=full.fileno(), seconds=10)
    assert failed.returncode == 1
    assert "No space left on device" in complaint(failed)
