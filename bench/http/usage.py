"""What a server costs: CPU time and resident memory of all its processes, from the kernel."""

import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def processes(root: int) -> list[int]:
    """The process *root* and all that descend from it and still live."""
    found = [root]
    for process in found:
        for thread in (_PROC / str(process) / "task").glob("*/children"):
            with suppress(OSError):  # the thread has just ended
                found += map(int, thread.read_text().split())
    return found


def cpu_seconds(root: int) -> float:
    """
    Read what the processes below *root* have used of CPU time, user and system.

    The CPU clock of a process (clock_getcpuclockid(3)) counts nanoseconds, threads that have ended included;
    utime and stime in /proc count hundredths of a second.

    Raises:
        OSError: a process has ended.
    """
    return sum(time.clock_gettime((~process << 3) | 2) for process in processes(root))


def resident_octets(root: int) -> int:
    """Read the memory of the processes below *root* (Pss: what they share is counted once)."""
    return sum(_resident(_PROC / str(process)) for process in processes(root))


def _resident(process: Path) -> int:
    for name, field in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            lines = (process / name).read_text().splitlines()
        except OSError:  # a kernel without smaps_rollup, or a process of another user
            continue
        for line in lines:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0
