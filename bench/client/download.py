"""
What a download of 1 GiB costs our client and curl: CPU, time, memory.

    .venv/bin/python -m bench.client.download [ROUNDS]        (5; from the project's folder)

nginx serves a file of random octets on a free port of 127.0.0.1; everything stands in one temporary
folder, 2 GiB at most, that goes away. The median of the rounds is printed; a round takes some seconds.
"""

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.origins import nginx

SIZE = 1 << 30
NETLAB = str(Path(sys.executable).parent / "netlab")


def measured(*command: str) -> tuple[float, float, int]:
    """CPU seconds, seconds, and the largest resident size in KiB of a program that works."""
    begun = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, command
    return usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    folder = Path(tempfile.mkdtemp(prefix="netlab-bench-"))
    found: dict[str, list[tuple[float, float, int]]] = {"curl": [], "netlab": []}
    try:
        root = folder / "root"
        root.mkdir()
        with open(root / "file", "wb") as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
        with nginx(folder, root) as url:
            copy = str(folder / "copy")
            commands = {
                "curl": ["curl", "--silent", "--output", copy, f"{url}/file"],
                "netlab": [NETLAB, "http", "-q", "--output", copy, f"{url}/file"],
            }
            for number in range(rounds):
                for name, command in commands.items():
                    found[name].append(measured(*command))
                    if number == 0:
                        assert digest(folder / "copy") == digest(root / "file"), name
                    os.remove(copy)
    finally:
        shutil.rmtree(folder)
    for name, runs in found.items():
        cpu, wall, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:<7} {cpu:6.2f} s of CPU  {wall:6.2f} s  {peak / 1024:6.1f} MiB at most")
    ratio = [ours[0] / curl[0] for ours, curl in zip(found["netlab"], found["curl"], strict=True)]
    print(f"CPU, netlab / curl: {statistics.median(ratio):.2f} (rounds: {min(ratio):.2f}-{max(ratio):.2f})")


if __name__ == "__main__":
    main()
