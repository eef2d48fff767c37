"""
Ping in a network namespace, where nftables loses what it is told to, and counts it.

What the instrument reports is compared with those counters, and what it draws with what a terminal shows.
"""

import json
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.ping.namespaces import one_host, why_not
from tests.processes import PATIENCE, TWISTD, absent, client_command, require_program, run, started

PORT = 12000
TABLE = """
table inet netlab {{
    chain {chain} {{
        type filter hook {hook} priority 0; policy accept;
        {rules}
    }}
}}
"""


@pytest.fixture
def host() -> Iterator[list[str]]:
    """A namespace of our own with a loopback device; the words that run a command in it."""
    why = why_not()
    if why is not None:
        absent(why)
    require_program("nft")
    with ExitStack() as stack:
        try:
            words = stack.enter_context(one_host())
        except OSError as error:  # root, but in a container that may not have namespaces of its own
            absent(str(error))
        yield words


@contextmanager
def reflector(host: list[str], folder: Path, *options: str) -> Iterator[None]:
    """Our reflector in the namespace, which loses nothing."""
    listen = ("--listen", f"127.0.0.1:{PORT}", "--loss", "0")
    with started(folder, *host, TWISTD, "-n", "--pidfile=", "netlab-ping", *listen, *options) as program:
        program.wait_for("netlab-ping on ")
        yield


def filter_by(host: list[str], folder: Path, hook: str, *rules: str) -> None:
    """Let nftables do as *rules* say."""
    file = folder / "rules.nft"
    file.write_text(TABLE.format(chain=hook, hook=hook, rules="\n        ".join(rules)))
    done = run(*host, "nft", "-f", file)
    assert done.returncode == 0, done.stderr.decode()


def dropped(host: list[str]) -> list[int]:
    """How many each rule has dropped, in their order."""
    listing = run(*host, "nft", "list", "table", "inet", "netlab").stdout.decode()
    return [int(packets) for packets in re.findall(r"counter packets (\d+)", listing)]


