"""The daemons as processes: they start, they stop, and they say in one line why they cannot."""

import re
import shutil
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes import (
    ALONE,
    ANNOUNCED,
    ROOT,
    RUNNERS,
    TWISTD,
    WWW,
    complaint,
    daemon,
    run,
    started,
    the_line,
    udp_socket,
)

DAEMONS = {"netlab-http": ["--root", str(WWW)], "netlab-ping": [], "netlab-heartbeat": []}
SIGNALS = [signal.SIGTERM, signal.SIGINT]

WRONG = [
    ("netlab-http", [], "--root is missing"),
    ("netlab-http", ["--root", "nosuch"], "--root nosuch: there is no such folder"),
    ("netlab-http", ["--root", ".", "--listen", "65536"], "no such port"),
    ("netlab-http", ["--root", ".", "--index", "a/b"], "--index 'a/b' is not the name of a file"),
    ("netlab-http", ["--root", ".", "--access-log", "nosuch/log"], "there is no such folder"),
    ("netlab-http", ["--root", ".", "--nosuch"], "option --nosuch not recognized"),
    ("netlab-http", ["--root", ".", "surplus"], "Wrong number of arguments"),
    ("netlab-ping", ["--loss", "1.5"], "'1.5' is not a probability"),
    ("netlab-ping", ["--loss", "nan"], "'nan' is not a probability"),
    ("netlab-ping", ["--seed", "x"], "'x' is not a whole number"),
    ("netlab-ping", ["--reply", "shout"], "not 'shout'"),
    ("netlab-ping", ["--listen", "12000"], "'12000' is not HOST:PORT"),
    ("netlab-heartbeat", ["--timeout", "0"], "'0' is not a number of seconds above 0"),
    ("netlab-heartbeat", ["--listen", "[127.0.0.1]:1"], "is not an IPv6 address"),
]

# Texts in the tac files, and what stands in their place here: the system chooses the ports.
ANY_PORT = [
    ('options.parseOptions(["--root"', 'options.parseOptions(["--listen", "0", "--root"'),
    ("options.parseOptions([])", 'options.parseOptions(["--listen", "127.0.0.1:0"])'),
    ('(http, ["--root", WWW]', '(http, ["--listen", "0", "--root", WWW]'),
    ("(ping, []", '(ping, ["--listen", "127.0.0.1:0"]'),
    ("(heartbeat, [", '(heartbeat, ["--listen", "127.0.0.1:0", "--web", "off", "--store", "none", '),
]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", DAEMONS)
def test_signal(name: str, runner: str, number: signal.Signals, tmp_path: Path) -> None:
    """A daemon stops with status 0 on SIGTERM and on SIGINT, and leaves no file behind."""
    with daemon(tmp_path, name, *DAEMONS[name], runner=runner) as running:
        assert running.stop(number) == 0
        assert f"{name} stops: {number.name}" in running.output
        assert "Traceback" not in running.output
    assert not list(tmp_path.glob("*.pid"))


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(("tac", "ports"), [("http", 1), ("ping", 1), ("heartbeat", 1), ("lab", 3)])
def test_tac(tac: str, ports: int, number: signal.Signals, tmp_path: Path) -> None:
    """Each tac file runs the daemons that it names, from any folder, and stops with status 0."""
    text = (ROOT / "tac" / f"{tac}.tac").read_text()
    for fixed, free in ANY_PORT:
        text = text.replace(fixed, free)
    if tac == "heartbeat":
        text = text.replace('"127.0.0.1:0"]', '"127.0.0.1:0", "--web", "off", "--store", "none"]')
    assert text.count('"--listen"') == ports
    shutil.copytree(WWW, tmp_path / "www")
    (tmp_path / "tac").mkdir()
    (tmp_path / "tac" / "copy.tac").write_text(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with started(elsewhere, TWISTD, "-n", "--pidfile=", "-y", tmp_path / "tac" / "copy.tac") as running:
        running.wait_for(rf"netlab-{'heartbeat' if tac == 'lab' else tac} (serves|on) ")
        assert len(ANNOUNCED.findall(running.output)) == ports
        assert len(running.ports) == ports
        assert running.stop(number) == 0
        assert "Traceback" not in running.output


@pytest.mark.parametrize("name", DAEMONS)
def test_default_address(name: str, tmp_path: Path) -> None:
    """Without --listen a daemon is on 127.0.0.1 and its well-known port, unless that is taken just now."""
    port = {"netlab-http": 8080, "netlab-ping": 12000, "netlab-heartbeat": 13000}[name]
    with socket.socket(type=socket.SOCK_STREAM if name == "netlab-http" else socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            pytest.skip(f"port {port} is taken")
    with started(tmp_path, TWISTD, "-n", "--pidfile=", name, *ALONE.get(name, ()), *DAEMONS[name]) as running:
        announced = running.wait_for(rf"{ANNOUNCED.pattern}.*")
        assert str(port) in announced[0]
        assert "127.0.0.1" in announced[0]
        assert running.port == port
        assert running.stop() == 0


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", DAEMONS)
def test_taken_port(name: str, runner: str, tmp_path: Path) -> None:
    """Where the port is taken, a daemon ends with one line that names it, and no pid file stays."""
    kind = socket.SOCK_STREAM if name == "netlab-http" else socket.SOCK_DGRAM
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        command = [word.replace("--pidfile=", "--pidfile=x.pid") for word in RUNNERS[runner]]
        listen = str(port) if name == "netlab-http" else f"127.0.0.1:{port}"
        refused = run(*command, name, "--listen", listen, *ALONE.get(name, ()), *DAEMONS[name], cwd=tmp_path)
    assert refused.returncode == 1
    output = (refused.stdout + refused.stderr).decode()  # twistd -n sends both to its log
    line = the_line(line for line in output.splitlines() if re.search(rf"\b{port}\b", line))
    assert f"{name}: cannot listen on 127.0.0.1 port {port} (Address already in use)" in line
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "options", "why"), WRONG)
def test_wrong_options(name: str, options: list[str], why: str, tmp_path: Path) -> None:
    """A wrong option ends in a status other than 0, and the last line says what is wrong."""
    refused = run(*RUNNERS["twistd"], name, *options, cwd=tmp_path)
    assert refused.returncode == 1
    output = (refused.stdout + refused.stderr).decode()
    assert why in output.splitlines()[-1]
    assert "Traceback" not in output


