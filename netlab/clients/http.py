"""``netlab http``: the course's web client."""

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote

from netlab.clients.running import DID_NOT_WORK, WORKED, WRONG_USAGE, complain
from netlab.clients.show import BinaryOnTerminal, Printer, Progress, WireView, printable, show_timing
from netlab.http.client import Fetched, HTTPClient
from netlab.http.connection import Trace
from netlab.http.dial import Timeouts
from netlab.http.download import download, left_behind
from netlab.http.explain import afterwards, framing
from netlab.http.location import Location
from netlab.http.message import ResponseHead
from netlab.http.outgoing import Redirects
from netlab.http.tls import TLS


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    location: Location
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    output: str | None = None  # a file; - is standard output, even for a binary body on a terminal
    resume: bool = False
    heads: bool | None = None  # print them; None: unless the exchange is shown anyway
    follow: bool = False
    downgrade: bool = False
    compressed: bool = False
    timeout: float = 30.0
    max_time: float | None = None
    tls: TLS = TLS()  # noqa: RUF009 - an immutable value
    unix_socket: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    timing: bool = False
    explain: bool = False

    @property
    def prints_heads(self) -> bool:
        """The head goes to standard output."""
        return not (self.verbose or self.explain) if self.heads is None else self.heads

    @property
    def path(self) -> str | None:
        """The file to save the body in."""
        return None if self.output == "-" or self.method == "HEAD" else self.output


def name_of(location: Location) -> str:
    """
    The file name that a location ends in.

    Raises:
        ValueError: it ends in none that a file may have.
    """
    name = unquote(location.target.partition("?")[0].rpartition("/")[2])
    if not name.strip(".") or "/" in name or not name.isprintable():
        raise ValueError(f"{location.url} does not end in a file name: say -o FILE")
    return name


class Summed:
    """A sink that keeps a body's length and hash."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.length = 0

    def begin(self, head: ResponseHead) -> None:
        pass

    def write(self, octets: bytes) -> None:
        self._hash.update(octets)
        self.length += len(octets)

    def line(self, fetched: Fetched) -> str:
        """What ``--json`` prints."""
        return json.dumps(
            {
                "status": fetched.head.status,
                "reason": fetched.head.reason,
                "fields": list(fetched.head.fields),
                "length": self.length,
                "sha256": self._hash.hexdigest(),
                "timing": asdict(fetched.timing),
            }
        )


async def fetch(reactor: Any, wanted: Wanted) -> int:
    """Print what was asked for, or save its body; the exit status."""
    seconds = wanted.timeout
    client = HTTPClient(
        reactor,
        timeouts=Timeouts(seconds, seconds, seconds, wanted.max_time),
        redirects=Redirects(downgrade=wanted.downgrade) if wanted.follow else None,
        codings=wanted.compressed,
        tls=wanted.tls,
        unix_socket=wanted.unix_socket,
    )
    shown = wanted.verbose or wanted.explain
    trace = WireView(wanted.explain) if shown else Trace()
    try:
        fetched, worked = await (_printed if wanted.path is None else _saved)(client, wanted, trace)
    except BinaryOnTerminal as error:
        complain(f"the body is binary ({error}): save it with -o FILE, or force it with -o -")
        return WRONG_USAGE
    except ValueError as error:
        complain(printable(str(error)))
        return WRONG_USAGE
    finally:
        client.close()
    if wanted.explain:
        trace.note(framing(wanted.method, fetched.head))
        trace.note(afterwards(fetched.head))
    if wanted.timing:
        show_timing(fetched.timing)
    if worked:
        return WORKED
    if not wanted.quiet:
        complain(printable(f"the server answered {fetched.head.status} {fetched.head.reason}".rstrip()))
    return DID_NOT_WORK


async def _printed(client: HTTPClient, wanted: Wanted, trace: Trace) -> tuple[Fetched, bool]:
    summed = Summed()
    terminal = sys.stdout.isatty()
    printer = Printer(sys.stdout.buffer, terminal, wanted.prints_heads, guarded=wanted.output != "-")
    sink = summed if wanted.as_json else printer
    try:
        fetched = await client.request(
            wanted.method, wanted.location, sink, wanted.fields, wanted.body, trace
        )
    except BinaryOnTerminal:
        raise
    except Exception:
        printer.give_up()
        raise
    printer.complete()
    if wanted.as_json:
        print(summed.line(fetched), flush=True)
    return fetched, fetched.head.status < 400


async def _saved(client: HTTPClient, wanted: Wanted, trace: Trace) -> tuple[Fetched, bool]:
    assert wanted.path is not None
    summed = Summed()
    printer = Printer(sys.stdout.buffer, sys.stdout.isatty(), wanted.prints_heads and not wanted.as_json)
    progress = None
    if sys.stderr.isatty() and not wanted.quiet:
        columns = shutil.get_terminal_size().columns
        progress = Progress(os.path.basename(wanted.path), sys.stderr, columns)
    unsaved = summed.write if wanted.as_json else printer.write
    try:
        fetched, file = await download(
            client,
            wanted.location,
            wanted.path,
            resume=wanted.resume,
            fields=wanted.fields,
            method=wanted.method,
            body=wanted.body,
            trace=trace,
            told=progress,
            begun=printer.begin if not wanted.as_json else None,
            other=unsaved,
            hashed=summed.write if wanted.as_json else None,
        )
    except BaseException as error:
        if progress is not None:
            progress.end()
        kept = getattr(error, "kept", None)
        if kept is not None:
            goes_on = left_behind(wanted.path, wanted.location.url) is not None
            then = "--continue goes on from there" if goes_on else "it cannot be gone on with"
            complain(f"{kept} holds what came so far; {then}")
        raise
    if progress is not None:
        progress.end()
    printer.complete()
    if wanted.as_json:
        print(summed.line(fetched), flush=True)
    return fetched, fetched.head.status < 400 or file.finished_before
