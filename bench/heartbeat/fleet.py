"""
A fleet before the deployed monitor: python -m bench.heartbeat.fleet [--clients 10000] [--seconds 600]

Starts twistd netlab-heartbeat with its store and its API on one core, a fleet with losses on the other, lets
some clients die, and prints who was called down, how late, and what it cost.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.http import usage

PORT = 13_900


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.heartbeat.fleet")
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--killed", type=int, default=200)
    parser.add_argument("--detector", default="loss:within=10s")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-heartbeat-") as name:
        return _run(options, Path(name))


def _run(options: argparse.Namespace, folder: Path) -> int:
    twistd = Path(sys.executable).parent / "twistd"
    command = [str(twistd), "-n", "--pidfile=", "--logfile=log", "netlab-heartbeat"]
    command += ["--listen", f"127.0.0.1:{PORT}", "--web", "0", "--detector", options.detector]
    command += ["--events", "events", "--store", "sqlite:///store"]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": os.getcwd()}) as monitor:
        try:
            time.sleep(3)
            os.sched_setaffinity(monitor.pid, {max(os.sched_getaffinity(0))})
            for task in os.listdir(f"/proc/{monitor.pid}/task"):
                os.sched_setaffinity(int(task), {max(os.sched_getaffinity(0))})
            load = [sys.executable, "-m", "bench.heartbeat.load", str(PORT), str(options.clients)]
            load += [str(options.seconds), str(options.loss), str(options.killed)]
            begun = time.time()
            with subprocess.Popen(load, stdout=subprocess.PIPE) as fleet:
                os.sched_setaffinity(fleet.pid, {min(os.sched_getaffinity(0))})
                time.sleep(5)  # who is new costs more; that is not told here
                before, since = usage.cpu_seconds(monitor.pid), time.monotonic()
                time.sleep(max(1, options.seconds - 7))
                share = (usage.cpu_seconds(monitor.pid) - before) / (time.monotonic() - since)
                ended = time.time()
                told = json.loads(fleet.communicate()[0])
            time.sleep(1)
            resident = usage.resident_octets(monitor.pid) / 2**20
        finally:
            monitor.send_signal(signal.SIGTERM)
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    _print(options, told, events, begun, ended, share, resident)
    return 0


def _print(options, told, events, begun, ended, share, resident) -> None:  # type: ignore[no-untyped-def]
    down = {
        event["client"]: event for event in events if event.get("state") == "down" and event["time"] < ended
    }
    late = sorted(event["time"] - event["deadline"] for event in down.values())
    killed = told["killed"]
    took = sorted(down[name]["time"] - last for name, last in killed.items() if name in down)
    blind = [event["cause"] for event in events if event["event"] == "blind" and event["time"] < ended]
    print(f"{options.clients} clients, {options.seconds} s, loss {options.loss:g}, {options.detector}")
    print(f"beats sent {told['sent']}, left out {told['left_out']}, in {told['took']} s")
    false = set(down) - set(killed)
    print(f"killed {len(killed)}, of them called down {len(took)}, others called down {len(false)}")
    if late:
        p99 = late[min(len(late) - 1, int(len(late) * 0.99))]
        middle = late[len(late) // 2]
        print(f"told after the deadline: median {middle:.3f} s, p99 {p99:.3f}, worst {late[-1]:.3f}")
        print(f"told after the last beat: median {took[len(took) // 2]:.2f} s, worst {took[-1]:.2f}")
    print(f"CPU of the monitor {share:.1%} of a core, resident {resident:.0f} MiB; blind: {blind or 'never'}")


if __name__ == "__main__":
    sys.exit(main())
