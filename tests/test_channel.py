"""Frames between two processes: round trips, however they are cut, and what is refused."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.channel import MAX_FRAME, Frames, encode_frame
from netlab.errors import WireError


class FrameTests(SynchronousTestCase):
    """`encode_frame` and `Frames`"""

    @given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=10), st.data())
    def test_any_split(self, frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
        """What was written is read, wherever the octets are cut."""
        octets = b"".join(encode_frame(*frame) for frame in frames)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
        reader, read = Frames(), []
        for begin, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
            read += reader.feed(octets[begin:end])
        self.assertEqual(read, frames)

    def test_refused(self) -> None:
        """What is no frame of ours is not written, and a length that nobody writes is not waited for."""
        self.assertRaises(ValueError, encode_frame, 256)
        self.assertRaises(ValueError, encode_frame, -1)
        self.assertRaises(ValueError, encode_frame, 1, bytes(MAX_FRAME + 1))
        self.assertRaises(WireError, list, Frames().feed((MAX_FRAME + 1).to_bytes(4) + b"\1"))
