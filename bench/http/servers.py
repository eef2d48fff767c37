"""How each server is started, on one core, with an access log to a file."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from . import cores

PROJECT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent
_PATIENCE = 20.0  # seconds for a server to answer at first, and to end


class Absent(Exception):
    """A server is not on this machine; the text says how to install it."""


class NotStarted(Exception):
    """A server was started and did not listen."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server works."""

    root: Path
    port: int
    folder: Path  # its own: configuration and logs


@dataclass(frozen=True, slots=True)
class Server:
    """One way to serve a folder."""

    name: str
    version: Callable[[], str]  # raises Absent
    command: Callable[[Place], list[str]]


_NGINX = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections {connections}; }}
http {{
    include /etc/nginx/mime.types;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    {tuning}
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {root};
    }}
}}
"""
_TUNED = """
    open_file_cache max=4096 inactive=60s;
    open_file_cache_valid 30s;
    open_file_cache_errors on;
    access_log {folder}/access.log combined buffer=64k flush=1s;
"""
_STOCK = "access_log {folder}/access.log combined;"


def _nginx(tuning: str, place: Place) -> list[str]:
    descriptors = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 16384)
    text = _NGINX.format(
        user="user root root;" if os.geteuid() == 0 else "",  # else it could not read a temporary folder
        descriptors=descriptors,
        connections=descriptors - 100,
        folder=place.folder,
        port=place.port,
        root=place.root,
        tuning=tuning.format(folder=place.folder),
    )
    configuration = place.folder / "nginx.conf"
    configuration.write_text(text)
    return ["nginx", "-p", str(place.folder), "-e", str(place.folder / "error.log"), "-c", str(configuration)]


def _nginx_version() -> str:
    if shutil.which("nginx") is None:
        raise Absent("apt-get install nginx-light")
    done = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("/")[2]


def _packages(*names: str) -> str:
    try:
        return ", ".join(f"{name} {version(name)}" for name in names)
    except PackageNotFoundError as error:
        raise Absent(".venv/bin/pip install --editable '.[bench]'") from error


def _uvicorn_version() -> str:
    named = _packages("uvicorn", "starlette")
    for quicker in ("uvloop", "httptools"):  # uvicorn takes them where they are
        with suppress(Absent):
            named += f", {_packages(quicker)}"
    return named


def _ours_version() -> str:
    git = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--tags"]
    done = subprocess.run(git, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return _packages("netlab", "twisted") + (f", {done.stdout.strip()}" if done and done.stdout else "")


def _twistd(*rest: str) -> list[str]:
    return [str(_BIN / "twistd"), "--nodaemon", "--pidfile=", *rest]


def _ours(place: Place) -> list[str]:
    log = str(place.folder / "access.log")
    return _twistd("netlab-http", "--root", str(place.root), "--listen", str(place.port), "--access-log", log)


def _twisted_web(place: Place) -> list[str]:
    endpoint = f"tcp:{place.port}:interface=127.0.0.1:backlog=4096"
    log = str(place.folder / "access.log")
    return _twistd("web", "--path", str(place.root), "--listen", endpoint, "--logfile", log)


def _http_server(place: Place) -> list[str]:
    options = ["--bind", "127.0.0.1", "--directory", str(place.root), "--protocol", "HTTP/1.1"]
    return [sys.executable, "-m", "http.server", *options, str(place.port)]


def _peer(name: str, place: Place) -> list[str]:
    log = str(place.folder / "access.log")
    return [sys.executable, "-m", "bench.http.peers", name, str(place.root), str(place.port), log]


SERVERS = {
    server.name: server
    for server in (
        Server("ours", _ours_version, _ours),
        Server("nginx", _nginx_version, partial(_nginx, _TUNED)),
        Server("twisted.web", partial(_packages, "twisted"), _twisted_web),
        Server("aiohttp", partial(_packages, "aiohttp"), partial(_peer, "aiohttp")),
        Server("uvicorn", _uvicorn_version, partial(_peer, "starlette")),
        Server("http.server", lambda: f"Python {sys.version.split()[0]}", _http_server),
        Server("nginx-stock", _nginx_version, partial(_nginx, _STOCK)),
    )
}
# Debian's own settings (no open_file_cache, a write to the log a request) run only where they are named.
DEFAULT = tuple(name for name in SERVERS if name != "nginx-stock")


class Running:
    """
    A server that has been started and listens.

    Raises:
        NotStarted: it ended at once, or did not listen in time; the last line of its output is told.
    """

    def __init__(self, server: Server, root: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        self._output = folder / "output"
        command = server.command(Place(root, self.port, folder))
        with cores.pinned(cores.SERVER), self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self._await_listening()
        except BaseException:
            self.stop()
            raise

    def _await_listening(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        last = self._output.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise NotStarted(f"did not start: {last[0][:150]}")

    def stop(self) -> None:
        """Ask the server to end; after a while, end every process of its session."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
