"""`StaticFiles` on a real folder: which status, which fields, which octets."""

import email
import email.policy
import os
import tempfile
from unittest import skipIf

from twisted.trial.unittest import SynchronousTestCase

from netlab.http.files import StaticFiles
from netlab.http.message import FileSlice, Request
from tests.http.wire import Client, folder, get, responses

MODIFIED = 784_111_777  # 1994-11-06 08:49:37


class FilesTests(SynchronousTestCase):
    """A folder with a file of each kind."""

    def setUp(self) -> None:
        self.root = folder(self)
        (self.root / "index.html").write_text("<p>home")
        (self.root / "f.txt").write_bytes(b"content")
        os.utime(self.root / "f.txt", (MODIFIED, MODIFIED))
        (self.root / "empty").write_bytes(b"")
        (self.root / "sub").mkdir()
        (self.root / "ünï côde.txt").write_text("named")
        (self.root / os.fsdecode(b"latin-\xe9")).write_text("octets")
        os.mkfifo(self.root / "pipe")
        self.client = Client([StaticFiles(self.root)])

    def ask(self, target: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        (response,) = responses(self.client.send(get(target, method=method)), method)
        return response

    def test_file(self) -> None:
        """A file comes with its type, length and date."""
        status, fields, body = self.ask("/f.txt")
        self.assertEqual((status, body), (200, b"content"))
        self.assertEqual(fields["content-type"], "text/plain; charset=utf-8")
        self.assertEqual(fields["content-length"], "7")
        self.assertEqual(fields["last-modified"], "Sun, 06 Nov 1994 08:49:37 GMT")
        self.assertEqual(fields["x-content-type-options"], "nosniff")

    def test_head(self) -> None:
        """HEAD says the same of it, without its octets."""
        whole, head = self.ask("/f.txt"), self.ask("/f.txt", "HEAD")
        self.assertEqual((head[0], head[1], head[2]), (200, whole[1], b""))
        self.assertEqual(self.ask("/nothing", "HEAD")[::2], (404, b""))

    def test_statuses(self) -> None:
        """Each path has its status; names are octets, whatever their encoding."""
        for target, status, content in (
            ("/", 200, b"<p>home"),
            ("/empty", 200, b""),
            ("/%C3%BCn%C3%AF%20c%C3%B4de.txt", 200, b"named"),
            ("/latin-%E9", 200, b"octets"),
            ("/nothing", 404, None),
            ("/sub/", 404, None),
            ("/f.txt/", 404, None),
            ("/pipe", 404, None),
            ("/../f.txt", 400, None),
            ("/%00", 400, None),
            ("*", 400, None),
        ):
            with self.subTest(target=target):
                found, _, body = self.ask(target)
                self.assertEqual(found, status)
                if content is not None:
                    self.assertEqual(body, content)

    def test_missing_page(self) -> None:
        """A missing file is told in a page that a person can read."""
        _, fields, body = self.ask("/nothing")
        self.assertIn(b"<h1>404 Not Found</h1>", body)
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")

    def test_folder_without_slash(self) -> None:
        """A folder's address ends in a slash."""
        status, fields, _ = self.ask("/sub?x")
        self.assertEqual((status, fields["location"]), (301, "/sub/?x"))

    def test_methods(self) -> None:
        """What files do not do is refused with what they do, what nobody knows with 501."""
        for method, status in (
            ("POST", 405),
            ("PUT", 405),
            ("DELETE", 405),
            ("PATCH", 405),
            ("TRACE", 405),
            ("CONNECT", 405),
            ("OPTIONS", 204),
            ("FOO", 501),
            ("get", 501),
        ):
            with self.subTest(method=method):
                found, fields, _ = self.ask("/f.txt", method) if method != "CONNECT" else self.connect()
                self.assertEqual(found, status)
                self.assertEqual(fields.get("allow"), "GET, HEAD, OPTIONS" if status != 501 else None)
        self.assertEqual(self.ask("*", "OPTIONS")[0], 204)

    def connect(self) -> tuple[int, dict[str, str], bytes]:
        return responses(self.client.send(get("a:80", method="CONNECT")))[0]

    def test_file_that_vanishes(self) -> None:
        """A file that goes between look and open is missing; one that turns into a pipe too."""
        files = StaticFiles(self.root)
        tree = files._tree
        for change in (os.unlink, self.turn_into_pipe):
            with self.subTest(change=change):

                def status(path: str, change: object = change) -> os.stat_result:
                    result = os.stat(path)
                    if path.endswith("f.txt"):
                        change(path)  # type: ignore[operator]
                    return result

                (self.root / "f.txt").write_text("x")
                files._tree = type(tree)(tree.root, tree.index, tree.resolve, status)
                self.client = Client([files])
                self.assertEqual(self.ask("/f.txt")[0], 404)

    @staticmethod
    def turn_into_pipe(path: str) -> None:
        os.unlink(path)
        os.mkfifo(path)

    @skipIf(os.geteuid() == 0, "root may read everything")
    def test_unreadable(self) -> None:
        """What the server may not read is forbidden."""
        (self.root / "f.txt").chmod(0)
        self.assertEqual(self.ask("/f.txt")[0], 403)

    def test_forbidden(self) -> None:
        """What the server may not even look at is forbidden too."""
        files = StaticFiles(self.root)

        def refuse(path: str) -> str:
            raise PermissionError(13, "Permission denied", path)

        files._tree = type(files._tree)(str(self.root), "index.html", refuse, os.stat)
        self.client = Client([files])
        self.assertEqual(self.ask("/f.txt")[0], 403)

    def test_no_folder(self) -> None:
        """A root that is no folder is the caller's mistake."""
        with tempfile.NamedTemporaryFile() as file:
            for root in (file.name, "/nothing/there"):
                self.assertRaises(ValueError, StaticFiles, root)

    def test_whole_slice(self) -> None:
        """The answer hands on an open file, not its content, unless that is small."""
        (self.root / "long").write_bytes(bytes(100_000))
        response = StaticFiles(self.root)(Request("GET", "/long", (1, 1)))
        assert isinstance(response.body, FileSlice)
        length = 100_000
        self.assertEqual((response.body.start, response.body.length, response.length), (0, length, length))
        response.body.file.close()


class SelectionTests(SynchronousTestCase):
    """Which octets of a file a request gets."""

    CONTENT = bytes(range(256)) * 4

    def setUp(self) -> None:
        self.root = folder(self)
        (self.root / "f.bin").write_bytes(self.CONTENT)
        os.utime(self.root / "f.bin", (MODIFIED, MODIFIED))
        self.client = Client([StaticFiles(self.root, now=lambda: MODIFIED + 3600)])

    def ask(self, target: str, *lines: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        (response,) = responses(self.client.send(get(target, *lines, method=method)), method)
        return response

    def test_revalidation(self) -> None:
        """The validators of a response bring a 304 with the same validators, and no content."""
        _, fields, _ = self.ask("/f.bin")
        for condition in (
            f"If-None-Match: {fields['etag']}",
            f"If-Modified-Since: {fields['last-modified']}",
        ):
            status, again, body = self.ask("/f.bin", condition)
            self.assertEqual((status, body), (304, b""))
            self.assertEqual(
                (again["etag"], again["last-modified"]), (fields["etag"], fields["last-modified"])
            )
            self.assertNotIn("content-length", again)
        self.assertEqual(self.ask("/f.bin", 'If-Match: "other"')[0], 412)

    def test_tag_changes(self) -> None:
        """A changed file and a replaced one have other tags."""
        tags = {self.ask("/f.bin")[1]["etag"]}
        os.utime(self.root / "f.bin", ns=(0, MODIFIED * 10**9 + 1))
        tags.add(self.ask("/f.bin")[1]["etag"])
        (self.root / "g").write_bytes(self.CONTENT)
        os.utime(self.root / "g", ns=(0, MODIFIED * 10**9 + 1))
        os.replace(self.root / "g", self.root / "f.bin")
        tags.add(self.ask("/f.bin")[1]["etag"])
        self.assertEqual(len(tags), 3)

    def test_date_of_the_future(self) -> None:
        """No file was changed after the response that brings it (RFC 9110 §8.8.2.1)."""
        os.utime(self.root / "f.bin", (MODIFIED + 10**6, MODIFIED + 10**6))
        self.assertEqual(self.ask("/f.bin")[1]["last-modified"], "Sun, 06 Nov 1994 09:49:37 GMT")

    def test_one_range(self) -> None:
        """One range is a 206 with its place."""
        status, fields, body = self.ask("/f.bin", "Range: bytes=10-19")
        self.assertEqual((status, body), (206, self.CONTENT[10:20]))
        self.assertEqual(fields["content-range"], "bytes 10-19/1024")
        self.assertEqual(fields["content-type"], "application/octet-stream")

    def test_several_ranges(self) -> None:
        """Several are parts, each with its type and place, as an e-mail parser reads them."""
        status, fields, body = self.ask("/f.bin", "Range: bytes=0-1,500-509,-3")
        self.assertEqual((status, int(fields["content-length"])), (206, len(body)))
        message = email.message_from_bytes(
            b"Content-Type: " + fields["content-type"].encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
        )
        self.assertEqual(message.get_content_type(), "multipart/byteranges")
        parts = {part["Content-Range"]: part.get_payload(decode=True) for part in message.iter_parts()}
        self.assertEqual(
            parts,
            {
                "bytes 0-1/1024": self.CONTENT[:2],
                "bytes 500-509/1024": self.CONTENT[500:510],
                "bytes 1021-1023/1024": self.CONTENT[-3:],
            },
        )

    def test_no_amplification(self) -> None:
        """However many ranges overlap, no more than the file is sent."""
        many = ",".join(["0-"] * 100)
        for value in (many, many + ",0-" * 1000):
            _, fields, _ = self.ask("/f.bin", f"Range: bytes={value}")
            self.assertLess(int(fields["content-length"]), 1200)

    def test_unsatisfiable(self) -> None:
        """Octets that the file has not are 416, with its size."""
        status, fields, _ = self.ask("/f.bin", "Range: bytes=1024-")
        self.assertEqual((status, fields["content-range"]), (416, "bytes */1024"))

    def test_other_rules(self) -> None:
        """HEAD has no ranges; a precondition comes first; If-Range decides."""
        tag = self.ask("/f.bin")[1]["etag"]
        one = "Range: bytes=0-0"
        self.assertEqual(self.ask("/f.bin", one, method="HEAD")[0], 200)
        self.assertEqual(self.ask("/f.bin", one, f"If-None-Match: {tag}")[0], 304)
        self.assertEqual(self.ask("/f.bin", one, f"If-Range: {tag}")[0], 206)
        self.assertEqual(self.ask("/f.bin", one, 'If-Range: "other"')[0], 200)
        self.assertEqual(self.ask("/f.bin", "Range: lines=0-0")[0], 200)

    def test_siblings(self) -> None:
        """An encoded sibling is sent to who likes it best, with its own length and tag, and Vary for all."""
        (self.root / "a.css").write_bytes(b"body {}")
        (self.root / "a.css.gz").write_bytes(b"gzipped")
        (self.root / "a.css.br").write_bytes(b"brotli")
        found = [
            self.ask("/a.css", f"Accept-Encoding: {accepted}")
            for accepted in ("identity", "gzip", "gzip, br", "gzip;q=0")
        ]
        self.assertEqual([body for _, _, body in found], [b"body {}", b"gzipped", b"brotli", b"body {}"])
        self.assertEqual(
            [fields.get("content-encoding") for _, fields, _ in found], [None, "gzip", "br", None]
        )
        self.assertEqual({fields["vary"] for _, fields, _ in found}, {"Accept-Encoding"})
        self.assertEqual({fields["content-type"] for _, fields, _ in found}, {"text/css; charset=utf-8"})
        self.assertEqual(len({fields["etag"] for _, fields, _ in found}), 3)
        self.assertNotIn("vary", self.ask("/f.bin", "Accept-Encoding: gzip")[1])

    def test_stale_sibling(self) -> None:
        """A sibling older than its file, or no file at all, is not counted."""
        (self.root / "f.bin.gz").write_bytes(b"old")
        os.utime(self.root / "f.bin.gz", (MODIFIED - 1, MODIFIED - 1))
        (self.root / "f.bin.br").mkdir()
        _, fields, body = self.ask("/f.bin", "Accept-Encoding: gzip, br")
        self.assertEqual(body, self.CONTENT)
        self.assertNotIn("vary", fields)

    def test_archive(self) -> None:
        """An archive is its own content, and not an encoding of another."""
        (self.root / "p.tar.gz").write_bytes(b"archive")
        _, fields, _ = self.ask("/p.tar.gz", "Accept-Encoding: gzip")
        self.assertNotIn("content-encoding", fields)
        self.assertEqual(fields["content-type"], "application/gzip")

    def test_own_error_page(self) -> None:
        """A file 404.html in the root is the page for what is missing."""
        (self.root / "404.html").write_bytes(b"<p>lost")
        status, fields, body = self.ask("/nothing")
        self.assertEqual((status, body), (404, b"<p>lost"))
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")
        self.assertEqual(self.ask("/nothing", method="HEAD")[2], b"")

    def test_dotfiles_and_links(self) -> None:
        """What is not served by default is where it is asked for."""
        outside = folder(self)
        (outside / "o").write_text("outside")
        (self.root / ".d").write_text("dot")
        (self.root / "link").symlink_to(outside / "o")
        self.assertEqual([self.ask(target)[0] for target in ("/.d", "/link")], [404, 404])
        self.client = Client([StaticFiles(self.root, dotfiles=True, follow_symlinks=True)])
        self.assertEqual([self.ask(target)[2] for target in ("/.d", "/link")], [b"dot", b"outside"])
