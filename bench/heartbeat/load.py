"""
A fleet of senders in one process: python -m bench.heartbeat.load PORT CLIENTS SECONDS [LOSS [KILLED [SEED]]]

Each client beats once a second, all of them evenly spread, on one socket, told apart by `id=`. LOSS is
the part of the beats that is left out; KILLED clients fall silent at random moments. Their names, and the
wall time of the last beat of each, are printed as JSON, with how many were sent.
"""

import json
import random
import socket
import sys
import time


def main(port: int, clients: int, seconds: int, loss: float = 0.0, killed: int = 0, seed: int = 1) -> None:
    """Send on absolute deadlines; where the machine is too slow, late rather than never."""
    draw = random.Random(seed)
    dies = {name: draw.uniform(10, seconds - 25) for name in draw.sample(range(clients), killed)}
    last: dict[int, float] = {}
    tails = [b" id=app-%d" % number for number in range(clients)]
    sent = left_out = 0
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", port))
        send, now, chance = udp.send, time.monotonic, draw.random
        begun = now()
        for second in range(seconds):
            for start in range(0, clients, 10):
                due = second + start / clients
                ahead = begun + due - now()
                if ahead > 0.0002:
                    time.sleep(ahead)
                head = b"Heartbeat %d %.6f" % (second + 1, time.time())
                for number in range(start, min(start + 10, clients)):
                    if number in dies:
                        if due > dies[number]:
                            continue
                        last[number] = time.time()
                    if loss and chance() < loss:
                        left_out += 1
                        continue
                    try:
                        send(head + tails[number])
                    except ConnectionRefusedError:
                        continue
                    sent += 1
        took = now() - begun
    json.dump(
        {
            "sent": sent,
            "left_out": left_out,
            "took": round(took, 3),
            "killed": {f"app-{number}": last.get(number, 0.0) for number in dies},
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *map(float, sys.argv[4:5]), *map(int, sys.argv[5:7]))
