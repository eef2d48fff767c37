"""
How far are the RTTs that we report from what happened on the wire? And irtt's, in the same run?

    python -m bench.ping.wire [--count 1000] [--interval 0.01]

In a namespace of its own (and once more in two, joined by a virtual Ethernet) a reflector of ours, a
prober and a packet capture run, and beside them irtt with its server, pinged as often. Sample by sample
the RTT that was reported is compared with the capture's: the time between request and reply, less the
time in the reflector. Needs root, tcpdump, irtt and ip.

    taken      the reflector's time as the sample itself has it: what remains is the error of T1 and T4
    captured   the reflector's time between its own packets in the capture at its end
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.ping.capture import Packet, capturing, read
from bench.ping.namespaces import DEVICE, FAR, one_host, two_hosts, why_not

PORT, IRTT_PORT = 12000, 2112
IRTT_DATA = 3  # the flags of an irtt packet that is neither opening nor closing: 0 from, 2 to the client


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare reported RTTs with a packet capture.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=0.01)
    given = parser.parse_args()
    if (why := why_not()) is not None:
        sys.exit(why)
    print(f"{given.count} pings, one every {given.interval * 1000:g} ms; microseconds")
    print(f"{'':44}{'median':>9}{'p95':>9}{'max':>9}")
    with tempfile.TemporaryDirectory() as folder, one_host() as host:
        measure("loopback", host, host, "lo", "127.0.0.1", Path(folder), given.count, given.interval)
    with tempfile.TemporaryDirectory() as folder, two_hosts() as (near, far):
        measure("two hosts", near, far, DEVICE, FAR, Path(folder), given.count, given.interval)


def measure(
    title: str,
    near: list[str],
    far: list[str],
    device: str,
    address: str,
    folder: Path,
    count: int,
    interval: float,
) -> None:
    """Run the reflector and irtt's server on *far*, both clients on *near*, and print how they compare."""
    print(f"\n{title}")
    twistd = str(Path(sys.executable).parent / "twistd")
    listen = ["netlab-ping", "--loss", "0", "--listen", f"{address}:{PORT}"]
    with (
        open(folder / "reflector.log", "w") as log,
        subprocess.Popen([*far, twistd, "-n", "--pidfile=", *listen], stdout=log, stderr=log) as reflector,
        subprocess.Popen(
            [*far, "irtt", "server", "-b", f"{address}:{IRTT_PORT}", "-i", "0"], stdout=log, stderr=log
        ) as server,
    ):
        try:
            time.sleep(2)
            with capturing(near, device, folder / "near.pcap"), capturing(far, device, folder / "far.pcap"):
                ours = ping(near, address, count, interval)
                theirs = irtt(near, address, folder / "irtt.json", count, interval)
        finally:
            reflector.terminate()
            server.terminate()
    print_ours(*ours, read(folder / "near.pcap"), read(folder / "far.pcap"))
    print_irtt(theirs, read(folder / "near.pcap"))


def ping(
    host: list[str], address: str, count: int, interval: float
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Our samples and summary."""
    words = [
        sys.executable,
        "-m",
        "netlab.clients",
        "ping",
        address,
        str(PORT),
        "--protocol",
        "stamp",
        "--json",
    ]
    words += ["--count", str(count), "--interval", str(interval)]
    output = subprocess.run([*host, *words], capture_output=True, text=True, check=True, timeout=120).stdout
    objects = [json.loads(line) for line in output.splitlines()]
    return objects[:-1], objects[-1]["summary"]


def irtt(host: list[str], address: str, file: Path, count: int, interval: float) -> dict[str, Any]:
    """What irtt reports."""
    words = ["irtt", "client", "-Q", "-i", f"{interval}s", "-d", f"{count * interval}s", "-o", str(file)]
    subprocess.run(
        [*host, *words, f"{address}:{IRTT_PORT}"], check=True, timeout=120, stdout=subprocess.DEVNULL
    )
    report: dict[str, Any] = json.loads(file.read_text())
    return report


def print_ours(
    samples: list[dict[str, Any]], summary: dict[str, Any], near: list[Packet], far: list[Packet]
) -> None:
    def sequence(packet: Packet) -> int:
        return int.from_bytes(packet.payload[24:28] if packet.source == PORT else packet.payload[:4], "big")

    there, back = pairs(near, PORT, sequence)
    arrived, left = pairs(far, PORT, sequence)
    errors: dict[str, list[float]] = {
        "ours, reflector's time as taken": [],
        "ours, reflector's time as captured": [],
    }
    users = []
    for sample in samples:
        number = sample["seq"]
        if sample["rtt"] is None or number not in back or number not in there:
            continue
        wire = (back[number] - there[number]) / 1e9
        reflector = (left[number] - arrived[number]) / 1e9
        errors["ours, reflector's time as taken"].append(sample["rtt"] - (wire - sample["residence"]))
        errors["ours, reflector's time as captured"].append(sample["rtt"] - (wire - reflector))
        users.append(sample["user_rtt"] - wire)
    for name, values in errors.items():
        print_row(name, [abs(value) for value in values])
    print_row("our program's own clock, whole round trip", [abs(value) for value in users])
    stated = summary["stamps"]["error"]
    if stated is not None:
        measured = statistics.median(abs(value) for value in errors["ours, reflector's time as taken"])
        ratio = stated / measured if measured else float("inf")
        print(f"  {'stated typical error':42}{stated * 1e6:9.2f}   {ratio:.2f} of the measured median")
    print(
        f"  compared {len(users)} of {len(samples)}; RTT median {summary['rtt']['p50'] * 1e6:.2f},", end=" "
    )
    print(
        f"reflector's time {summary['residence']['p50'] * 1e6:.0f},"
        f" followed up {summary['stamps']['followed_up']}"
    )


def print_irtt(report: dict[str, Any], near: list[Packet]) -> None:
    def sequence(packet: Packet) -> int:
        return int.from_bytes(packet.payload[12:16], "little")  # magic 3, flags 1, token 8

    data = [packet for packet in near if len(packet.payload) > 40 and packet.payload[3] & ~2 == 0]
    there, back = pairs(data, IRTT_PORT, sequence)
    whole, net = [], []
    for trip in report["round_trips"]:
        number = trip["seqno"]
        if "rtt" not in trip["delay"] or number not in back or number not in there:
            continue
        wire = (back[number] - there[number]) / 1e9
        stamps = trip["timestamps"]
        residence = stamps["server"]["send"]["monotonic"] - stamps["server"]["receive"]["monotonic"]
        rtt = trip["delay"]["rtt"]
        whole.append(abs((rtt + residence) / 1e9 - wire))
        net.append(abs(rtt / 1e9 - (wire - residence / 1e9)))
    print_row("irtt, server's time as taken", net)
    print(f"  compared {len(net)} of {len(report['round_trips'])}")


def pairs(
    packets: list[Packet], port: int, number: Callable[[Packet], int]
) -> tuple[dict[int, int], dict[int, int]]:
    """When each request and each reply of the server on *port* was captured, by number."""
    there = {number(packet): packet.ns for packet in packets if packet.destination == port}
    back = {number(packet): packet.ns for packet in packets if packet.source == port}
    return there, back


def print_row(name: str, errors: list[float]) -> None:
    errors = sorted(errors)
    if errors:
        p95 = errors[int(len(errors) * 0.95)]
        figures = (statistics.median(errors), p95, errors[-1])
        print(f"  {name:42}" + "".join(f"{figure * 1e6:9.2f}" for figure in figures))


if __name__ == "__main__":
    main()
