"""The reflector and the prober as programs, together and with other people's."""

import json
import random
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.processes import PATIENCE, Program, client, client_command, daemon, run, started, udp_socket

PINGS = 1_000


def reports(output: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What ``ping --json`` has printed: one object a ping, and the summary."""
    objects = [json.loads(line) for line in output.splitlines()]
    return objects[:-1], objects[-1]["summary"]


def dropped(samples: list[dict[str, Any]]) -> set[int]:
    """The pings without any reply; one that came too late, on a busy machine, was not dropped."""
    return {sample["seq"] for sample in samples if sample["state"] == "lost"} - {
        sample["seq"] for sample in samples if sample["state"] == "late"
    }


def counts(reflector: Program) -> tuple[int, int, int, int]:
    """Received, answered, dropped, refused, from the last words of a reflector that has stopped."""
    words = r"(\d+) pings received, (\d+) answered, (\d+) dropped on purpose; (\d+) other datagrams refused"
    received, answered, lost, refused = map(int, reflector.wait_for(words).groups())
    return received, answered, lost, refused


@contextmanager
def foreign_server(reply: Callable[[int, bytes], bytes | None]) -> Iterator[int]:
    """Somebody else's ping server, a thread with a plain socket; its port."""

    def serve() -> None:
        for number in range(1_000_000):
            datagram, peer = udp.recvfrom(1024)
            if datagram == b"end":
                return
            answer = reply(number, datagram)
            if answer is not None:
                udp.sendto(answer, peer)

    with udp_socket() as udp, ExitStack() as stack:
        port = udp.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        stack.callback(thread.join, PATIENCE)
        with udp_socket(port) as end:
            stack.callback(end.send, b"end")
            try:
                yield port
            finally:
                stack.close()


def test_same_losses(tmp_path: Path) -> None:
    """With --seed the same pings are lost in every run, after a restart too, and the log counts them all."""
    options = ["--loss", "0.3", "--seed", "7"]
    arguments = ["--count", str(PINGS), "--timeout", "0.05", "--json"]
    with ExitStack() as stack:
        first = stack.enter_context(daemon(tmp_path, "netlab-ping", *options))
        again = stack.enter_context(daemon(tmp_path, "netlab-ping", *options))
        runs = [
            stack.enter_context(
                started(tmp_path, *client_command("ping", "127.0.0.1", str(reflector.port), *arguments))
            )
            for reflector in (first, first, again)
        ]
        assert [run.wait(60) for run in runs] == [0, 0, 0]
        assert [first.stop(), again.stop()] == [0, 0]
        results = [reports(run.output) for run in runs]
        losses = [dropped(samples) for samples, _ in results]
        assert losses[0] == losses[1] == losses[2]
        lost = len(losses[0])
        assert 0.2 < lost / PINGS < 0.4
        for _, summary in results:
            assert summary["sent"] == PINGS
            assert PINGS - summary["received"] - summary["late"] == lost
            assert summary["loss"] == pytest.approx(1 - summary["received"] / PINGS)
        assert counts(first) == (2 * PINGS, 2 * (PINGS - lost), 2 * lost, 0)
        assert counts(again) == (PINGS, PINGS - lost, lost, 0)


def test_without_seed(tmp_path: Path) -> None:
    """Without --seed the start says what is dropped, and how to repeat it."""
    with daemon(tmp_path, "netlab-ping") as reflector:
        seed = reflector.wait_for(r"drops 30\.0% of all pings on purpose.*--seed (\d+) repeats it")[1]
        answers = answers_to_thirty(reflector)
    with daemon(tmp_path, "netlab-ping", "--seed", seed) as reflector:
        assert answers_to_thirty(reflector) == answers


def answers_to_thirty(reflector: Program) -> list[bytes]:
    """The answers to thirty pings that are sent at once."""
    answers: list[bytes] = []
    with udp_socket(reflector.port) as peer:
        for number in range(30):
            peer.send(f"Ping {number} now".encode())
        peer.settimeout(0.5)
        with suppress(TimeoutError):
            while True:
                answers.append(peer.recv(1024))
    return answers


def exchange(peer: socket.socket, datagram: bytes, seconds: float = PATIENCE) -> bytes | None:
    """Send a datagram; its answer, if one comes in time."""
    peer.settimeout(seconds)
    peer.send(datagram)
    try:
        return peer.recv(65_535)
    except TimeoutError:
        return None


@pytest.mark.parametrize(
    ("reply", "answer"), [("pong", b"Pong 1 a b"), ("upper", b"PING 1 A B"), ("echo", b"Ping 1 a b")]
)
def test_course_client(reply: str, answer: bytes, tmp_path: Path) -> None:
    """A course client with a plain socket gets the answer that --reply names, from the port it wrote to."""
    with daemon(tmp_path, "netlab-ping", "--loss", "0", "--reply", reply) as reflector:
        with udp_socket() as plain:
            plain.sendto(b"Ping 1 a b", ("127.0.0.1", reflector.port))
            assert plain.recvfrom(1024) == (answer, ("127.0.0.1", reflector.port))
        ours = client("ping", "127.0.0.1", str(reflector.port), "--json")
        assert reports(ours.stdout.decode())[1]["received"] == 10


def test_book_server() -> None:
    """The book's server, which answers in capitals and drops some, works with our client."""

    def book(number: int, datagram: bytes) -> bytes | None:
        return None if number % 3 == 2 else datagram.upper()

    with foreign_server(book) as port:
        run = client("ping", "127.0.0.1", str(port), "--timeout", "0.5")
    assert run.returncode == 0
    lines = run.stdout.decode().splitlines()
    for number, line in enumerate(lines[:10], start=1):
        if number % 3 == 0:
            assert line == f"Ping {number}: Request timed out"
        else:
            assert re.fullmatch(rf"Ping {number}: PING {number} \S+  RTT \d+\.\d+ ms", line)
    assert lines[11] == "10 sent, 7 received, 30.0% loss"


def test_server_without_numbers() -> None:
    """A server that answers a bare "pong" works, and the report says that no number was in the reply."""
    with foreign_server(lambda number, datagram: b"pong") as port:
        run = client("ping", "127.0.0.1", str(port), "--count", "3")
    assert run.returncode == 0
    assert run.stdout.count(b"(no number in the reply)") == 3


def test_hostile_server() -> None:
    """Replies that are none are counted as foreign, and never taken for a pong."""
    chance = random.Random(3)
    with foreign_server(lambda number, datagram: chance.randbytes(100)) as port:
        run = client("ping", "127.0.0.1", str(port), "--count", "5", "--timeout", "0.3", "--json")
    assert run.returncode == 1
    samples, summary = reports(run.stdout.decode())
    assert (summary["received"], summary["foreign"]) == (0, 5)
    assert {sample["state"] for sample in samples} == {"lost"}


def test_any_octets(tmp_path: Path) -> None:
    """Random octets, nothing at all, and the longest datagrams do not stop a reflector; it counts them."""
    chance = random.Random(7)
    datagrams = [chance.randbytes(chance.randrange(1, 1400)) for _ in range(300)]
    datagrams += [b""] * 100 + [chance.randbytes(65_507) for _ in range(10)]
    chance.shuffle(datagrams)
    with daemon(tmp_path, "netlab-ping", "--loss", "0") as reflector, udp_socket(reflector.port) as peer:
        for number, datagram in enumerate(datagrams):
            peer.send(datagram)
            if number % 5 == 4:  # it keeps up
                assert exchange(peer, b"Ping 1 now") == b"Pong 1 now"
        assert reflector.stop() == 0
        assert counts(reflector) == (82, 82, 0, len(datagrams))
        assert "Traceback" not in reflector.output


def test_longest_echo(tmp_path: Path) -> None:
    """The longest datagram comes back whole, and an empty one empty."""
    longest = random.Random(5).randbytes(65_507)
    options = ["--loss", "0", "--reply", "echo"]
    with daemon(tmp_path, "netlab-ping", *options) as reflector, udp_socket(reflector.port) as peer:
        assert exchange(peer, longest) == longest
        assert exchange(peer, b"") == b""


def test_reflectors_do_not_talk(tmp_path: Path) -> None:
    """Two reflectors that are set upon each other by a forged sender fall silent at once."""
    options = ["--loss", "0", "--reply", "upper"]
    with daemon(tmp_path, "netlab-ping", *options) as reflector, udp_socket(reflector.port) as peer:
        assert exchange(peer, b"Ping 1 now") == b"PING 1 NOW"
        assert exchange(peer, b"PING 1 NOW", 0.3) is None


def test_module_is_a_program() -> None:
    """``python -m netlab.clients`` is the same as the ``netlab`` of an installation."""
    installed = run(Path(sys.executable).parent / "netlab", "--help")
    assert installed.returncode == 0
    assert installed.stdout == client("--help").stdout
