"""Content codings undone: any split, any coding, and no bomb."""

import gzip
import zlib

import brotli
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.http.decode import MAX_FREE, MAX_RATIO, OFFERED, Decoded
from netlab.http.message import Fields, ResponseHead

ENCODERS = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.ZstdCompressor().compress}


class Kept:
    def __init__(self) -> None:
        self.length = 0
        self.longest = 0
        self.body: list[bytes] = []
        self.holding: Deferred[None] | None = None

    def begin(self, head: ResponseHead) -> None:
        pass

    def write(self, octets: bytes) -> Deferred[None] | None:
        self.length += len(octets)
        self.longest = max(self.longest, len(octets))
        self.body.append(octets)
        return self.holding


def begun(coding: str) -> tuple[Kept, Decoded]:
    kept = Kept()
    decoded = Decoded(kept)
    decoded.begin(ResponseHead((1, 1), 200, "OK", Fields((("Content-Encoding", coding),))))
    return kept, decoded


class DecodeTests(SynchronousTestCase):
    """Each coding that is offered."""

    def test_offered(self) -> None:
        """All three are, where their libraries are there."""
        self.assertEqual(OFFERED, ", ".join(ENCODERS))

    @given(st.sampled_from(sorted(ENCODERS)), st.binary(max_size=2000), st.integers(1, 50), st.booleans())
    def test_splits(self, coding: str, body: bytes, size: int, twice: bool) -> None:
        """However it comes, it becomes what it was; gzip and zstd may have several members."""
        octets = ENCODERS[coding](body)
        if twice and coding != "br":
            octets, body = octets * 2, body * 2
        kept, decoded = begun(coding)
        for at in range(0, len(octets), size):
            decoded.write(octets[at : at + size])
        decoded.finish()
        self.assertEqual(b"".join(kept.body), body)

    def test_broken(self) -> None:
        """What is cut short, or no such thing, breaks a rule."""
        for coding, encode in ENCODERS.items():
            with self.subTest(coding=coding):
                _, decoded = begun(coding)
                decoded.write(encode(b"hello" * 100)[:-3])
                self.assertRaises(WireError, decoded.finish)
                _, decoded = begun(coding)
                self.assertRaises(WireError, decoded.write, b"\xff" * 100)
        self.assertRaises(WireError, begun, "compress")

    def test_bombs(self) -> None:
        """A gigabyte of zeros ends at the bound, in small pieces."""
        mebibyte = bytes(1 << 20)
        packer = zlib.compressobj(9, wbits=31)
        streams = {"gzip": b"".join(packer.compress(mebibyte) for _ in range(100)) + packer.flush()}
        streams["br"] = brotli.compress(mebibyte * 100, quality=5)
        streams["zstd"] = zstandard.ZstdCompressor().compress(mebibyte * 100)
        for coding, octets in streams.items():
            with self.subTest(coding=coding):
                kept, decoded = begun(coding)
                failure = self.assertRaises(WireError, decoded.write, octets)
                self.assertIn("bomb", str(failure))
                self.assertLessEqual(kept.length, max(MAX_FREE, MAX_RATIO * len(octets)) + kept.longest)
                self.assertLessEqual(kept.longest, 4 << 20)

    def test_back_pressure(self) -> None:
        """A slow sink holds the decoding back too."""
        kept, decoded = begun("gzip")
        kept.holding = Deferred()
        body = bytes(range(256)) * 1000
        holding = decoded.write(gzip.compress(body))
        assert holding is not None
        self.assertLess(kept.length, len(body))
        first, kept.holding = kept.holding, None
        first.callback(None)
        self.assertIsNone(self.successResultOf(holding))
        self.assertEqual(kept.length, len(body))

    def test_identity(self) -> None:
        """What is not coded passes."""
        kept, decoded = begun("identity")
        decoded.write(b"x")
        decoded.finish()
        self.assertEqual(kept.body, [b"x"])