def ping(host: list[str], *arguments: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The samples and the summary of a run."""
    words = client_command("ping", "127.0.0.1", str(PORT), "--json", *arguments)
    done = run(*host, *words, seconds=60)
    assert done.returncode == 0, done.stderr.decode()
    objects = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return objects[:-1], objects[-1]["summary"]


@pytest.mark.parametrize("options", [[], ["--no-options"], ["--key-file"]], ids=lambda words: " ".join(words))
def test_loss_by_direction(host: list[str], tmp_path: Path, options: list[str]) -> None:
    """Forward and backward loss equal what nftables dropped in each direction, exactly."""
    key = tmp_path / "key"
    key.write_text("secret\n")
    keyed = ["--key-file", str(key)] if options == ["--key-file"] else []
    filter_by(
        host,
        tmp_path,
        "input",
        f"udp dport {PORT} numgen inc mod 10 == 3 counter drop",
        f"udp sport {PORT} numgen inc mod 7 == 4 counter drop",
    )
    with reflector(host, tmp_path, *keyed):
        wanted = ["--protocol", "stamp", "--count", "400", "--interval", "0.004", "--timeout", "0.3"]
        _, summary = ping(host, *wanted, *(keyed or options))
    forward, backward = dropped(host)
    assert (forward, backward) == (40, 51)
    assert summary["directions"] == {"sent": 400, "forward": forward, "backward": backward}
    assert (summary["sent"], summary["received"]) == (400, 400 - forward - backward)
    assert (summary["late"], summary["duplicates"], summary["corrupt"], summary["foreign"]) == (0, 0, 0, 0)
    assert summary["bursts"]["periods"] <= forward + backward


def test_our_own_firewall(host: list[str], tmp_path: Path) -> None:
    """What our own system does not let out is not the network's loss, and shifts no stamp to another ping."""
    filter_by(host, tmp_path, "output", f"udp dport {PORT} numgen inc mod 5 == 2 counter drop")
    with reflector(host, tmp_path):
        samples, summary = ping(
            host, "--protocol", "stamp", "--count", "50", "--interval", "0.01", "--timeout", "0.3"
        )
    (refused,) = dropped(host)
    assert refused == 10
    assert (summary["unsent"], summary["sent"], summary["loss"]) == (refused, 50 - refused, 0)
    received = [sample for sample in samples if sample["state"] == "received"]
    assert sum(sample["stamps"]["sent"] == "kernel" for sample in received) > 35
    assert all(-1e-6 < sample["rtt"] <= sample["user_rtt"] for sample in received)


def test_own_queue(host: list[str], tmp_path: Path) -> None:
    """What overflows our own receive queue is told as our own drops."""
    with reflector(host, tmp_path), started(tmp_path, *host, *flood_command()) as flood:
        flood.wait_for("ready")
        words = client_command(
            "ping", "127.0.0.1", str(PORT), "--json", "--interval", "0.01", "--count", "150"
        )
        with started(tmp_path, *host, *words) as program:
            program.wait_for('"seq": 5')
            program.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            program.send_signal(signal.SIGCONT)
            assert program.wait() in (0, 1)
            summary = json.loads(program.lines[-1])["summary"]
    assert summary["own_drops"] > 0


def flood_command() -> list[str]:
    """A program that floods every UDP port of the namespace that any address may write to."""
    source = (
        "import socket, re, subprocess, time\n"
        "udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "print('ready', flush=True)\n"
        "for _ in range(400):\n"
        "    listing = open('/proc/net/udp').read()\n"
        "    ports = {int(p, 16) for p in re.findall(r'\\d+: 00000000:([0-9A-F]{4}) ', listing)}\n"
        "    for port in ports:\n"
        "        for _ in range(1000):\n"
        "            udp.sendto(bytes(1000), ('127.0.0.1', port))\n"
        "    time.sleep(0.01)\n"
    )
    return [sys.executable, "-c", source]


def test_interrupted(host: list[str], tmp_path: Path) -> None:
    """Ctrl-C in a long run prints its summary."""
    words = client_command("ping", "127.0.0.1", str(PORT), "--protocol", "stamp", "--interval", "0.05")
    with reflector(host, tmp_path), started(tmp_path, *host, *words, "--duration", "60") as program:
        program.wait_for("Ping 3:")
        program.send_signal(signal.SIGINT)
        assert program.wait() == 0
        assert re.search(r"\d+ sent, \d+ received, 0\.0% loss", program.output)
        assert "Traceback" not in program.output


@pytest.mark.parametrize("columns", [80, 200])
def test_live_view(host: list[str], tmp_path: Path, columns: int) -> None:
    """The live view on a real terminal: as wide as it is, with graph, losses, histogram and counters."""
    tmux = require_program("tmux")
    server = [tmux, "-S", str(tmp_path / "tmux")]
    filter_by(host, tmp_path, "input", f"udp dport {PORT} numgen inc mod 10 == 3 counter drop")
    words = [*host, *client_command("ping", "127.0.0.1", str(PORT), "--protocol", "stamp", "--live")]
    words += ["--interval", "0.01", "--timeout", "0.2", "--duration", "30"]
    with reflector(host, tmp_path):
        size = ["-x", str(columns), "-y", "30"]
        opened = run(*server, "-f", "/dev/null", "new-session", "-d", *size, *map(str, words))
        assert opened.returncode == 0, opened.stderr.decode()
        try:
            lines = wait_for_screen(server, r"\d{3,} received")
            assert max(map(len, lines)) == columns
            frame = [line for line in lines if line.strip()]
            assert frame[0][0] + frame[0][-1] == "╭╮", lines
            assert "127.0.0.1:12000" in frame[0]
            assert all(line.startswith(("│", "╭", "╰")) and len(line) == columns for line in frame)
            drawn = "\n".join(lines)
            assert re.search(r"lost +.*x", drawn)
            assert re.search(r"to +\d+\.\d+ +ms +\d+ █", drawn)
            assert re.search(r"loss \d+\.\d+% \(\d+\.\d+% to \d+\.\d+%\)", drawn)
            assert re.search(r"p99 \d+\.\d+", drawn)
            assert sum(map(drawn.count, "▁▂▃▄▅▆▇█")) > columns // 2
        finally:
            run(*server, "kill-server")


def wait_for_screen(server: list[str], pattern: str) -> list[str]:
    """The lines on the terminal, once they show *pattern*."""
    deadline = time.monotonic() + PATIENCE
    while True:
        screen = run(*server, "capture-pane", "-p").stdout.decode()
        if re.search(pattern, screen):
            return screen.splitlines()
        assert time.monotonic() < deadline, screen
        time.sleep(0.1)
