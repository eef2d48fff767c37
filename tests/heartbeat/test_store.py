"""The store on a disk: what is saved is there again, and a file that is not ours is refused in one line."""

import sqlite3
import sys
import tempfile
import zlib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.store import Checkpoint, Store, StoreError, check_url

SAVED = Checkpoint(1_795_358_159_498_196_000, (b"one" * 1000, b"", b"three"), (b"\x00\xff",), True)


class StoreTests(SynchronousTestCase):
    """`Store` with a file of SQLite's"""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "store"
        self.store = self.make()

    def make(self) -> Store:
        store = Store(check_url(f"sqlite:///{self.path}"))
        self.addCleanup(store.close)
        return store

    def refusal(self) -> str:
        line = str(self.assertRaises(StoreError, self.make().open))
        self.assertNotIn("\n", line)
        self.assertIn(str(self.path), line)
        return line

    def test_round_trip(self) -> None:
        """What was saved last is read, and nothing of what was saved before."""
        self.assertIsNone(self.store.open())
        self.store.save(Checkpoint(1, (b"old",) * 5))
        self.store.save(SAVED)
        self.store.close()
        self.assertEqual(self.make().open(), SAVED)

    def test_nothing_yet(self) -> None:
        """A store that nothing was saved in has nothing, also the second time."""
        self.store.open()
        self.store.close()
        self.assertIsNone(self.store.open())

    def test_whole_or_not(self) -> None:
        """Where a save fails half-way, the checkpoint before it is still there."""
        self.store.open()
        self.store.save(SAVED)
        broken = Checkpoint(2, (b"new",), (b"event",))
        self.patch(sys.modules["netlab.heartbeat.store"], "VERSION", None)  # NOT NULL: the last statement
        self.assertIn("nothing can be saved", str(self.assertRaises(StoreError, self.store.save, broken)))
        self.patch(sys.modules["netlab.heartbeat.store"], "VERSION", 1)
        self.store.close()
        self.assertEqual(self.store.open(), SAVED)

    def test_not_open(self) -> None:
        """Nothing can be saved in a store that is closed."""
        self.assertRaises(StoreError, self.store.save, SAVED)
        self.store.close()

    def test_one_monitor(self) -> None:
        """Two monitors cannot use one file; the second is told what to do."""
        self.store.open()
        self.assertIn("another monitor uses it; give --store another file, or none", self.refusal())
        self.store.close()
        self.make().open()

    def test_foreign(self) -> None:
        """A file that is no database, or is somebody else's, stays as it is."""
        self.path.write_bytes(b"a letter to my aunt\n" * 1000)
        self.assertIn("not a database", self.refusal())
        self.assertEqual(self.path.read_bytes()[:8], b"a letter")
        self.path.unlink()
        with sqlite3.connect(self.path) as other:
            other.execute("create table invoices (number integer)")
        other.close()
        self.assertIn("somebody else's database", self.refusal())

    def test_newer(self) -> None:
        """A layout that we do not know is not guessed at."""
        self.store.open()
        self.store.save(SAVED)
        self.store.close()
        with sqlite3.connect(self.path) as other:
            other.execute("update netlab_checkpoint set version = 2")
        other.close()
        self.assertIn("another version of netlab (layout 2, not 1)", self.refusal())

    def test_damaged(self) -> None:
        """A page that is broken, cut, or would fill the memory is refused."""
        self.store.open()
        self.store.save(SAVED)
        self.store.close()
        for content in (b"no page", zlib.compress(b"x" * 1000)[:-5], zlib.compress(bytes(2**24 + 1))):
            with sqlite3.connect(self.path) as other:
                other.execute("update netlab_page set content = ? where number = 1", (content,))
            other.close()
            self.assertIn("it is damaged", self.refusal())

    def test_no_folder(self) -> None:
        """A folder that is not there is named."""
        self.path = self.path / "nosuch" / "file"
        self.assertIn("No such file or directory", self.refusal())

    def test_names(self) -> None:
        """A file is called by its path, a server by its URL, without the password."""
        self.assertEqual(str(self.store), str(self.path))
        self.assertNotIn("secret", str(Store("mysql+nosuch://a:secret@127.0.0.1/b")))

    def test_urls(self) -> None:
        """A relative path is good in any folder; what is no store of ours is refused."""
        self.assertEqual(check_url("sqlite:///a.sqlite"), f"sqlite:///{Path('a.sqlite').absolute()}")
        for url in ("", "heartbeat.sqlite", "sqlite://", "sqlite:///:memory:", "nosuch://a/b", "redis:x"):
            with self.subTest(url=url):
                self.assertNotIn("\n", str(self.assertRaises(ValueError, check_url, url)))

    def test_no_driver(self) -> None:
        """A database whose driver is not installed says so."""
        error = self.assertRaises(
            (ValueError, StoreError), lambda: Store(check_url("postgresql://a/b")).open()
        )
        self.assertNotIn("\n", str(error))
