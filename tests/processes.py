"""Programs that tests start: bounded in time, never left running, their output kept in a file."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parent.parent
WWW = ROOT / "www"
TWISTD = str(Path(sys.executable).parent / "twistd")
PATIENCE = 20.0  # seconds that anything may take which should take a moment

# A proxy of the user's must not come between two programs on one machine.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}

RUNNERS = {
    "twistd": (TWISTD, "-n", "--pidfile="),
    "twist": (sys.executable, "-m", "twisted", "--log-format=text"),
}
ANY_PORT = {"netlab-http": "0", "netlab-ping": "127.0.0.1:0", "netlab-heartbeat": "127.0.0.1:0"}
# A monitor's store and page are for the tests that want them, since many monitors run at the same time.
ALONE = {"netlab-heartbeat": ("--web", "off", "--store", "none")}
ANNOUNCED = re.compile(r"netlab-(http serves|ping on|heartbeat on) ")


def absent(why: str) -> NoReturn:
    """Skip the test on a user's machine; fail it where everything should be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def require_program(name: str) -> str:
    """The path of a program, without which the test cannot run."""
    path = shutil.which(name)
    if path is None:
        absent(f"{name} is not installed")
    return path


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until a function's answer is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Program:
    """A program that runs; what it prints, on either stream, is in a file."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def output(self) -> str:
        """All it has printed so far."""
        return self._output.read_text(errors="replace")

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()

    @property
    def ports(self) -> list[int]:
        """The ports that Twisted's log says were opened, in their order."""
        return [int(port) for port in re.findall(r" starting on (\d+)", self.output)]

    @property
    def port(self) -> int:
        return self.ports[0]

    def memory(self, name: str) -> int:
        """Octets of ``VmRSS`` (resident now) or ``VmHWM`` (the most so far)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert match is not None
        return int(match[1]) * 1024

    def wait_for(self, pattern: str | re.Pattern[str], seconds: float = PATIENCE) -> re.Match[str]:
        """Wait until it has printed what *pattern* finds."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.output)
            if match is not None:
                return match
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"{pattern!r} was not printed in {seconds} s:\n{self.output}")
            time.sleep(0.01)

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit status, once it has ended."""
        return self.process.wait(seconds)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit status."""
        self.send_signal(number)
        return self.wait()


@contextmanager
def started(folder: Path, *command: str | Path, cwd: Path | None = None) -> Iterator[Program]:
    """Run a program as long as the block lasts; its output goes to a file in *folder*."""
    descriptor, output = tempfile.mkstemp(".out", Path(command[0]).name, folder)
    with open(descriptor, "wb") as file:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=cwd or folder,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    try:
        yield Program(process, Path(output))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)


@contextmanager
def daemon(
    folder: Path, name: str, *options: str | Path, listen: str | None = None, runner: str = "twistd"
) -> Iterator[Program]:
    """Run one of the daemons on a port of the system's choice, or on *listen*, until the block ends."""
    where = listen or ANY_PORT[name]
    words = (name, "--listen", where, *ALONE.get(name, ()), *options)
    with started(folder, *RUNNERS[runner], *words) as program:
        program.wait_for(ANNOUNCED)
        yield program


def run(
    *command: str | Path, seconds: float = PATIENCE, cwd: Path | None = None, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run a program, and whatever it starts, to its end; its streams are captured."""
    words = [str(word) for word in command]
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as process:
        try:
            printed, complained = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, printed, complained)


def client_command(*arguments: str | Path) -> list[str | Path]:
    """The command line of one of our clients."""
    return [sys.executable, "-m", "netlab.clients", *arguments]


def client(
    *arguments: str | Path, seconds: float = PATIENCE, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    """Run one of our clients to its end."""
    return run(*client_command(*arguments), seconds=seconds, stdout=stdout)


def the_line(lines: Iterable[str]) -> str:
    """The only one of some lines."""
    found = list(lines)
    assert len(found) == 1, found
    return found[0]


def complaint(finished: subprocess.CompletedProcess[bytes]) -> str:
    """The only line that a program wrote to its standard error."""
    return the_line(finished.stderr.decode().splitlines())


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def udp_socket(port: int = 0) -> Iterator[socket.socket]:
    """A UDP socket on 127.0.0.1: bound when *port* is 0, else connected to that port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(PATIENCE)
        if port:
            udp.connect(("127.0.0.1", port))
        else:
            udp.bind(("127.0.0.1", 0))
        yield udp
