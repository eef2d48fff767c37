"""Clients that beat at a monitor from one thread, and what the monitor's API tells of them."""

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from netlab.heartbeat.signing import derive, sign
from netlab.heartbeat.wire import Beat, encode

MASTER = b"a master key of many octets"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(port: int, path: str) -> Any:
    """What the API of the monitor answers."""
    with _OPENER.open(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return json.load(answer)


def clients(port: int) -> dict[str, dict[str, Any]]:
    """All clients by their names."""
    return {client["id"]: client for client in ask(port, "/api/clients")["clients"]}


def command(port: int, identity: str, action: str, **fields: str) -> int:
    """The status of an action that the API was asked for."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/clients/{identity}/{action}", method="POST", headers=fields
    )
    try:
        with _OPENER.open(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def line(
    identity: str, number: int, *, inc: int = 1, master: bytes | None = MASTER, sent_ns: int | None = None
) -> bytes:
    """A tagged beat, signed with the key of that identity unless *master* is None."""
    sent = time.time_ns() if sent_ns is None else sent_ns
    tagged = encode(Beat(number, sent, identity, inc), "tagged")
    return tagged if master is None else sign(tagged, 1, derive(master, identity))


@contextmanager
def beating(
    port: int, names: list[str], interval: float = 0.1, make: Callable[[str, int], bytes] | None = None
) -> Iterator[list[str]]:
    """Let clients beat as long as the block lasts; a name taken out of the list is silent."""
    living = list(names)
    over = threading.Event()

    def beat() -> None:
        number = 0
        with socket.socket(type=socket.SOCK_DGRAM) as peer:
            while not over.wait(interval):
                number += 1
                for name in list(living):
                    peer.sendto((make or unsigned)(name, number), ("127.0.0.1", port))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield living
    finally:
        over.set()
        thread.join()


def unsigned(identity: str, number: int) -> bytes:
    return line(identity, number, master=None)
