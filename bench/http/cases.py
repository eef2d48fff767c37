"""The table of loads: what is asked for, over how many connections, and by which clients."""

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024

ROTATED = 1000  # files in the rotation, each of 1 KiB

# Path below the root and size in octets; `site.py` writes them.
FILES = {"1k.html": KIB, "100k.jpg": 100 * KIB, "10m.bin": 10 * MIB} | {
    f"rotation/{number:04}.html": KIB for number in range(ROTATED)
}


@dataclass(frozen=True, slots=True)
class Case:
    """One load; every measurement of it is one run of wrk."""

    name: str
    path: str  # below the root; of a rotation, the folder
    size: int  # of one body, octets
    connections: int
    promise: str  # one line for `--list` and the tables
    close: bool = False  # a connection a request
    rotate: bool = False  # over files and header sets
    idle: int = 0  # keep-alive connections held open beside the load

    @property
    def by_octets(self) -> bool:
        """Whether CPU is told per MiB: of bodies this large, many are under way when the time is over."""
        return self.size >= MIB


CASES = (
    Case("1k-16", "1k.html", KIB, 16, "1 KiB, one file, keep-alive, 16 connections"),
    Case("1k-64", "1k.html", KIB, 64, "1 KiB, one file, keep-alive, 64 connections"),
    Case("1k-1000", "1k.html", KIB, 1000, "1 KiB, one file, keep-alive, 1,000 connections"),
    Case("rotation", "rotation", KIB, 64, "1 KiB, 1,000 files, 50 header sets, 64 connections", rotate=True),
    Case("close", "1k.html", KIB, 64, "1 KiB, one file, a connection a request, 64 at a time", close=True),
    Case("100k", "100k.jpg", 100 * KIB, 64, "100 KiB, one file, keep-alive, 64 connections"),
    Case("10m", "10m.bin", 10 * MIB, 16, "10 MiB, one file, keep-alive, 16 connections"),
    Case("idle", "1k.html", KIB, 64, "as 1k-64, beside 10,000 idle keep-alive connections", idle=10_000),
)

# Cases that a server is spared, and why.
SPARED = {
    ("http.server", "close"): "it closes without saying so, which wrk counts as errors",
    ("http.server", "idle"): "it keeps a thread for each connection",
}