def test_wrong_options_under_twist(tmp_path: Path) -> None:
    """Under twist, too, a wrong option has one line that says what is wrong."""
    refused = run(*RUNNERS["twist"], "netlab-ping", "--loss", "1.5", cwd=tmp_path)
    assert refused.returncode == 64
    output = (refused.stdout + refused.stderr).decode()
    the_line(line for line in output.splitlines() if "'1.5' is not a probability" in line)
    assert "Traceback" not in output


@pytest.mark.parametrize("endpoint", ["nosuch:1", "tcp:x", "ssl:0:privateKey=nosuch.pem"])
def test_no_such_endpoint(endpoint: str, tmp_path: Path) -> None:
    """An endpoint that cannot be made is refused in one line."""
    refused = run(*RUNNERS["twistd"], "netlab-http", "--root", ".", "--listen", endpoint, cwd=tmp_path)
    assert refused.returncode == 1
    assert complaint(refused).startswith(f"netlab-http: --listen {endpoint}: ")
    assert b"Traceback" not in refused.stdout


def test_plugins_are_listed(tmp_path: Path) -> None:
    """``twistd --help`` lists the three daemons, wherever it is called."""
    listed = run(TWISTD, "--help", cwd=tmp_path).stdout.decode()
    assert re.findall(r"^ +(netlab-\w+)  ", listed, re.MULTILINE) == [
        "netlab-heartbeat",
        "netlab-http",
        "netlab-ping",
    ]


def test_more_than_one_address(tmp_path: Path) -> None:
    """With --listen given twice, a daemon answers on both ports."""
    with daemon(tmp_path, "netlab-ping", "--listen", "127.0.0.1:0", "--loss", "0") as running:
        assert len(running.ports) == 2
        with ExitStack() as stack:
            for port in running.ports:
                peer = stack.enter_context(udp_socket(port))
                peer.send(b"Ping 1 now")
                assert peer.recv(100) == b"Pong 1 now"
