"""
Two hosts on one machine: network namespaces joined by a pair of virtual Ethernet devices.

Needs root, and ``ip`` (iproute2). Nothing leaves the machine.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

DEVICE = "veth0"
NEAR, FAR = "10.233.7.1", "10.233.7.2"
_serial = itertools.count()


def ip(*words: str) -> None:
    """Run ``ip``; its complaint is the error's text."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def why_not() -> str | None:
    """Why there can be no namespaces here; None: there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "ip (iproute2) is not installed"
    return None


@contextmanager
def one_host() -> Iterator[list[str]]:
    """A namespace with nothing but a loopback device; the words that run a command in it."""
    name = f"netlab-{os.getpid()}-{next(_serial)}"
    with ExitStack() as stack:
        ip("netns", "add", name)
        stack.callback(ip, "netns", "del", name)
        ip("-n", name, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", name]


@contextmanager
def two_hosts() -> Iterator[tuple[list[str], list[str]]]:
    """Two namespaces, `NEAR` and `FAR`, that see each other by `DEVICE`; what runs a command in each."""
    with one_host() as near, one_host() as far:
        ip("link", "add", DEVICE, "netns", near[-1], "type", "veth", "peer", "name", DEVICE, "netns", far[-1])
        for host, address in ((near, NEAR), (far, FAR)):
            ip("-n", host[-1], "addr", "add", f"{address}/24", "dev", DEVICE)
            ip("-n", host[-1], "link", "set", DEVICE, "up")
        yield near, far
