"""The web server with --workers: who serves, who replaces the dead, and how all come to an end."""

import os
import re
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.processes import (
    PATIENCE,
    ROOT,
    RUNNERS,
    TWISTD,
    WWW,
    Program,
    daemon,
    free_port,
    require_program,
    run,
    started,
    the_line,
    until,
)

MIB = 2**20
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HOME = (WWW / "index.html").read_bytes()


def workers(program: Program, count: int = 2) -> list[int]:
    """The processes of the workers that have come up so far, once there are *count*."""

    def found() -> list[str]:
        return re.findall(r"worker \d+ serves \(process (\d+)\)", program.output)

    until(lambda: len(found()) >= count or program.process.poll() is not None)
    assert len(found()) >= count, program.output
    return [int(number) for number in found()]


def runs(process: int) -> bool:
    """Whether a process has not ended; a zombie has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def held(process: int) -> int:
    """How many sockets a process has open."""
    found = 0
    for link in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += os.readlink(link).startswith("socket:")
    return found


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def ask(peer: socket.socket) -> bytes:
    """The body that a connection, which stays open, gets for the home page."""
    peer.sendall(GET)
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < len(HOME):
        octets = peer.recv(65_536)
        if not octets:
            raise ConnectionResetError
        answer += octets
    return answer.partition(b"\r\n\r\n")[2]


def page(port: int, target: str = "/") -> str:
    """What a connection of its own gets."""
    with connected(port) as peer:
        peer.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: peer.recv(65_536), b"")).decode("latin-1")


def metric(port: int, name: str) -> float:
    """The value of a metric, all its labels together."""
    lines = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", page(port, "/metrics"), re.MULTILINE)
    return sum(map(float, lines))


def split(port: int, stack: ExitStack, processes: list[int]) -> dict[int, list[socket.socket]]:
    """Open connections until each of *processes* has three, and tell whose is which."""
    mine: dict[int, list[socket.socket]] = {process: [] for process in processes}
    while min(map(len, mine.values())) < 3:
        before = {process: held(process) for process in processes}
        peer = stack.enter_context(connected(port))
        assert ask(peer) == HOME
        (owner,) = (process for process in processes if held(process) > before[process])
        mine[owner].append(peer)
        assert sum(map(len, mine.values())) < 100
    return mine


@contextmanager
def shared(folder: Path, *options: str | Path, runner: str = "twistd") -> Iterator[Program]:
    """Run the web server with two workers, and an administrator's port, until the block ends."""
    words = ["--root", WWW, "--workers", "2", "--admin", "0", *options]
    with daemon(folder, "netlab-http", *words, runner=runner) as web:
        workers(web)
        yield web


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder with a file that no socket's buffers can hold."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "file").write_bytes(os.urandom(MIB) * 32)
    return folder


