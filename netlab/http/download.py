"""Save a body as a file that has its name only once it is complete; go on where an attempt ended."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterable
from typing import IO, Any

from twisted.internet.defer import Deferred

from netlab.errors import WireError
from netlab.http.client import Fetched, HTTPClient
from netlab.http.connection import Trace
from netlab.http.framing import CHUNKED, declared_length
from netlab.http.location import Location, location_of_url
from netlab.http.message import BODILESS, ResponseHead
from netlab.http.outgoing import without
from netlab.http.partial import Partial, Unjoinable, continues, noted, strong_validator, whole_length

_RANGES = frozenset({"range", "if-range"})

Told = Callable[[int, int | None], None]
"""Told how many octets there are, and how many there will be, as far as that is known."""


class FileSink:
    """
    A sink that saves the body of a 2xx, in PATH.part until it is complete; another body goes nowhere.

    What is no regular file, such as a device, is written to as it is. *begun* is told the head, *hashed*
    every piece of the file, *other* every piece of a body that is not saved. *ranged*: the caller asked
    for a part himself.
    """

    def __init__(
        self,
        path: str,
        url: str,
        partial: Partial | None = None,
        told: Told | None = None,
        begun: Callable[[ResponseHead], object] | None = None,
        other: Callable[[bytes], Any] | None = None,
        hashed: Callable[[bytes], object] | None = None,
        ranged: bool = False,
    ) -> None:
        self._special = os.path.exists(path) and not os.path.isfile(path)
        self._path = os.path.realpath(path) if os.path.islink(path) and not self._special else path
        self._url = url
        self._partial = partial
        self._told = told
        self._begun = begun
        self._other = other
        self._hashed = hashed
        self._ranged = ranged
        self._file: IO[bytes] | None = None
        self._expected: int | None = None
        self._whole = False
        self.length = 0  # octets in PATH.part
        self.finished_before = False  # the partial file was the whole already

    @property
    def part(self) -> str:
        return self._path if self._special else f"{self._path}.part"

    @property
    def kept(self) -> bool:
        """PATH.part holds something."""
        return self._file is not None and self.length > 0 and not self._special

    def begin(self, head: ResponseHead) -> None:
        rest = self._partial if head.status == 206 else None
        if rest is not None:
            self._expected = continues(head, rest)
        elif head.status == 206 and not self._ranged:
            raise WireError("a part came that nobody asked for")
        elif head.status == 416 and self._partial is not None:
            self._partial.require_same_version(head)
            if whole_length(head) != self._partial.length:
                raise Unjoinable(f"the server has no octets from {self._partial.length} on")
            self.finished_before = True
        if self._begun is not None:
            self._begun(head)
        if rest is not None:
            self._go_on(rest)
            self._open("ab", rest.length)
        elif self.finished_before and self._partial is not None:
            self._go_on(self._partial)
        elif 200 <= head.status < 300:
            self._open("wb", 0)
            self._expected = _length(head)
            self._note(None if self._ranged else strong_validator(head))

    def write(self, octets: bytes) -> Deferred[None] | None:
        if self.finished_before:
            return None
        if self._file is None:
            held: Deferred[None] | None = self._other(octets) if self._other is not None else None
            return held
        rest = memoryview(octets)
        while rest:
            rest = rest[self._file.write(rest) :]
        self.length += len(octets)
        if self._hashed is not None:
            self._hashed(octets)
        if self._told is not None:
            self._told(self.length, self._expected)
        return None

    def complete(self) -> None:
        """The body is complete. Raises: WireError: it is not as long as the whole was said to be."""
        if self._file is None and not self.finished_before:
            return
        if self._partial is not None and self._expected not in (None, self.length):
            raise WireError(f"{self.length} octets came of {self._expected}")
        self._whole = True
        self.close()
        if not self._special:
            os.replace(self.part, self._path)
            self._note(None)

    def close(self) -> None:
        """Let go of the file, whatever is in it; a part that holds nothing goes away."""
        if self._file is not None:
            self._file.close()
            if not (self.length or self._whole or self._special):
                with contextlib.suppress(OSError):
                    os.remove(self.part)
                self._note(None)

    def _go_on(self, partial: Partial) -> None:
        self.length = partial.length
        if self._hashed is not None:
            with open(self.part, "rb") as file:
                while octets := file.read(1_048_576):
                    self._hashed(octets)

    def _open(self, mode: str, length: int) -> None:
        self._file = open(self.part, mode, buffering=0)  # noqa: SIM115 - lives as long as the body
        self.length = length

    def _note(self, validator: str | None) -> None:
        path = f"{self.part}.validator"
        if self._special:
            return
        if validator is None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(Partial(0, self._url, validator).note())


def _length(head: ResponseHead) -> int | None:
    """How long the file is going to be, as far as the head tells."""
    if head.status in BODILESS or head.fields.get("content-encoding") is not None:
        return None
    length = declared_length(head.fields, head.version)
    return None if length == CHUNKED else length


def left_behind(path: str, url: str) -> Partial | None:
    """What an earlier download of *url* to *path* left, if it can be gone on with."""
    path = os.path.realpath(path) if os.path.islink(path) else path
    with (
        contextlib.suppress(OSError, UnicodeDecodeError),
        open(f"{path}.part.validator", encoding="utf-8") as file,
    ):
        return noted(file.read(4096), os.path.getsize(f"{path}.part"), url)
    return None


def download(
    client: HTTPClient,
    location: Location | str,
    path: str,
    *,
    resume: bool = False,
    fields: Iterable[tuple[str, str]] = (),
    trace: Trace | None = None,
    told: Told | None = None,
    begun: Callable[[ResponseHead], object] | None = None,
    other: Callable[[bytes], Any] | None = None,
    hashed: Callable[[bytes], object] | None = None,
    method: str = "GET",
    body: bytes = b"",
) -> Deferred[tuple[Fetched, FileSink]]:
    """
    GET *location* into the file *path*, with a *client* that undoes no codings.

    With *resume* go on where an earlier attempt ended; what has changed since begins again. An answer
    other than 2xx leaves the files as they are; what breaks off stays as PATH.part.

    Raises:
        OSError: a file cannot be written. What `HTTPClient.request` raises.
    """

    async def attempt(partial: Partial | None) -> tuple[Fetched, FileSink]:
        lines = (*without(given, _RANGES), *partial.fields) if partial else given
        sink = FileSink(path, where.url, partial, told, begun, other, hashed, ranged)
        try:
            fetched = await client.request(method, where, sink, lines, body, watching)
            sink.complete()
        except BaseException as why:
            why.kept = sink.part if sink.kept else None  # type: ignore[attr-defined]
            raise
        finally:
            sink.close()
        return fetched, sink

    async def attempts() -> tuple[Fetched, FileSink]:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        partial = left_behind(path, where.url) if resume and method == "GET" else None
        if partial is not None:
            try:
                return await attempt(partial)
            except Unjoinable as why:
                watching.note(f"{why}: begin again")
        return await attempt(None)

    where = location_of_url(location) if isinstance(location, str) else location
    given = tuple(fields)
    ranged = without(given, _RANGES) != given
    watching = trace or Trace()
    return Deferred.fromCoroutine(attempts())
