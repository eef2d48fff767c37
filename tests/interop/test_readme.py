"""The README's programs, run as they stand, but for the ports."""

import re
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.processes import PATIENCE, ROOT, WWW, Program, daemon, free_port, started, udp_socket

PROGRAMS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
SERVERS = [program for program in PROGRAMS if "listen" in program]
CLIENTS = [program for program in PROGRAMS if "listen" not in program]
KINDS = {"8080": socket.SOCK_STREAM, "12000": socket.SOCK_DGRAM, "13000": socket.SOCK_DGRAM}


def on_free_ports(program: str) -> tuple[str, dict[str, int]]:
    """The program with other ports than the well-known ones, and which those are."""
    ports = {known: free_port(kind) for known, kind in KINDS.items() if known in program}
    for known, free in ports.items():
        program = program.replace(known, str(free))
    return program, ports


def eventually(answers: Callable[[], bool], running: Program) -> None:
    """Ask until there is an answer."""
    deadline = time.monotonic() + PATIENCE
    while not answers():
        assert running.process.poll() is None, running.output
        assert time.monotonic() < deadline, running.output
        time.sleep(0.02)


def serves_pages(port: int, program: str, running: Program) -> None:
    """It serves the folder, and every path that the program names besides."""

    def accepts() -> bool:
        with socket.socket() as tcp:
            return tcp.connect_ex(("127.0.0.1", port)) == 0

    eventually(accepts, running)
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/style.css", timeout=PATIENCE) as response:
        assert response.read() == (WWW / "style.css").read_bytes()
    for path in re.findall(r'request\.target == "(/\w+)"', program):
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            assert response.status == 200
            assert response.read()


def answers_pings(port: int, program: str, running: Program) -> None:
    """It answers a ping."""

    def pong() -> bool:
        with udp_socket(port) as peer:
            peer.settimeout(0.5)
            try:
                peer.send(b"Ping 1 now")
                return peer.recv(1024) == b"Pong 1 now"
            except (ConnectionRefusedError, TimeoutError):
                return False

    eventually(pong, running)


def tells_of_silence(port: int, program: str, running: Program) -> None:
    """It takes beats, and prints a line when they stop."""

    def taken() -> bool:
        with udp_socket(port) as peer:
            try:
                peer.send(f"Heartbeat 1 {time.time():.6f}".encode())
                time.sleep(0.02)
                return peer.send(f"Heartbeat 2 {time.time():.6f}".encode()) > 0
            except ConnectionRefusedError:
                return False

    eventually(taken, running)
    running.wait_for(r"127\.0\.0\.1.*\n", 10)


CHECKS = {"8080": serves_pages, "12000": answers_pings, "13000": tells_of_silence}
PEERS = {
    "8080": ("netlab-http", ["--root", str(WWW)]),
    "12000": ("netlab-ping", ["--loss", "0"]),
    "13000": ("netlab-heartbeat", ["--log-beats"]),
}


def title(program: str) -> str:
    return " ".join(re.findall(r"from netlab\.(\w+) import", program))


def test_there_are_programs() -> None:
    """The README shows how to embed each of the three, in programs of some ten lines."""
    assert {port for program in SERVERS for port in KINDS if port in program} == set(KINDS)
    assert all("netlab" in program and len(program.splitlines()) < 25 for program in PROGRAMS)


@pytest.mark.parametrize("program", SERVERS, ids=title)
def test_server(program: str, tmp_path: Path) -> None:
    """A server from the README starts as it stands, and answers on the ports that it names."""
    shutil.copytree(WWW, tmp_path / "www")
    text, ports = on_free_ports(program)
    assert ports
    (tmp_path / "program.py").write_text(text)
    with started(tmp_path, sys.executable, "program.py") as running:
        for known, port in ports.items():
            CHECKS[known](port, program, running)
        running.stop()
        assert "Traceback" not in running.output


@pytest.mark.parametrize("program", CLIENTS, ids=title)
def test_client(program: str, tmp_path: Path) -> None:
    """A client from the README speaks with our daemon, prints what it learnt, and ends with status 0."""
    text, ports = on_free_ports(program)
    (tmp_path / "program.py").write_text(text)
    ((known, port),) = ports.items()
    name, options = PEERS[known]
    listen = str(port) if name == "netlab-http" else f"127.0.0.1:{port}"
    with daemon(tmp_path, name, *options, listen=listen) as peer:
        with started(tmp_path, sys.executable, "program.py") as running:
            assert running.wait() == 0
            assert running.output
            assert "Traceback" not in running.output
        if name == "netlab-heartbeat":
            peer.wait_for(r"heartbeat \d+: time difference")