def begin_download(port: int) -> socket.socket:
    peer = connected(port)
    peer.sendall(b"GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert peer.recv(1000, socket.MSG_PEEK)
    return peer


def finish_download(peer: socket.socket) -> bytes:
    octets = b"".join(iter(lambda: peer.recv(MIB), b""))
    return octets.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("runner", RUNNERS)
def test_both_serve(tmp_path: Path, runner: str) -> None:
    """Connections come to both workers, and the administrator sees the sum of both."""
    with shared(tmp_path, runner=runner) as web, ExitStack() as stack:
        mine = split(web.port, stack, workers(web))
        count = sum(map(len, mine.values()))
        assert metric(web.ports[1], "netlab_http_requests_total") == count
        assert metric(web.ports[1], "netlab_http_open_connections") == count
        assert metric(web.ports[1], "netlab_http_workers") == 2
        assert page(web.ports[1], "/healthz").endswith("ok\n")
        assert web.stop() == 0
        assert "Traceback" not in web.output


def test_kill(tmp_path: Path) -> None:
    """A killed worker is replaced; no request on the other fails meanwhile, nor does a new connection."""
    with shared(tmp_path) as web, ExitStack() as stack:
        victim, survivor = workers(web)
        mine = split(web.port, stack, [victim, survivor])
        answered: list[bytes] = []
        enough = threading.Event()

        def go_on() -> None:
            while not enough.is_set():
                answered.extend(ask(peer) for peer in mine[survivor])

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            os.kill(victim, signal.SIGKILL)
            until(lambda: not runs(victim))
            begun = len(answered)
            for _ in range(30):
                with connected(web.port) as peer:
                    assert ask(peer) == HOME
            replaced = workers(web, 3)[2]
            until(lambda: len(answered) > begun + 100)
        finally:
            enough.set()
            thread.join()
        assert set(answered) == {HOME}
        assert len(answered) % len(mine[survivor]) == 0  # or the thread has met an error
        split(web.port, stack, [survivor, replaced])
        death = the_line(line for line in web.lines if "has ended" in line)
        assert "killed by signal 9 (Killed); the next starts " in death
        assert metric(web.ports[1], "netlab_http_workers") == 2
        assert metric(web.ports[1], "netlab_http_worker_restarts_total") == 1
        assert web.stop() == 0


def test_metrics_never_fall(tmp_path: Path) -> None:
    """What was counted once stays in the sum when the worker that counted it dies."""
    with shared(tmp_path) as web, ExitStack() as stack:
        processes = workers(web)
        split(web.port, stack, processes)
        seen = [metric(web.ports[1], "netlab_http_requests_total")]
        for process in processes:
            os.kill(process, signal.SIGKILL)
        while len(re.findall(r"worker \d+ serves", web.output)) < 4:
            seen.append(metric(web.ports[1], "netlab_http_requests_total"))
        with connected(web.port) as peer:
            assert ask(peer) == HOME
        seen.append(metric(web.ports[1], "netlab_http_requests_total"))
        assert seen == sorted(seen)
        assert (seen[0] >= 6, seen[-1]) == (True, seen[0] + 1)
        assert metric(web.ports[1], "netlab_http_worker_restarts_total") == 2
        assert web.stop() == 0


def test_end_in_a_download(tmp_path: Path, large: Path) -> None:
    """SIGTERM lets a transfer under way come to its end, and the status is 0."""
    with shared(tmp_path, "--root", large) as web, begin_download(web.port) as peer:
        web.send_signal(signal.SIGTERM)
        web.wait_for("worker [12] has ended: status 0")  # the one that has nothing to do
        assert finish_download(peer) == (large / "file").read_bytes()
        assert web.wait() == 0
        assert "Traceback" not in web.output


def test_ended_with_its_group(tmp_path: Path, large: Path) -> None:
    """Ctrl-C, which a terminal sends to all processes, lets a transfer come to its end as well."""
    with shared(tmp_path, "--root", large) as web, begin_download(web.port) as peer:
        os.killpg(web.process.pid, signal.SIGINT)
        web.wait_for("worker [12] has ended: status 0")
        assert finish_download(peer) == (large / "file").read_bytes()
        assert web.wait() == 0
        assert "Traceback" not in web.output


def test_parent_killed(tmp_path: Path, large: Path) -> None:
    """Workers whose parent has died finish what they do, and end."""
    with shared(tmp_path, "--root", large) as web:
        processes = workers(web)
        with begin_download(web.port) as peer:
            web.stop(signal.SIGKILL)
            until(lambda: sum(map(runs, processes)) == 1)
            assert finish_download(peer) == (large / "file").read_bytes()
        until(lambda: not any(map(runs, processes)))


def test_worker_stops(tmp_path: Path) -> None:
    """A worker that is told to stop by itself drains, and has its place filled."""
    with shared(tmp_path) as web:
        os.kill(workers(web)[0], signal.SIGTERM)
        assert len(workers(web, 3)) == 3
        assert "worker 1 has ended: status 0; the next starts" in web.output.replace("worker 2", "worker 1")
        assert web.stop() == 0


def test_hangup(tmp_path: Path) -> None:
    """SIGHUP reaches every worker: each opens its log anew and reads the rules again."""
    log, rules = tmp_path / "log", tmp_path / "rules.toml"
    rules.write_text("")
    with shared(tmp_path, "--access-log", log, "--config", rules) as web, ExitStack() as stack:
        mine = split(web.port, stack, workers(web))
        until(lambda: len(log.read_text().splitlines()) == sum(map(len, mine.values())))
        log.rename(tmp_path / "old")
        rules.write_text('[[headers]]\nglob = "/**"\nset = {X-New = "yes"}\n')
        web.send_signal(signal.SIGHUP)
        web.wait_for("(?s)(hold from now on.*){2}")
        for peer in (mine[process][0] for process in mine):
            peer.sendall(GET)
            assert b"\r\nX-New: yes\r\n" in peer.recv(65_536)
        until(lambda: len(log.read_text().splitlines()) == 2)
        assert web.stop() == 0


def test_whole_lines(tmp_path: Path) -> None:
    """Both workers append to one access log, and no line is cut or mixed."""
    log = tmp_path / "log"
    with shared(tmp_path, "--access-log", log) as web, ExitStack() as stack:
        mine = split(web.port, stack, workers(web))
        peers = [peers[0] for peers in mine.values()]
        ask_long = b"GET /?%s HTTP/1.1\r\nHost: a\r\n" % (b"x" * 700)
        text = (ask_long + b"\r\n") * 299 + ask_long + b"Connection: close\r\n\r\n"

        def flood(peer: socket.socket) -> None:
            threading.Thread(target=peer.sendall, args=(text,), daemon=True).start()
            while peer.recv(MIB):
                pass

        threads = [threading.Thread(target=flood, args=(peer,)) for peer in peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert web.stop() == 0
    lines = [line for line in log.read_text().splitlines() if "?x" in line]
    assert len(lines) == 600
    whole = re.compile(r'127\.0\.0\.1 - - \[[^]]+\] "GET /\?x{700} HTTP/1\.1" 200 \d+ "-" "-"')
    assert all(map(whole.fullmatch, lines))


@pytest.mark.parametrize("other", ["socket", "workers"])
def test_taken_port(tmp_path: Path, other: str) -> None:
    """A port that somebody has, be it another server with workers, is refused in one line."""
    with ExitStack() as stack:
        if other == "workers":
            port = stack.enter_context(shared(tmp_path)).port
        else:
            taken = stack.enter_context(socket.create_server(("127.0.0.1", 0), reuse_port=True))
            port = taken.getsockname()[1]
        words = ["netlab-http", "--root", WWW, "--workers", "2", "--listen", str(port)]
        refused = run(*RUNNERS["twistd"], *words, cwd=tmp_path)
    assert refused.returncode == 1
    output = (refused.stdout + refused.stderr).decode()
    line = the_line(line for line in output.splitlines() if str(port) in line)
    assert f"netlab-http: cannot listen on 127.0.0.1 port {port} (Address already in use)" in line
    assert "Traceback" not in output


def test_refusals(tmp_path: Path) -> None:
    """What cannot be shared or written is refused in one line before any worker starts."""
    for words, why in (
        (["--listen", "stdio:"], "--workers cannot share one of the endpoints of --listen"),
        (["--listen", "0", "--access-log", tmp_path], "Is a directory"),
    ):
        command = ["netlab-http", "--root", WWW, "--workers", "2", *words]
        refused = run(*RUNNERS["twistd"], *command, cwd=tmp_path)
        output = (refused.stdout + refused.stderr).decode()
        assert refused.returncode == 1
        assert why in the_line(line for line in output.splitlines() if "netlab-http: " in line)
        assert "worker 1" not in output
        assert "Traceback" not in output


def test_daemonized(tmp_path: Path) -> None:
    """As a daemon, in another folder, relative paths still mean what they meant where it was started."""
    openssl = require_program("openssl")
    key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    assert run(openssl, *key, *names, cwd=tmp_path).returncode == 0
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_bytes(HOME)
    (tmp_path / "elsewhere").mkdir()
    port = free_port()
    secure = f"ssl:{port}:interface=127.0.0.1:privateKey=key.pem:certKey=cert.pem"
    paths = ["--pidfile", tmp_path / "pid", "--logfile", tmp_path / "log", "--rundir", "elsewhere"]
    words = ["netlab-http", "--root", "site", "--access-log", "access", "--workers", "2", "--listen", secure]
    try:
        assert run(TWISTD, *paths, *words, cwd=tmp_path).returncode == 0
        until(lambda: (tmp_path / "log").read_text().count(" serves (process") == 2)
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        with connected(port) as plain, context.wrap_socket(plain, server_hostname="localhost") as peer:
            assert ask(peer) == HOME
    finally:
        parent = int((tmp_path / "pid").read_text())
        os.kill(parent, signal.SIGTERM)
    until(lambda: not runs(parent))
    assert not (tmp_path / "pid").exists()
    assert len((tmp_path / "access").read_text().splitlines()) == 1
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_tac(tmp_path: Path) -> None:
    """A tac file whose options ask for workers has them."""
    text = (ROOT / "tac" / "http.tac").read_text()
    text = text.replace('(["--root"', '(["--listen", "0", "--workers", "2", "--root"')
    (tmp_path / "www").symlink_to(WWW)
    (tmp_path / "tac").mkdir()
    (tmp_path / "tac" / "copy.tac").write_text(text)
    with started(tmp_path, TWISTD, "-n", "--pidfile=", "-y", tmp_path / "tac" / "copy.tac") as web:
        workers(web)
        assert page(web.port).endswith(HOME.decode("latin-1"))
        assert web.stop() == 0


ACTIVATE = """
import os, socket, sys
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(held.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("which", ["index=0", "name=web"])
def test_systemd(tmp_path: Path, which: str) -> None:
    """Workers share a socket that systemd holds."""
    port = free_port()
    words = ["netlab-http", "--root", WWW, "--workers", "2", "--listen", f"systemd:domain=INET:{which}"]
    launch = [sys.executable, "-c", ACTIVATE, str(port), *RUNNERS["twistd"], *words]
    with started(tmp_path, *launch) as web:
        processes = workers(web)
        with connected(port) as peer:
            assert ask(peer) == HOME
        os.kill(processes[0], signal.SIGKILL)
        workers(web, 3)
        assert page(port).endswith(HOME.decode("latin-1"))
        assert web.stop() == 0
        assert "Traceback" not in web.output


def test_unix(tmp_path: Path) -> None:
    """Workers share a Unix socket; its path outlives each of them, and goes with the parent."""
    path = tmp_path / "socket"
    words = ["netlab-http", "--root", WWW, "--workers", "2", "--listen", f"unix:{path}:mode=600"]
    with started(tmp_path, *RUNNERS["twistd"], *words) as web:
        for count, process in enumerate(workers(web)):
            os.kill(process, signal.SIGTERM)
            workers(web, 3 + count)
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(PATIENCE)
                peer.connect(str(path))
                assert ask(peer) == HOME
        assert path.stat().st_mode & 0o777 == 0o600
        assert web.stop() == 0
        assert not path.exists()
        assert "Traceback" not in web.output
