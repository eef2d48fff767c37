"""Bodies saved as files: none is called complete that is not, and no two versions come out as one."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from netlab.errors import ConnectionLost, WireError
from netlab.http.download import download
from tests.http.test_client import URL, ClientCase

TAG = b'ETag: "a"\r\n'
OTHER_TAG = b'ETag: "b"\r\n'
DATE = b"Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nDate: Tue, 02 Jan 2024 00:00:00 GMT\r\n"
OTHER_DATE = b"Last-Modified: Mon, 08 Jan 2024 00:00:00 GMT\r\nDate: Tue, 09 Jan 2024 00:00:00 GMT\r\n"
NEW = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"


def part(fields: bytes, content_range: bytes = b"bytes 4-9/10", body: bytes = b"456789") -> bytes:
    return b"HTTP/1.1 206 Partial Content\r\n%bContent-Range: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        fields,
        content_range,
        len(body),
        body,
    )


def unsatisfied(fields: bytes, content_range: bytes) -> bytes:
    return b"HTTP/1.1 416 X\r\n%bContent-Range: %b\r\nContent-Length: 3\r\n\r\nno!" % (fields, content_range)


class DownloadCase(ClientCase):
    """Downloads into a folder of their own."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = self.folder / "file"
        self.hashed = b""
        self.heads: list[int] = []
        self.other = b""

    def download(self, **options: Any) -> Deferred[Any]:
        self.hashed = b""

        def begun(head: Any) -> None:
            self.heads.append(head.status)

        def hashed(octets: bytes) -> None:
            self.hashed += octets

        def other(octets: bytes) -> None:
            self.other += octets

        client = self.client(codings=options.pop("codings", False))
        path = os.fspath(options.pop("path", self.path))
        return download(client, URL, path, begun=begun, hashed=hashed, other=other, **options)

    def break_off(self, fields: bytes) -> None:
        """Leave the first four of ten octets."""
        done = self.download()
        self.receive(b"HTTP/1.1 200 OK\r\n%bContent-Length: 10\r\n\r\n0123" % fields)
        self.wires[-1].loseConnection()
        self.failureResultOf(done, ConnectionLost)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


