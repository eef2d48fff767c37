"""Senders as processes: one for a command, and a line of shell, heard by a monitor."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netlab.heartbeat import wire
from tests.processes import ENVIRONMENT, PATIENCE, ROOT, require_program

SENDER = (sys.executable, "-m", "netlab.clients", "heartbeat", "127.0.0.1")


@contextmanager
def listening() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(PATIENCE)
        yield udp


def start(udp: socket.socket, *words: str) -> subprocess.Popen[str]:
    command = (*SENDER, str(udp.getsockname()[1]), *words)
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def until_goodbye(udp: socket.socket) -> list[wire.Beat]:
    """All beats, to the first goodbye."""
    beats: list[wire.Beat] = []
    while not beats or beats[-1].status != "bye":
        beats.append(wire.decode(udp.recv(513)))
    return beats


@pytest.mark.parametrize(
    ("command", "status", "told"), [("exit 0", 0, 0), ("exit 3", 3, 3), ("kill -9 $$", 137, -9)]
)
def test_command(command: str, status: int, told: int) -> None:
    """The monitor hears of a command as long as it lives, and at once how it ended, as its caller does."""
    script = f"sleep 0.5; echo done; {command}"
    with listening() as udp:
        program = start(udp, "--interval", "0.1", "--id", "job", "--", "sh", "-c", script)
        beats = until_goodbye(udp)
        output, _ = program.communicate(timeout=PATIENCE)
    assert (program.returncode, output) == (status, "done\n")
    assert beats[-1].exit == told
    assert {beat.id for beat in beats} == {"job"}
    assert [beat.sequence for beat in beats] == list(range(1, len(beats) + 1))
    assert len(beats) > 3


def test_signal() -> None:
    """A signal is passed on to the command, which may answer it."""
    script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    with listening() as udp:
        program = start(udp, "--interval", "0.1", "--", "sh", "-c", script)
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.send_signal(signal.SIGTERM)
        assert until_goodbye(udp)[-1].exit == 7
        program.communicate(timeout=PATIENCE)
    assert program.returncode == 7


def test_shell() -> None:
    """The line of shell in the manual is a sender."""
    require_program("bash")
    manual = (ROOT / "docs" / "heartbeat-sender.md").read_text("utf-8")
    (line,) = re.findall(r"```sh\n(.*?)\n```", manual, re.DOTALL)
    with listening() as udp:
        line = line.replace("13000", str(udp.getsockname()[1])).replace("sleep 1", "sleep 0.1")
        shell = subprocess.Popen(["bash", "-c", line])
        try:
            beats = [wire.decode(udp.recv(513)) for _ in range(3)]
        finally:
            shell.terminate()
            shell.wait(PATIENCE)
    assert [(beat.sequence, beat.id) for beat in beats] == [(1, "backup"), (2, "backup"), (3, "backup")]
    assert all(abs((beat.sent_ns or 0) / 1e9 - time.time()) < PATIENCE for beat in beats)
