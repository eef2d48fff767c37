"""Several workers watch, and nobody who asks can tell: each client is known once, by all that came of it."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.interop.fleet import ask, beating, clients, command, unsigned
from tests.processes import RUNNERS, Program, daemon, free_port, run, udp_socket, until

NAMES = [*(f"app-{number}" for number in range(40)), "Alpha"]


@contextmanager
def monitor(folder: Path, port: int, workers: int, *options: str) -> Iterator[tuple[Program, int]]:
    """A monitor of so many workers that all serve, and the port of its API."""
    words = ("--web", "tcp:0:interface=127.0.0.1", "--workers", str(workers), *options)
    with daemon(folder, "netlab-heartbeat", *words, listen=f"127.0.0.1:{port}") as program:
        for number in range(workers):
            program.wait_for(rf"worker {number + 1} serves")
        yield program, int(program.wait_for(r"HTTPFactory starting on (\d+)")[1])


def oddly(identity: str, number: int) -> bytes:
    """A beat; one client writes its name with an escape that nobody needs, so that it is steered amiss."""
    return unsigned(identity, number).replace(b"id=Alpha", b"id=%41lpha")


def fallen(web: int) -> set[str]:
    """Who was called down, as the events have it."""
    return {event["client"] for event in ask(web, "/api/events")["events"] if event.get("state") == "down"}


def beats(web: int) -> dict[str, int]:
    return {name: client["beats"] for name, client in clients(web).items()}


def test_one_view(tmp_path: Path) -> None:
    """All are known once, wherever they send from; what dies is called down, and nobody for a dead worker."""
    store, port = f"sqlite:///{tmp_path}/store", free_port(socket.SOCK_DGRAM)
    with beating(port, NAMES, make=oddly) as living:
        with monitor(tmp_path, port, 3, "--timeout", "2", "--store", store) as (program, web):
            until(lambda: set(clients(web)) == set(NAMES))
            assert len(ask(web, "/api/clients")["clients"]) == len(NAMES)
            rows = clients(web)
            assert all(
                row["state"] == "up" and row["lost"] == row["duplicates"] == 0 for row in rows.values()
            )

            with udp_socket(port) as one, udp_socket(port) as other:  # one client, from two ports
                for number, peer in enumerate((one, one, other, other, other)):
                    peer.send(unsigned("mover", number))
            until(lambda: clients(web).get("mover", {}).get("beats") == 5)

            assert command(web, "app-3", "pause", **{"X-Netlab": "1"}) == 200
            assert command(web, "nobody", "pause", **{"X-Netlab": "1"}) == 404
            assert clients(web)["app-3"]["state"] == "paused"
            with udp_socket(port) as stranger:
                for _ in range(3):
                    stranger.send(b"!!!")
            metrics = run("curl", "-s", f"http://127.0.0.1:{web}/metrics").stdout.decode()
            assert 'netlab_heartbeat_clients{state="paused"} 1.0' in metrics
            assert 'netlab_heartbeat_refused_total{reason="malformed"} 3.0' in metrics
            assert run("curl", "-s", f"http://127.0.0.1:{web}/healthz").stdout == b"ok\n"

            living.remove("app-7")
            until(lambda: fallen(web) >= {"app-7", "mover"})

            time.sleep(5)  # a checkpoint was made since
            before = beats(web)
            victim = program.wait_for(r"worker 2 serves \(process (\d+)\)")[1]
            os.kill(int(victim), signal.SIGKILL)
            program.wait_for(r"worker 2 has ended: killed by signal 9[^\n]*\n(?s:.*)worker 2 serves")
            program.wait_for(r"worker 2: \d+ clients are known from before")
            until(lambda: all(beats(web)[name] > before[name] for name in living))
            assert set(clients(web)) == {*NAMES, "mover"}
            time.sleep(3)
            assert fallen(web) == {"app-7", "mover"}
            assert clients(web)["app-7"]["state"] == "down"
            assert program.stop() == 0
            assert "Traceback" not in program.output
        with monitor(tmp_path, port, 2, "--timeout", "2", "--store", store) as (program, web):
            known = clients(web)
            assert set(known) == {*NAMES, "mover"}
            assert (known["app-7"]["state"], known["app-3"]["state"]) == ("down", "paused")
            until(lambda: all(beats(web)[name] > before[name] for name in living))
            time.sleep(3)
            assert fallen(web) == {"app-7", "mover"}  # from before
            living.remove("app-9")
            until(lambda: "app-9" in fallen(web))
            assert program.stop() == 0


def test_all_silent(tmp_path: Path) -> None:
    """Where all are silent at once, each worker is blind, however few of them are its own."""
    port = free_port(socket.SOCK_DGRAM)
    with monitor(tmp_path, port, 4, "--timeout", "1") as (program, web):
        with beating(port, NAMES[:12]):
            until(lambda: len(clients(web)) == 12)
            time.sleep(0.5)
        program.wait_for("blind: not one of 12 clients is heard any more")
        time.sleep(2)
        assert fallen(web) == set()
        assert run("curl", "-s", f"http://127.0.0.1:{web}/healthz").stdout == b"blind\n"
        with beating(port, NAMES[:11]):
            until(lambda: fallen(web) == {NAMES[11]})


def test_taken(tmp_path: Path) -> None:
    """An address that is in use is refused in one line, and so is one socket for several workers."""
    port = free_port(socket.SOCK_DGRAM)
    with monitor(tmp_path, port, 2):
        words = ("netlab-heartbeat", "--listen", f"127.0.0.1:{port}", "--workers", "2")
        second = run(*RUNNERS["twistd"], *words, "--web", "off", "--store", "none", cwd=tmp_path)
        assert second.returncode == 1
        said = (second.stdout + second.stderr).decode()
        assert f"cannot listen on 127.0.0.1 port {port}" in said
        assert "Traceback" not in said
