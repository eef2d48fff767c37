"""The monitor as a program: what it remembers, what it tells, and whom it believes."""

import json
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.fleet import MASTER, ask, beating, clients, command, line
from tests.processes import (
    RUNNERS,
    Program,
    daemon,
    free_port,
    require_program,
    run,
    started,
    udp_socket,
    until,
)

WEB = "tcp:0:interface=127.0.0.1"
FIELDS = [
    "id",
    "address",
    "state",
    "since",
    "cause",
    "beats",
    "lost",
    "late",
    "duplicates",
    "reordered",
    "delay",
    "jitter",
    "interval",
    "deadline",
]
NAMES = [f"app-{number}" for number in range(20)]


@contextmanager
def monitor(
    folder: Path, *options: str | Path, port: int | None = None
) -> Iterator[tuple[Program, int, int]]:
    """A monitor with its API, the port of beats and that of the API."""
    listen = f"127.0.0.1:{port or free_port(socket.SOCK_DGRAM)}"
    with daemon(folder, "netlab-heartbeat", "--web", WEB, *options, listen=listen) as program:
        until(lambda: len(program.ports) == 2)
        udp, web = program.ports
        yield program, udp, web


def fallen(web: int) -> list[str]:
    """Who was called down, as the events have it."""
    events = ask(web, "/api/events")["events"]
    return [event["client"] for event in events if event["event"] == "state" and event["state"] == "down"]


