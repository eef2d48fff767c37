"""A key out of a file."""

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from netlab.keys import LONGEST, read_key


class KeyTests(SynchronousTestCase):
    """`read_key`"""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "key"

    def test_read(self) -> None:
        """The file's octets, without the line's end."""
        self.file.write_bytes(b"\x00secret key\n")
        self.assertEqual(read_key(str(self.file)), b"\x00secret key")

    def test_none(self) -> None:
        """No file, an empty one, and one that is too long, are told in one line."""
        for octets in (None, b"\n", b"x" * (LONGEST + 1)):
            if octets is not None:
                self.file.write_bytes(octets)
            self.assertNotIn("\n", str(self.assertRaises(ValueError, read_key, str(self.file))))
