"""wrk: its scripts, its runs, and what it counted."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import cores
from .cases import ROTATED, Case
from .clients import HEADS

# What wrk prints for people is rounded; this line is not.
_DONE = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("COUNTED %d %d %d %d %d %d %d\\n", summary.requests, summary.bytes, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.timeout, e.status))
end
"""

# Ten of the header sets for each file, shuffled once: heads and targets never come in step.
_ROTATE = """
local heads = {{
{heads}
}}
local requests, at = {{}}, 0
function init(arguments)
  for set = 0, 9 do
    for file = 0, {files} - 1 do
      local head = heads[(file * 7 + set * 5) % #heads + 1]
      requests[#requests + 1] = string.format("GET /{folder}/%04d.html HTTP/1.1\\r\\n", file) .. head
    end
  end
  math.randomseed(1)
  for last = #requests, 2, -1 do
    local other = math.random(last)
    requests[last], requests[other] = requests[other], requests[last]
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"""


class LoadFailed(Exception):
    """wrk ended otherwise than with its count."""


@dataclass(frozen=True, slots=True)
class Count:
    """What wrk counted in one run."""

    requests: int
    octets: int
    seconds: float
    p50_us: int
    p99_us: int
    socket_errors: int  # refused, reset, timed out
    status_errors: int  # answers of 400 and above


def script(case: Case) -> str:
    """Write the Lua program that makes wrk send what *case* asks for."""
    if not case.rotate:
        return _DONE
    heads = ",\n".join(f'"{_lua(head)}"' for head in HEADS)
    return _DONE + _ROTATE.format(heads=heads, files=ROTATED, folder=case.path)


def _lua(head: str) -> str:
    return head.replace("\\", "\\\\").replace('"', '\\"').replace("\r\n", "\\r\\n")


def run(case: Case, port: int, seconds: float, folder: Path) -> Count:
    """
    Load the server at *port* for about *seconds*; scripts are kept in *folder*.

    Raises:
        LoadFailed: wrk said something else than its count, or nothing in time.
    """
    program = folder / f"{case.name}.lua"
    if not program.exists():
        program.write_text(script(case))
    whole = max(1, round(seconds))  # wrk knows no parts of a second
    command = ["wrk", "-t1", f"-c{case.connections}", f"-d{whole}s", "--timeout", "10s"]
    if case.close:
        command += ["-H", "Connection: close"]
    command += ["-s", str(program), f"http://127.0.0.1:{port}/{case.path}"]
    with cores.pinned(cores.LOAD):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30, check=False)
        except subprocess.TimeoutExpired as error:
            raise LoadFailed("wrk did not end") from error
    for line in done.stdout.splitlines():
        if line.startswith("COUNTED "):
            requests, octets, microseconds, *rest = map(int, line.split()[1:])
            return Count(requests, octets, microseconds / 1e6, *rest)
    raise LoadFailed((done.stderr or done.stdout).strip().replace("\n", "; ")[:200] or "wrk said nothing")
