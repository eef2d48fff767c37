"""
The monitor in a network namespace, where nftables loses what it is told to, and counts it.

What the monitor says was lost, late and doubled is compared with those counters, number by number.
"""

import json
import random
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.ping.namespaces import one_host, why_not
from tests.interop.test_ping_network import dropped, filter_by
from tests.processes import PATIENCE, TWISTD, absent, require_program, run, started, until

PORT = 13000
BEATS = 20_000
RATE = 4_000  # a second

SENDER = """
import json, socket, sys, time
numbers, rate = json.load(open(sys.argv[1])), float(sys.argv[2])
udp = socket.socket(type=socket.SOCK_DGRAM)
begun, wall = time.monotonic(), time.time()
for place, number in enumerate(numbers):
    while (ahead := begun + place / rate - time.monotonic()) > 0:
        time.sleep(ahead)
    udp.sendto(b"Heartbeat %d %.6f id=a" % (number, wall + number / rate), ("127.0.0.1", 13000))
"""


@dataclass
class Truth:
    """What a monitor has to find in the numbers that reach it, told with sets."""

    came: set[int] = field(default_factory=set)
    called_lost: set[int] = field(default_factory=set)
    highest: int = 0
    late: int = 0
    reordered: int = 0
    duplicates: int = 0

    def take(self, number: int) -> None:
        if number in self.came:
            self.duplicates += 1
        elif number > self.highest:
            if self.highest:
                self.called_lost |= set(range(self.highest + 1, number))
            self.highest = number
        else:
            self.reordered += 1
            self.late += number in self.called_lost
        self.came.add(number)

    @property
    def lost(self) -> set[int]:
        return self.called_lost - self.came


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


def in_disorder(count: int) -> list[int]:
    """Numbers as a network may deliver them: some twice, some overtaken by a few."""
    draw = random.Random(1)
    numbers = list(range(1, count + 1))
    for place in draw.sample(range(10, count - 10), count // 50):
        numbers[place], numbers[place + 3] = numbers[place + 3], numbers[place]
    for place in sorted(draw.sample(range(10, count - 10), count // 50), reverse=True):
        numbers.insert(place + draw.randrange(5), numbers[place])
    return numbers


def watch(
    host: Sequence[str], folder: Path, numbers: Sequence[int], rules: str
) -> tuple[dict[str, Any], set[int], int]:
    """Send *numbers* past *rules*: what the monitor says, the numbers called lost, how many were dropped."""
    filter_by(list(host), folder, "input", rules)
    (folder / "numbers").write_text(json.dumps(numbers))
    events, admin = folder / "events", folder / "web"
    options = (
        "--listen",
        f"127.0.0.1:{PORT}",
        "--web",
        f"unix:{admin}",
        "--store",
        "none",
        "--events",
        events,
    )
    with started(folder, *host, TWISTD, "-n", "--pidfile=", "netlab-heartbeat", *options) as program:
        program.wait_for("netlab-heartbeat on ")
        done = run(*host, sys.executable, "-c", SENDER, folder / "numbers", RATE, seconds=120)
        assert done.returncode == 0, done.stderr.decode()
        (drops,) = dropped(list(host))
        until(lambda: client(admin)["beats"] + client(admin)["duplicates"] == len(numbers) - drops)
        found = client(admin)
        lost: set[int] = set()

        def read() -> bool:
            told = [json.loads(text) for text in events.read_text().splitlines()]
            lost.update(number for one in told if one.get("lost_to") for number in spread(one))
            lost.difference_update(one["sequence"] for one in told if one.get("place") == "late")
            return len(lost) == found["lost"]

        until(read)
    return found, lost, drops


def spread(event: dict[str, Any]) -> range:
    return range(event["lost_from"], event["lost_to"] + 1)


def client(path: Path) -> Any:
    """What the monitor knows of its only client."""
    with socket.socket(socket.AF_UNIX) as web:
        web.settimeout(PATIENCE)
        web.connect(str(path))
        web.sendall(b"GET /api/clients HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: web.recv(65_536), b""))
    (found,) = json.loads(answer.partition(b"\r\n\r\n")[2])["clients"]
    return found


RULES: dict[str, tuple[str, Callable[[int], bool] | None]] = {
    "every 10th": ("numgen inc mod 10 == 3", lambda place: place % 10 == 3),
    "bursts of 7": ("numgen inc mod 100 < 7", lambda place: place % 100 < 7),
    "a random 5 %": ("numgen random mod 100 < 5", None),
}


@pytest.mark.parametrize("name", RULES)
def test_losses(host: list[str], tmp_path: Path, name: str) -> None:
    """Lost, late and doubled beats are counted as nftables counts them, number by number."""
    rule, drops = RULES[name]
    numbers = in_disorder(BEATS) if drops else list(range(1, BEATS + 1))
    found, lost, dropped_by_nft = watch(host, tmp_path, numbers, f"udp dport {PORT} {rule} counter drop")
    if drops is None:
        assert found["beats"] == BEATS - dropped_by_nft
        assert 0 <= dropped_by_nft - found["lost"] < 20  # before the first and after the last nobody can tell
        assert (found["late"], found["duplicates"]) == (0, 0)
        return
    truth = Truth()
    for place, number in enumerate(numbers):
        if not drops(place):
            truth.take(number)
    assert dropped_by_nft == sum(map(drops, range(len(numbers))))
    assert (found["beats"], found["lost"]) == (len(truth.came), len(truth.lost))
    assert (found["late"], found["reordered"]) == (truth.late, truth.reordered)
    assert found["duplicates"] == truth.duplicates
    assert lost == truth.lost