class WholeTests(DownloadCase):
    """What a download leaves."""

    def test_nothing(self) -> None:
        """A body of no octets is an empty file, however the server says that it is empty."""
        for head in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\nContent-Length: \xb2\r\n\r\n",
        ):
            done = self.download()
            self.receive(head)
            self.wires[-1].loseConnection()
            self.successResultOf(done)
            self.assertEqual((self.names(), self.path.read_bytes()), (["file"], b""), head)
            self.path.unlink()

    def test_nothing_came(self) -> None:
        """An attempt that broke off before the first octet leaves nothing behind."""
        done = self.download()
        self.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        self.wires[-1].loseConnection()
        self.failureResultOf(done, ConnectionLost)
        self.assertEqual(self.names(), [])

    def test_decoded(self) -> None:
        """The length of coded octets is not taken for the file's."""
        told: list[int | None] = []
        done = self.download(codings=True, told=lambda _, total: told.append(total))
        coded = bytes.fromhex("1f8b0800000000000003cb48cdc9c9070086a6103605000000")  # hello
        self.receive(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n" + coded)
        self.successResultOf(done)
        self.assertEqual((self.path.read_bytes(), told), (b"hello", [None]))

    def test_special(self) -> None:
        """What is no regular file, such as a device or a pipe, is written to and stays what it is."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        done = self.download()
        self.receive(NEW)
        self.successResultOf(done)
        self.assertEqual((os.read(reader, 9), self.path.is_fifo(), self.names()), (b"new", True, ["file"]))

    def test_special_broken_off(self) -> None:
        """Of a download to a device no part is kept."""
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        done = self.download()
        self.receive(b"HTTP/1.1 200 OK\r\n%bContent-Length: 10\r\n\r\n0123" % TAG)
        self.wires[-1].loseConnection()
        lost: Any = self.failureResultOf(done, ConnectionLost).value
        self.assertEqual((lost.kept, self.path.is_fifo(), self.names()), (None, True, ["file"]))

    def test_link(self) -> None:
        """A symbolic link stays one; the file that it leads to is replaced."""
        target = self.folder / "target"
        target.write_bytes(b"old")
        self.path.symlink_to("target")
        done = self.download()
        self.receive(NEW)
        self.successResultOf(done)
        self.assertEqual((target.read_bytes(), self.path.is_symlink()), (b"new", True))

    def test_folder(self) -> None:
        """A folder in the file's place is known before anything is asked for."""
        self.path.mkdir()
        self.failureResultOf(self.download(), IsADirectoryError)
        self.assertEqual((self.wires, self.names()), ([], ["file"]))


class ContinuedTests(DownloadCase):
    """What becomes of a part."""

    def test_rest(self) -> None:
        """The rest of the same version completes it, and the hash is the whole's."""
        for validator in (TAG, DATE):
            self.break_off(validator)
            done = self.download(resume=True)
            self.assertIn(b"Range: bytes=4-\r\n", self.sent())
            self.receive(part(validator))
            self.successResultOf(done)
            self.assertEqual((self.path.read_bytes(), self.hashed), (b"0123456789",) * 2)
            self.assertEqual(self.names(), ["file"])

    def test_changed(self) -> None:
        """The whole of a new version is saved alone, and hashed alone."""
        self.break_off(TAG)
        done = self.download(resume=True)
        self.receive(NEW)
        self.successResultOf(done)
        self.assertEqual((self.path.read_bytes(), self.hashed, self.names()), (b"new", b"new", ["file"]))

    def test_other_version(self) -> None:
        """What cannot be shown to belong to the part is not joined with it: the download begins again."""
        for validator, answer in (
            (TAG, part(OTHER_TAG)),
            (TAG, part(b'ETag: W/"a"\r\n')),
            (TAG, part(b"")),  # RFC 9110 §15.3.7: a 206 has the tag that a 200 would have
            (DATE, part(OTHER_DATE)),
            (TAG, part(TAG + b"Content-Encoding: gzip\r\n")),
            (TAG, part(TAG, b"bytes 4-9/*")),  # whether that is the end, nobody said
            (TAG, unsatisfied(TAG, b"bytes */9")),
            (TAG, unsatisfied(OTHER_TAG, b"bytes */4")),
            (DATE, unsatisfied(OTHER_DATE, b"bytes */4")),
            (TAG, b"HTTP/1.1 416 X\r\nContent-Length: 0\r\n\r\n"),
        ):
            self.break_off(validator)
            self.heads.clear()
            done = self.download(resume=True)
            self.receive(answer)
            self.assertNotIn(b"Range", self.sent())
            self.receive(NEW)
            self.successResultOf(done)
            self.assertEqual((self.path.read_bytes(), self.hashed), (b"new", b"new"), answer)
            self.assertEqual((self.names(), self.heads, self.other), (["file"], [200], b""))
            self.path.unlink()

    def test_all_there(self) -> None:
        """A part that is the whole already is complete; the refusal's own body is nobody's."""
        self.break_off(TAG)
        done = self.download(resume=True)
        self.receive(unsatisfied(TAG, b"bytes */4"))
        _, sink = self.successResultOf(done)
        self.assertTrue(sink.finished_before)
        self.assertEqual((self.path.read_bytes(), self.hashed, self.other), (b"0123", b"0123", b""))

    def test_lies(self) -> None:
        """A rest that is not what was asked for, or not as long as it says, leaves the part as it was."""
        for answer in (
            part(TAG, b"bytes 3-9/10", b"3456789"),
            part(TAG, b"bytes 4-8/10", b"45678"),
            part(TAG, b"bytes 4-9/10", b"456789 and more"),
            part(TAG, b"bytes 4-9/10", b"45"),
            part(TAG, b"bytes 4-2/3", b""),
            b"HTTP/1.1 206 X\r\n%bContent-Length: 3\r\n\r\n456" % TAG,
        ):
            self.break_off(TAG)
            done = self.download(resume=True)
            self.receive(answer)
            self.failureResultOf(done, WireError)
            self.assertEqual((self.folder / "file.part").read_bytes(), b"0123", answer)
            self.assertFalse(self.path.exists())

    def test_failed(self) -> None:
        """An answer that is none to the question leaves the part, and its own body is hashed alone."""
        self.break_off(TAG)
        done = self.download(resume=True)
        self.receive(b"HTTP/1.1 503 X\r\nContent-Length: 5\r\n\r\nlater")
        self.successResultOf(done)
        self.assertEqual((self.names(), self.hashed), (["file.part", "file.part.validator"], b""))
        self.assertEqual(self.other, b"later")

    def test_own_range(self) -> None:
        """A part that the caller asked for himself is what he gets."""
        done = self.download(fields=[("Range", "bytes=4-")])
        self.receive(part(TAG))
        self.successResultOf(done)
        self.assertEqual((self.path.read_bytes(), self.names()), (b"456789", ["file"]))

    def test_unasked(self) -> None:
        """A part that nobody asked for is none."""
        self.failureResultOf(self._unasked(), WireError)
        self.assertEqual(self.names(), [])

    def _unasked(self) -> Deferred[Any]:
        done = self.download()
        self.receive(part(TAG))
        return done
