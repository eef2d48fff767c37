"""
Content codings undone as they come: gzip, and br and zstd where their libraries are installed.

What a body grows to is bounded: a few kilobytes may not become the gigabytes of a decompression bomb.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from netlab.errors import WireError
from netlab.http.connection import Sink
from netlab.http.message import ResponseHead

MAX_RATIO = 100  # octets that one octet may become ...
MAX_FREE = 10_485_760  # ... once a body has become this long
_PIECE = 65_536
_ZSTD_STEP = 64  # octets: as many empty blocks as fit into them become at most 2.7 MiB (RFC 8878 §3.1.1.2)
_ZSTD_WINDOW = 8_388_608  # octets (RFC 9659)

try:
    import brotli  # type: ignore[import-untyped]
except ImportError:
    brotli = None
try:
    import zstandard
except ImportError:
    zstandard = None  # type: ignore[assignment,unused-ignore]


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self._begun = False

    @property
    def complete(self) -> bool:
        return self._member.eof or not self._begun

    def decode(self, octets: bytes) -> Iterator[bytes]:
        while octets:
            if self._member.eof:  # one member may follow the other (RFC 1952 §2.2)
                self._member = zlib.decompressobj(31)
            self._begun = True
            yield self._member.decompress(octets, _PIECE)
            octets = self._member.unconsumed_tail or self._member.unused_data
        while not self._member.eof and (piece := self._member.decompress(b"", _PIECE)):
            yield piece


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._begun = False

    @property
    def complete(self) -> bool:
        return self._stream.is_finished() or not self._begun

    def decode(self, octets: bytes) -> Iterator[bytes]:
        if octets:
            self._begun = True
            yield self._stream.process(octets, output_buffer_limit=_PIECE)
        while not self._stream.can_accept_more_data():
            yield self._stream.process(b"", output_buffer_limit=_PIECE)


class _Zstd:
    def __init__(self) -> None:
        self._frame: Any = None

    @property
    def complete(self) -> bool:
        return self._frame is None or self._frame.eof

    def decode(self, octets: bytes) -> Iterator[bytes]:
        for start in range(0, len(octets), _ZSTD_STEP):
            rest = octets[start : start + _ZSTD_STEP]
            while rest:
                if self.complete:
                    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
                    self._frame = decompressor.decompressobj()
                yield self._frame.decompress(rest)
                rest = self._frame.unused_data if self._frame.eof else b""


_DECODERS: dict[str, Callable[[], Any]] = {"gzip": _Gzip, "x-gzip": _Gzip}
if brotli is not None:
    _DECODERS["br"] = _Brotli
if zstandard is not None:
    _DECODERS["zstd"] = _Zstd

OFFERED = ", ".join(name for name in _DECODERS if not name.startswith("x-"))
"""The codings that can be undone here, as the value of ``Accept-Encoding``."""


class Decoded:
    """A sink before another one, which undoes the response's content coding (RFC 9110 §8.4)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._decoder: Any = None
        self._coding = ""
        self._came = 0
        self._became = 0

    def begin(self, head: ResponseHead) -> None:
        self._coding = (head.fields.get("content-encoding") or "identity").strip().lower()
        self._decoder = None
        if self._coding != "identity":
            if self._coding not in _DECODERS:
                raise WireError(f"the content coding {self._coding!r} was not asked for")
            self._decoder = _DECODERS[self._coding]()
        self._sink.begin(head)

    def write(self, octets: bytes) -> Deferred[None] | None:
        if self._decoder is None:
            return self._sink.write(octets)
        self._came += len(octets)
        return self._hand_on(self._decoder.decode(octets))

    def finish(self) -> None:
        """The body is complete. Raises: WireError: what it encodes is not."""
        if self._decoder is not None and not self._decoder.complete:
            raise WireError(f"the {self._coding} body ends too early")

    def _hand_on(self, pieces: Iterator[bytes]) -> Deferred[None] | None:
        while (piece := self._next(pieces)) is not None:
            held = self._sink.write(piece) if piece else None
            if held is not None:
                return held.addCallback(lambda _: self._hand_on(pieces))
        return None

    def _next(self, pieces: Iterator[bytes]) -> bytes | None:
        try:
            piece = next(pieces, None)
        except Exception as failure:  # each library has errors of its own
            raise WireError(f"the body is not {self._coding}: {str(failure) or 'broken'}") from None
        self._became += len(piece or b"")
        if self._became > MAX_FREE and self._became > MAX_RATIO * self._came:
            raise WireError(
                f"a decompression bomb: {self._came} octets of {self._coding} became {self._became}"
            )
        return piece
