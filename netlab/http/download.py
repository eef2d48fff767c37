"""Save a body as a file that has its name only once it is complete; go on where an attempt ended."""

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import IO, Any

from twisted.internet.defer import Deferred

from netlab.errors import WireError
from netlab.http.client import Fetched, HTTPClient
from netlab.http.connection import Trace
from netlab.http.location import Location, location_of_url
from netlab.http.message import ResponseHead
from netlab.http.outgoing import without
from netlab.http.partial import Partial, continues, noted, strong_validator, whole_length

Told = Callable[[int, int | None], None]
"""Told how many octets there are, and how many there will be, as far as that is known."""


class FileSink:
    """
    A sink that saves the body of a 2xx, in PATH.part until it is complete; another body goes nowhere.

    *begun* is told every head, *other* every piece of a body that is not saved.
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
    ) -> None:
        self._path = path
        self._url = url
        self._partial = partial
        self._told = told
        self._begun = begun
        self._other = other
        self._hashed = hashed
        self._file: IO[bytes] | None = None
        self._expected: int | None = None
        self.length = 0  # octets in PATH.part
        self.finished_before = False  # the partial file was the whole already

    @property
    def part(self) -> str:
        return f"{self._path}.part"

    @property
    def kept(self) -> bool:
        """PATH.part holds something."""
        return self._file is not None and self.length > 0

    def begin(self, head: ResponseHead) -> None:
        if self._begun is not None:
            self._begun(head)
        if head.status == 416 and self._partial is not None:
            self.finished_before = whole_length(head) == self._partial.length
            return
        if not 200 <= head.status < 300:
            return
        if head.status == 206:
            if self._partial is None:
                raise WireError("a part came that nobody asked for")
            self._expected = continues(head, self._partial)
            self._open("ab", self._partial.length)
        else:
            self._open("wb", 0)
            length = head.fields.get("content-length")
            self._expected = int(length) if length is not None and length.isdigit() else None
            self._note(strong_validator(head))

    def write(self, octets: bytes) -> Deferred[None] | None:
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
        if self.finished_before:
            assert self._partial is not None
            self.length = self._partial.length
        elif self._file is None:
            return
        elif self._partial is not None and self._expected not in (None, self.length):
            raise WireError(f"{self.length} octets came of {self._expected}")
        self.close()
        os.replace(self.part, self._path)
        self._note(None)

    def close(self) -> None:
        """Let go of the file, whatever is in it; one that holds nothing goes away."""
        if self._file is not None:
            self._file.close()
            if not self.length and self._expected != 0:
                with contextlib.suppress(OSError):
                    os.remove(self.part)
                self._note(None)

    def _open(self, mode: str, length: int) -> None:
        self._file = open(self.part, mode, buffering=0)  # noqa: SIM115 - lives as long as the body
        self.length = length

    def _note(self, validator: str | None) -> None:
        path = f"{self.part}.validator"
        if validator is None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(Partial(0, self._url, validator).note())


def left_behind(path: str, url: str) -> Partial | None:
    """What an earlier download of *url* to *path* left, if it can be gone on with."""
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
        if partial is not None and hashed is not None:
            _feed(f"{path}.part", hashed)
        lines = (*without(given, frozenset({"range", "if-range"})), *partial.fields) if partial else given
        sink = FileSink(path, where.url, partial, told, begun, other, hashed)
        try:
            fetched = await client.request(method, where, sink, lines, body, trace or Trace())
            sink.complete()
        except BaseException as why:
            why.kept = sink.part if sink.kept else None  # type: ignore[attr-defined]
            raise
        finally:
            sink.close()
        return fetched, sink

    async def attempts() -> tuple[Fetched, FileSink]:
        partial = left_behind(path, where.url) if resume and method == "GET" else None
        fetched, sink = await attempt(partial)
        if fetched.head.status == 416 and partial is not None and not sink.finished_before:
            return await attempt(None)
        return fetched, sink

    where = location_of_url(location) if isinstance(location, str) else location
    given = tuple(fields)
    return Deferred.fromCoroutine(attempts())


def _feed(path: str, hashed: Callable[[bytes], object]) -> None:
    with open(path, "rb") as file:
        while octets := file.read(1_048_576):
            hashed(octets)
