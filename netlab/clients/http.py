"""``netlab http``: the course's web client."""

import os
import sys
from typing import IO, Any

from netlab.clients.running import DID_NOT_WORK, WORKED, WRONG_USAGE, complain
from netlab.http.client import HTTPClient, Location
from netlab.http.media import is_text
from netlab.http.message import ResponseHead


class BinaryOnTerminal(Exception):
    """The body would turn the terminal to garbage."""


class Printer:
    """
    A sink that prints the head, an empty line and the body, or saves the body of a 2xx in a file.

    The file appears under its name once it is complete; until then it is called NAME.part.
    """

    def __init__(self, out: IO[bytes], terminal: bool, path: str | None) -> None:
        self._out = out
        self._guarded = terminal and path != "-"
        self._path = None if path == "-" else path
        self._file: IO[bytes] | None = None

    @property
    def partial(self) -> str | None:
        """The file that holds the beginning of a body, if one does."""
        return f"{self._path}.part" if self._file is not None else None

    def begin(self, head: ResponseHead) -> None:
        lines = [
            f"HTTP/{head.version[0]}.{head.version[1]} {head.status} {head.reason}",
            *(f"{name}: {value}" for name, value in head.fields),
        ]
        for line in lines:
            self._out.write(_printable(line).encode("utf-8") + b"\n")
        self._out.write(b"\n")
        self._out.flush()
        if self._path is not None and 200 <= head.status < 300:
            self._file = open(f"{self._path}.part", "wb")  # noqa: SIM115 - lives as long as the body
        elif self._guarded:
            content_type = head.fields.get("content-type")
            if content_type is not None and not is_text(content_type):
                raise BinaryOnTerminal(content_type)

    def write(self, octets: bytes) -> None:
        if self._file is not None:
            self._file.write(octets)
        elif self._guarded and b"\0" in octets:
            raise BinaryOnTerminal("it holds NUL")
        else:
            self._out.write(octets)

    def complete(self) -> None:
        """All of the body was written."""
        self._out.flush()
        if self._file is not None and self._path is not None:
            self._file.close()
            os.replace(f"{self._path}.part", self._path)
            self._file = None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


async def fetch(reactor: Any, location: Location, path: str | None, timeout: float) -> int:
    """Print what is at *location*, or save its body as *path*; the exit status."""
    printer = Printer(sys.stdout.buffer, sys.stdout.isatty(), path)
    try:
        head = await HTTPClient(reactor, timeout).get(location, printer)
        printer.complete()
    except BinaryOnTerminal as error:
        complain(f"the body is binary ({error}): save it with -o FILE, or force it with -o -")
        return WRONG_USAGE
    except Exception:
        if printer.partial is not None:
            complain(f"{printer.partial} holds what came so far")
        raise
    finally:
        printer.close()
    if head.status < 400:
        return WORKED
    complain(_printable(f"the server answered {head.status} {head.reason}".rstrip()))
    return DID_NOT_WORK


def _printable(line: str) -> str:
    """Show what could drive a terminal as an escape instead."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in line)
