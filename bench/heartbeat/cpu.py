"""
CPU a beat, saturated, beside a plain Twisted protocol that only counts: python -m bench.heartbeat.cpu

Each receiver runs on one core in turn, the load, made beforehand, on another; medians over the rounds.
Then the memory of a client: what 100,000 of them add to the resident memory of the process.
"""

import argparse
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

KINDS = ("plain", "classic", "tagged", "signed")
MASTER = b"a master key of this benchmark"
SECONDS = 3.0


def lines(kind: str, count: int) -> Iterator[bytes]:
    """The datagrams of one sender."""
    from netlab.heartbeat import signing

    key = signing.derive(MASTER, "web-1")
    for number in range(count):
        line = b"Heartbeat %d %d.498196" % (number + 1, 1_795_358_159 + number)
        if kind in ("tagged", "signed"):
            line += b" id=web-1 inc=197f3c2a91"
        yield signing.sign(line, 1, key) if kind == "signed" else line


def send(kind: str, port: int) -> None:
    """Send as fast as the system takes it, until the receiver has gone."""
    ready = list(lines(kind, 400_000 if kind == "signed" else 1_500_000))
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", port))
        sys.stdin.readline()
        end = time.monotonic() + SECONDS + 2
        for place, line in enumerate(ready):
            try:
                udp.send(line)
            except ConnectionRefusedError:
                return
            if not place & 1023 and time.monotonic() > end:
                return


def receive(kind: str) -> None:
    """Receive for a while, and print microseconds of CPU a beat."""
    from twisted.internet import protocol
    from twisted.internet import reactor as global_reactor

    from netlab.clocks import run_monotonic
    from netlab.heartbeat import Monitor, MonitorPort, MonitorProtocol, Policy
    from netlab.heartbeat.signing import Keyring

    reactor: Any = global_reactor

    class Plain(protocol.DatagramProtocol):
        count = 0

        def datagramReceived(self, datagram: bytes, addr: object) -> None:
            self.count += 1

    if kind == "plain":
        plain = Plain()
        port = reactor.listenUDP(0, plain, interface="127.0.0.1")
        count = lambda: plain.count  # noqa: E731
    else:
        run_monotonic(reactor)
        monitor = Monitor(Policy(), Keyring({1: MASTER}) if kind == "signed" else None)
        port = MonitorPort(
            0, MonitorProtocol(reactor, sink=lambda event: None, monitor=monitor), "127.0.0.1", reactor
        )
        port.startListening()
        count = lambda: monitor.beats  # noqa: E731

    def begin() -> None:
        before, used = count(), time.process_time()

        def end() -> None:
            print((time.process_time() - used) / max(1, count() - before) * 1e6)
            reactor.stop()

        reactor.callLater(SECONDS - 1, end)

    print(port.getHost().port, flush=True)
    reactor.callLater(1.5, begin)
    reactor.run()


def one(kind: str) -> float:
    """One measurement, microseconds a beat."""
    receiver_core, sender_core = max(os.sched_getaffinity(0)), min(os.sched_getaffinity(0))
    this = [sys.executable, "-m", "bench.heartbeat.cpu"]
    sender_kind = "classic" if kind == "plain" else kind
    with subprocess.Popen([*this, "--receive", kind], stdout=subprocess.PIPE, text=True) as receiver:
        os.sched_setaffinity(receiver.pid, {receiver_core})
        assert receiver.stdout is not None
        port = receiver.stdout.readline().strip()
        with subprocess.Popen(
            [*this, "--send", sender_kind, port], stdin=subprocess.PIPE, text=True
        ) as sender:
            os.sched_setaffinity(sender.pid, {sender_core})
            sender.communicate("go\n")
        return float(receiver.stdout.readline())


def memory(clients: int = 100_000) -> float:
    """Octets of resident memory a client, each with a few beats and some of them lost."""
    from netlab.clocks import Instant
    from netlab.heartbeat import Monitor

    monitor = Monitor()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in (1, 2, 3, 5, 6, 7, 8, 9, 900):
        now = Instant(float(number), (1_795_358_159 + number) * 10**9)
        for client in range(clients):
            line = b"Heartbeat %d %d.0 id=app-%d inc=1" % (number, 1_795_358_159 + number, client)
            monitor.receive(line, ("192.0.2.1", 4000), now)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / clients


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.heartbeat.cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--receive", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        receive(options.receive)
    elif options.send:
        send(options.send[0], int(options.send[1]))
    else:
        found = {kind: [0.0] * options.rounds for kind in KINDS}
        for number in range(options.rounds):
            for kind in KINDS:
                found[kind][number] = one(kind)
        plain = median(found["plain"])
        for kind, times in found.items():
            each = ", ".join(f"{one:.2f}" for one in times)
            print(f"{kind:8} {median(times):6.2f} us a beat, {median(times) / plain:4.2f} x plain   ({each})")
        print(f"memory   {memory():6.0f} octets a client")


if __name__ == "__main__":
    main()
