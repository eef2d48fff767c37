"""Read what tcpdump captured: a pcap file with nanosecond stamps, UDP over IPv4 over Ethernet."""

import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_NANOSECONDS = 0xA1B23C4D
_HEADERS = 14 + 20 + 8  # octets before the payload: Ethernet, IPv4 without options, UDP


class Packet(NamedTuple):
    ns: int  # when it was captured
    source: int  # port
    destination: int
    payload: bytes


def read(file: Path) -> list[Packet]:
    """Read a capture."""
    octets = file.read_bytes()
    (magic,) = struct.unpack_from("<I", octets)
    if magic != _NANOSECONDS:
        raise ValueError(f"{file} has no nanosecond stamps")
    packets, at = [], 24
    while at + 16 <= len(octets):
        seconds, rest, length, _ = struct.unpack_from("<IIII", octets, at)
        frame = octets[at + 16 : at + 16 + length]
        source, destination = struct.unpack_from("!HH", frame, 34)
        packets.append(Packet(seconds * 10**9 + rest, source, destination, frame[_HEADERS:]))
        at += 16 + length
    return packets


@contextmanager
def capturing(host: list[str], device: str, file: Path) -> Iterator[None]:
    """Capture UDP on *device* as long as the block lasts; *host* runs commands there."""
    words = ["tcpdump", "-i", device, "-U", "--time-stamp-precision=nano", "-w", str(file), "udp"]
    with subprocess.Popen([*host, *words], stderr=subprocess.PIPE, text=True) as tcpdump:
        assert tcpdump.stderr is not None
        for line in tcpdump.stderr:
            if "listening on" in line:
                break
        try:
            yield
            time.sleep(0.5)  # what was captured last is on its way into the file
        finally:
            tcpdump.terminate()
            tcpdump.communicate(timeout=10)