def test_clients(tmp_path: Path) -> None:
    """Every client is told with all its keys, and times in seconds; the classic one by its address."""
    with monitor(tmp_path, "--timeout", "1") as (_, udp, web), udp_socket(udp) as peer:
        beats = [line("web-1", number, master=None) for number in range(6)]
        for number in (1, 2, 5, 4, 4):
            peer.send(beats[number])
        peer.send(f"Heartbeat 7 {time.time():.6f}".encode())
        address = f"127.0.0.1:{peer.getsockname()[1]}"
        until(lambda: len(clients(web)) == 2)
        until(lambda: clients(web)["web-1"]["duplicates"])
        known = clients(web)
        assert set(known) == {"web-1", address}
        assert all(list(client) == FIELDS for client in known.values())
        told = known["web-1"]
        assert (told["address"], told["state"], told["beats"], told["lost"]) == (address, "up", 4, 1)
        assert (told["late"], told["duplicates"], told["reordered"]) == (1, 1, 1)
        now = time.time()
        assert now - 10 < told["since"] <= now
        assert now - 10 < told["deadline"] < now + 2
        until(lambda: all(client["state"] == "down" for client in clients(web).values()))
        for event in ask(web, "/api/events")["events"]:
            if event.get("state") == "down":
                assert 0 <= event["time"] - event["deadline"] < 0.1
        assert sorted(fallen(web)) == sorted([address, "web-1"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_restart(number: signal.Signals, tmp_path: Path) -> None:
    """Nobody who beats on is called down by a restart, what was counted is known, the log says why."""
    options = ("--timeout", "2", "--store", f"sqlite:///{tmp_path}/store")
    port = free_port(socket.SOCK_DGRAM)
    with beating(port, NAMES) as living:
        with monitor(tmp_path, *options, port=port) as (program, _, web):
            until(lambda: len(clients(web)) == len(NAMES))
            living.remove("app-7")  # who has fallen silent before is not forgotten
            until(lambda: clients(web)["app-7"]["state"] == "down")
            time.sleep(4)  # and a checkpoint was made since
            before = clients(web)
            program.stop(number)
        time.sleep(1.5)
        with monitor(tmp_path, *options, port=port) as (program, _, web):
            ends = {signal.SIGTERM: "a stop that was asked for", signal.SIGKILL: "an end without goodbye"}
            program.wait_for(f"20 clients are known from before {ends[number]}")
            after = clients(web)
            assert set(after) == set(NAMES)
            assert after["app-7"]["state"] == "down"
            time.sleep(4)
            assert fallen(web).count("app-7") == 1
            assert set(fallen(web)) == {"app-7"}
            for name in set(NAMES) - {"app-7"}:
                told = clients(web)[name]
                assert told["state"] == "up"
                assert told["beats"] > before[name]["beats"]
            living.remove("app-3")
            until(lambda: clients(web)["app-3"]["state"] == "down")
            assert program.stop() == 0


def test_death_while_away(tmp_path: Path) -> None:
    """Who died while the monitor was away is called down after the grace, unless nobody is heard."""
    options = ("--timeout", "1", "--store", f"sqlite:///{tmp_path}/store")
    port = free_port(socket.SOCK_DGRAM)
    with beating(port, NAMES), monitor(tmp_path, *options, port=port) as (program, _, web):
        until(lambda: len(clients(web)) == len(NAMES))
        assert program.stop() == 0
    with monitor(tmp_path, *options, port=port) as (program, _, web):
        program.wait_for("blind: not one of 20 clients is heard any more")
        assert fallen(web) == []
        with beating(port, NAMES[:2]):
            until(lambda: sorted(fallen(web)) == sorted(NAMES[2:]))


def attacks(signed: list[bytes]) -> list[bytes]:
    """What somebody can make who has seen *signed*, the beats of web-1, and has no key or another's."""
    last = len(signed)
    flipped = [
        bytes([*beat[:at], beat[at] ^ bit, *beat[at + 1 :]])
        for beat in signed[-1:]
        for at in range(len(beat))
        for bit in (1, 2, 16)
    ]
    return [
        *signed,
        *flipped,
        line("web-1", last + 1, master=None),
        line("web-1", last + 1, inc=9, master=None),
        line("web-1", last + 1, master=b"a key that somebody made up"),
        line("web-1", last + 1, master=b"a key that somebody made up", inc=9),
        line("web-2", last + 1).replace(b"id=web-2", b"id=web-1"),
        signed[-1].replace(b" k=1", b" k=2"),
        signed[-1].rpartition(b" k=")[0],
        signed[-1].rpartition(b" mac=")[0],
    ]


def test_security(tmp_path: Path) -> None:
    """No replayed, forged, unsigned or changed beat keeps a signed client alive, after a restart either."""
    (tmp_path / "key").write_bytes(MASTER)
    (tmp_path / "monitor.toml").write_text('phase = "enforce"\n')
    options = (
        *("--timeout", "1", "--store", f"sqlite:///{tmp_path}/store", "--key-file", tmp_path / "key"),
        *("--config", tmp_path / "monitor.toml"),
    )
    signed = [line("web-1", number) for number in range(1, 11)]
    with udp_socket() as peer:
        with monitor(tmp_path, *options) as (program, port, web):
            peer.connect(("127.0.0.1", port))
            for beat in signed:
                peer.send(beat)
            until(lambda: "web-1" in clients(web) and clients(web)["web-1"]["beats"] == 10)
            resist(peer, web, signed)
            assert program.stop(signal.SIGTERM) == 0
        for number in (signal.SIGKILL, signal.SIGTERM):
            with monitor(tmp_path, *options, port=port) as (program, _, web):
                resist(peer, web, signed)
                signed.append(line("web-1", len(signed) + 1))
                peer.send(signed[-1])
                until(lambda: clients(web)["web-1"]["state"] == "up")
                time.sleep(6 if number == signal.SIGKILL else 0)  # a checkpoint knows of it, or is the last
                resist(peer, web, signed)
                program.stop(number)


def test_replay_of_what_was_not_saved(tmp_path: Path) -> None:
    """Beats that came after the last checkpoint, before a SIGKILL, do not count when they are sent again."""
    (tmp_path / "key").write_bytes(MASTER)
    options = ("--timeout", "1", "--store", f"sqlite:///{tmp_path}/store", "--key-file", tmp_path / "key")
    with udp_socket() as peer:
        with monitor(tmp_path, *options) as (program, port, web):
            peer.connect(("127.0.0.1", port))
            peer.send(line("web-1", 1))
            until(lambda: "web-1" in clients(web))
            assert program.stop() == 0
        with monitor(tmp_path, *options, port=port) as (program, port, web):
            unsaved = [line("web-1", number) for number in range(2, 12)]
            for beat in unsaved:
                peer.send(beat)
            until(lambda: clients(web)["web-1"]["beats"] == 11)
            program.stop(signal.SIGKILL)
        with monitor(tmp_path, *options, port=port) as (_, _, web):
            begun = time.monotonic()
            while time.monotonic() - begun < 2:
                for beat in attacks(unsaved):
                    peer.send(beat)
                time.sleep(0.1)
            assert clients(web)["web-1"]["state"] == "down"
            peer.send(line("web-1", 20))
            until(lambda: clients(web)["web-1"]["state"] == "up")


def resist(peer: socket.socket, web: int, signed: list[bytes]) -> None:
    """For two timeouts the client is attacked; its deadline never moves, and it ends up down."""
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        for beat in attacks(signed):
            peer.send(beat)
        time.sleep(0.1)
    told = clients(web)["web-1"]
    assert told["state"] == "down", told
    assert told["beats"] == len(signed)


def test_actions(tmp_path: Path) -> None:
    """A paused client is not judged, one in maintenance may be silent, until both are resumed."""
    with monitor(tmp_path, "--timeout", "0.5") as (_, udp, web):
        with beating(udp, ["a", "b", "c"]):
            until(lambda: len(clients(web)) == 3)
            assert command(web, "a", "pause") == 403
            assert command(web, "a", "pause", **{"X-Netlab": "1"}) == 200
            assert command(web, "b", "maintenance", **{"X-Netlab": "1"}) == 200
            assert command(web, "nobody", "pause", **{"X-Netlab": "1"}) == 404
        until(lambda: clients(web)["c"]["state"] == "down")
        known = clients(web)
        assert (known["a"]["state"], known["b"]["state"]) == ("paused", "maintenance")
        assert fallen(web) == ["c"]
        assert command(web, "a", "resume", **{"X-Netlab": "1"}) == 200
        until(lambda: clients(web)["a"]["state"] == "down")


def test_events_file(tmp_path: Path) -> None:
    """Each event is a JSON object a line; SIGHUP opens the file anew."""
    path = tmp_path / "events.jsonl"
    with monitor(tmp_path, "--timeout", "0.5", "--events", path) as (program, udp, _):
        with beating(udp, ["a"]):
            until(lambda: path.exists() and path.read_text())
            path.rename(tmp_path / "old")
            program.send_signal(signal.SIGHUP)
        until(lambda: path.exists() and path.read_text())
        events = [
            json.loads(text) for text in ((tmp_path / "old").read_text() + path.read_text()).splitlines()
        ]
        assert [event["state"] for event in events] == ["up", "down"]
        assert {event["client"] for event in events} == {"a"}


def test_metrics_and_health(tmp_path: Path) -> None:
    """Prometheus and a probe get what they ask for, people a page."""
    with monitor(tmp_path) as (_, udp, web), beating(udp, ["a"]):
        until(lambda: clients(web))
        curl = require_program("curl")
        said = run(curl, "-s", "--noproxy", "*", f"http://127.0.0.1:{web}/metrics").stdout.decode()
        assert 'netlab_heartbeat_clients{state="up"} 1.0' in said
        assert re.search(r"^netlab_heartbeat_beats_total [1-9]", said, re.MULTILINE)
        assert run(curl, "-s", "--noproxy", "*", f"http://127.0.0.1:{web}/healthz").stdout == b"ok\n"
        page = run(curl, "-si", "--noproxy", "*", f"http://127.0.0.1:{web}/").stdout.decode()
        assert "200 OK" in page
        assert "Content-Security-Policy: default-src 'none'" in page


def test_defaults(tmp_path: Path) -> None:
    """Without options: beats at 13000, API at 8081, store in this folder; a second monitor is refused."""
    for port, kind in ((13000, socket.SOCK_DGRAM), (8081, socket.SOCK_STREAM)):
        with socket.socket(type=kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                pytest.skip(f"port {port} is taken")
    with started(tmp_path, *RUNNERS["twistd"], "netlab-heartbeat") as program:
        program.wait_for("netlab-heartbeat on 127.0.0.1:13000")
        with beating(13000, ["a"]):
            until(lambda: clients(8081))
        listen = ("--listen", "127.0.0.1:0")
        second = run(*RUNNERS["twistd"], "netlab-heartbeat", *listen, cwd=tmp_path)
        output = (second.stdout + second.stderr).decode()
        assert "cannot listen on 127.0.0.1 port 8081 (Address already in use)" in output
        assert "give --web another address" in output
        third = run(*RUNNERS["twistd"], "netlab-heartbeat", *listen, "--web", "off", cwd=tmp_path)
        output = (third.stdout + third.stderr).decode()
        assert "heartbeat.sqlite: another monitor uses it; give --store another file, or none" in output
        assert "Traceback" not in output
        assert program.stop() == 0
    with sqlite3.connect(tmp_path / "heartbeat.sqlite") as store:
        assert store.execute("select count(*) from netlab_page where kind = 'client'").fetchone() == (1,)


def test_systemd(tmp_path: Path) -> None:
    """On a socket that systemd holds, the beats that came before the start are read."""
    activate = require_program("systemd-socket-activate")
    port = free_port(socket.SOCK_DGRAM)
    command = [*RUNNERS["twistd"], "netlab-heartbeat", "--listen", "systemd:0", "--log-beats", "--web", "off"]
    command += ["--store", f"sqlite:///{tmp_path}/store"]
    with started(tmp_path, activate, "--datagram", f"--listen=127.0.0.1:{port}", *command) as program:
        program.wait_for("Listening on")
        with udp_socket(port) as peer:
            for number in range(1, 6):
                peer.send(line("a", number, master=None))
            program.wait_for("heartbeat 5: time difference")
        assert "lost" not in program.output
        assert program.stop() == 0
