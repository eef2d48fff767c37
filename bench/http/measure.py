"""One measurement: check that the server serves, load it, and read what that cost."""

import http.client
import math
import resource
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import load, usage
from .cases import MIB, Case
from .clients import HEADS
from .idle import Idle, IdleFailed
from .servers import Running


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed; NaN where a case does not ask for the figure."""

    requests_per_second: float
    octets_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    cpu_us_per_mib: float
    resident_mib: float
    idle_octets: float = math.nan  # resident memory of one idle connection
    idle_cpu: float = math.nan  # CPU a request beside idle connections : without them
    idle_rate: float = math.nan  # requests a second, likewise


class Failed(Exception):
    """A run whose figures would mislead; the text says why."""


def served(case: Case, port: int, root: Path) -> None:
    """
    Ask for what *case* asks for and compare it to the file, with every header set that the case uses.

    Raises:
        Failed: anything but the file's octets with status 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    wanted = [(f"{case.path}/{number * 20:04}.html", head) for number, head in enumerate(HEADS)]
    try:
        for path, head in wanted if case.rotate else [(case.path, "\r\n")]:
            connection.putrequest("GET", f"/{path}", skip_host=case.rotate, skip_accept_encoding=True)
            for line in head.split("\r\n")[:-2]:
                connection.putheader(*line.split(": ", 1))
            connection.endheaders()
            answer = connection.getresponse()
            if answer.status != 200:
                raise Failed(f"/{path} is answered with {answer.status}")
            if answer.read() != (root / path).read_bytes():
                raise Failed(f"/{path} is not the file's octets")
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()


def run(case: Case, server: Running, seconds: float, root: Path, folder: Path) -> Figures:
    """
    Load *server* with *case*, beside its idle connections if it has some.

    Raises:
        Failed: an answer or a connection was wrong.
    """
    served(case, server.port, root)
    if not case.idle:
        return _loaded(case, server, seconds, folder)
    if (limit := resource.getrlimit(resource.RLIMIT_NOFILE)[1]) < case.idle + 200:
        raise Failed(f"{case.idle} connections, but a process may have {limit} descriptors (ulimit -Hn)")
    _loaded(case, server, 1, folder)  # so that what the load itself needs is there already
    alone = _loaded(case, server, seconds, folder)
    empty = usage.resident_octets(server.pid)
    with ExitStack() as stack:
        try:
            idle = stack.enter_context(Idle(case, server.port))
            full = usage.resident_octets(server.pid)
            beside = _loaded(case, server, seconds, folder)
            idle.check()
        except IdleFailed as error:
            raise Failed(f"idle connections: {error}") from error
    return Figures(
        beside.requests_per_second,
        beside.octets_per_second,
        beside.p50_ms,
        beside.p99_ms,
        beside.cpu_us_per_request,
        beside.cpu_us_per_mib,
        full / MIB,
        (full - empty) / case.idle,
        beside.cpu_us_per_request / alone.cpu_us_per_request,
        beside.requests_per_second / alone.requests_per_second,
    )


def _loaded(case: Case, server: Running, seconds: float, folder: Path) -> Figures:
    try:
        before = usage.cpu_seconds(server.pid)
        count = load.run(case, server.port, seconds, folder)
        cpu_us = (usage.cpu_seconds(server.pid) - before) * 1e6
    except load.LoadFailed as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed("the server has ended") from error
    if count.socket_errors or count.status_errors:
        raise Failed(f"{count.socket_errors} socket errors, {count.status_errors} statuses of 400 and above")
    if not count.requests:
        raise Failed("no answer in time")
    if count.octets < count.requests * case.size:
        raise Failed("answers shorter than the file")
    return Figures(
        count.requests / count.seconds,
        count.octets / count.seconds,
        count.p50_us / 1000,
        count.p99_us / 1000,
        cpu_us / count.requests,
        cpu_us / (count.octets / MIB),
        usage.resident_octets(server.pid) / MIB,
    )
