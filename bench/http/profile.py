"""
Where netlab-http's time goes under one load: user and system, by function, by system call.

    python -m bench.http.profile [--case 1k-64] [--seconds 5]

Functions come from py-spy (`.venv/bin/pip install --editable '.[bench]'`), which reads the stack 200 times a
second from outside; system calls from strace (apt), which slows the server, so that only its counts are true.
"""

import argparse
import collections
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import cores, load, measure, site, usage
from .cases import CASES, Case
from .servers import SERVERS, Running

_SHOWN = 30  # functions
_RATE = 200  # stacks a second


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile as the command line says; the result is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.http.profile")
    names = [case.name for case in CASES if not case.idle]
    parser.add_argument("--case", choices=names, default="1k-64")
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args(arguments)
    case = next(case for case in CASES if case.name == options.case)
    missing = [tool for tool in ("wrk", "strace") if shutil.which(tool) is None]
    if missing:
        print(f"{parser.prog}: missing: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="bench-http-") as name:
        folder = Path(name)
        root = folder / "site"
        site.write(root)
        server = Running(SERVERS["ours"], root, folder / "ours")
        try:
            measure.run(case, server, 1, root, folder)  # warm, and sure that it answers
            _shares(case, server, options.seconds, folder)
            _functions(case, server, options.seconds, folder)
            _system_calls(case, server, options.seconds, folder)
        except measure.Failed as error:
            print(f"{parser.prog}: {error}", file=sys.stderr)
            return 1
        finally:
            server.stop()
    return 0


def _shares(case: Case, server: Running, seconds: int, folder: Path) -> None:
    before, (user, system) = usage.cpu_seconds(server.pid), _ticks(server.pid)
    count = load.run(case, server.port, seconds, folder)
    cpu, (user_after, system_after) = usage.cpu_seconds(server.pid) - before, _ticks(server.pid)
    ticks = user_after - user + system_after - system
    print(f"{case.name}: {count.requests / count.seconds:,.0f} requests/s", end=", ")
    print(f"{cpu / count.requests * 1e6:.1f} us of CPU each", end=", ")
    print(f"of which {(system_after - system) / ticks:.0%} in the kernel")


def _ticks(process: int) -> tuple[int, int]:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def _functions(case: Case, server: Running, seconds: int, folder: Path) -> None:
    beside = Path(sys.executable).parent
    spy = shutil.which("py-spy", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if spy is None:
        print("\nfunctions: py-spy is absent; to have it: .venv/bin/pip install --editable '.[bench]'")
        return
    output = folder / "stacks"
    command = [spy, "record", "--pid", str(server.pid), "--duration", str(seconds), "--rate", str(_RATE)]
    command += ["--format", "raw", "--function", "--full-filenames", "--output", str(output)]
    _during(case, server, seconds + 1, folder, command)
    alone, within, samples = _counted(output.read_text())
    print("\nfunctions, % of time: alone, and with what they call")
    for function, number in alone.most_common(_SHOWN):
        print(f"{number / samples:6.1%} {within[function] / samples:6.1%}  {function}")


def _counted(stacks: str) -> tuple[collections.Counter[str], collections.Counter[str], int]:
    # A line is `outermost;…;innermost N`.
    alone: collections.Counter[str] = collections.Counter()
    within: collections.Counter[str] = collections.Counter()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";")]
        alone[frames[-1]] += int(number)
        within.update(dict.fromkeys(frames, int(number)))
    return alone, within, alone.total()


def _short(frame: str) -> str:
    name, _, place = frame.partition(" (")
    return f"{name} ({'/'.join(place.split('/')[-3:])}"


def _system_calls(case: Case, server: Running, seconds: int, folder: Path) -> None:
    output = folder / "calls"
    command = ["timeout", "--signal=INT", "2", "strace", "-c", "-f", "-p", str(server.pid), "-o", str(output)]
    requests = _during(case, server, max(seconds, 4), folder, command)
    print(f"\nsystem calls in 2 of {max(seconds, 4)} seconds, in which {requests} requests were answered")
    print(output.read_text().rstrip())


def _during(case: Case, server: Running, seconds: int, folder: Path, command: list[str]) -> int:
    """Run *command* while the server is loaded; the result is how many requests were answered."""
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load.run, case, server.port, seconds, folder)
        with cores.pinned(cores.LOAD):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 124):
            print(f"{command[0]}: {done.stderr.strip()}", file=sys.stderr)
        return loading.result().requests


if __name__ == "__main__":
    sys.exit(main())
