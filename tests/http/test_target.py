"""Request targets: which paths they name, and which name nothing."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.framing import Malformed
from netlab.http.target import Path, parse_path

PATHS = {
    "/": ((), True),
    "/a": (("a",), False),
    "/a/": (("a",), True),
    "/a/b.txt": (("a", "b.txt"), False),
    "/%C3%BCn%C3%AF.txt": (("ünï.txt",), False),
    "/sp%20ace/f+g": (("sp ace", "f+g"), False),
    "/%ff": (("\udcff",), False),
    "/a%5cb": (("a\\b",), False),
    "/...": (("...",), False),
    "http://a.example/x": (("x",), False),
    "HTTP://a.example": ((), True),
    "https://a.example:443?q": ((), True),
}

REFUSED = (
    "*",
    "a.example:80",
    "a",
    "ftp://a/b",
    "http://",
    "/#x",
    "/..",
    "/../etc/passwd",
    "/%2e%2e/x",
    "/.%2E",
    "/a/./b",
    "//evil.example/%2f..",
    "/a//b",
    "/%00",
    "/a%2fb",
    "/%2f",
    "/%",
    "/%4",
    "/%zz",
)


class TargetTests(SynchronousTestCase):
    """`parse_path`"""

    def test_paths(self) -> None:
        """Origin and absolute form are split at the slashes, then decoded."""
        for target, (segments, folder) in PATHS.items():
            with self.subTest(target=target):
                path = parse_path(target)
                self.assertEqual((path.segments, path.folder), (segments, folder))

    def test_query(self) -> None:
        """The query is no part of the path, whatever it holds."""
        self.assertEqual(parse_path("/a%20b/?c/../d%"), Path(("a b",), True, "/a%20b/", "?c/../d%"))

    def test_refused(self) -> None:
        """Whatever could lead out of a folder, or names nothing, is a bad request."""
        for target in REFUSED:
            with self.subTest(target=target):
                self.assertEqual(self.assertRaises(Malformed, parse_path, target).status, 400)

    @given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40))
    def test_any(self, text: str) -> None:
        """Whatever the target, no segment that comes out can leave the folder it is joined to."""
        try:
            path = parse_path("/" + text)
        except Malformed:
            return
        for segment in path.segments:
            self.assertNotIn(segment, ("", ".", ".."))
            self.assertFalse({"/", "\0"} & set(segment))
