"""`StaticFiles` on a real folder: which status, which fields, which octets."""

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
        """The answer hands on an open file, not its content."""
        response = StaticFiles(self.root)(Request("GET", "/f.txt", (1, 1)))
        assert isinstance(response.body, FileSlice)
        self.assertEqual((response.body.start, response.body.length, response.length), (0, 7, 7))
        response.body.file.close()
