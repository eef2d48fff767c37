"""What a path names: rules told on a made-up file system, and once on a real one with links."""

import errno
import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from netlab.http.target import parse_path
from netlab.http.tree import Folder, Found, Missing, Redirect, Tree
from tests.http.wire import folder

FILE, FOLDER, PIPE = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFIFO | 0o644
THINGS = {
    "/www": FOLDER,
    "/www/index.html": FILE,
    "/www/a.txt": FILE,
    "/www/.secret": FILE,
    "/www/docs": FOLDER,
    "/www/docs/index.html": FILE,
    "/www/bare": FOLDER,
    "/www/nested": FOLDER,
    "/www/nested/index.html": FOLDER,
    "/www/pipe": PIPE,
    "/www/\\evil.example": FOLDER,
    "/wwwsecret": FILE,
    "/etc/passwd": FILE,
}
LINKS = {"/www/out": "/etc/passwd", "/www/near": "/wwwsecret", "/www/in": "/www/a.txt"}


def resolve(path: str) -> str:
    if path == "/www/locked":
        raise PermissionError(errno.EACCES, "Permission denied")
    if len(path) > 255:
        raise OSError(errno.ENAMETOOLONG, "File name too long")
    real = LINKS.get(path, path)
    if real not in THINGS:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")
    return real


def status(path: str) -> os.stat_result:
    return os.stat_result((THINGS[path], *[0] * 9))


TREE = Tree("/www", "index.html", resolve, status)

NAMES = {
    "/": Found("/www/index.html", "index.html", "/www/index.html"),
    "/a.txt": Found("/www/a.txt", "a.txt", "/www/a.txt"),
    "/a.txt?x": Found("/www/a.txt", "a.txt", "/www/a.txt"),
    "/in": Found("/www/a.txt", "in", "/www/in"),
    "/docs/": Found("/www/docs/index.html", "index.html", "/www/docs/index.html"),
    "/docs": Redirect("/docs/"),
    "/bare/": Folder("/www/bare"),
    "/nested/": Folder("/www/nested"),
    "/docs?a=b": Redirect("/docs/?a=b"),
    "/%64ocs": Redirect("/docs/"),
    "/%5Cevil.example": Redirect("/%5Cevil.example/"),
    "/\\evil.example": Redirect("/%5Cevil.example/"),
}
MISSING = (
    "/nothing",
    "/a.txt/",
    "/a.txt/b",
    "/pipe",
    "/out",
    "/near",
    "/.secret",
    "/docs/.git/config",
    "/" + "a" * 300,
)


class TreeTests(SynchronousTestCase):
    """`Tree.find`"""

    def test_names(self) -> None:
        """A path names a file, a folder's index, or a folder whose slash is missing."""
        for target, expected in NAMES.items():
            with self.subTest(target=target):
                self.assertEqual(TREE.find(parse_path(target)), expected)

    def test_missing(self) -> None:
        """Dotfiles, what lies outside the root, and what is neither file nor folder are not there."""
        for target in MISSING:
            with self.subTest(target=target):
                self.assertIsInstance(TREE.find(parse_path(target)), Missing)

    def test_forbidden(self) -> None:
        """What may not be looked at is told apart from what is missing."""
        self.assertRaises(PermissionError, TREE.find, parse_path("/locked"))

    def test_root_of_all(self) -> None:
        """The root of the file system can be the root too."""
        tree = Tree("/", "index.html", resolve, status)
        self.assertEqual(tree.find(parse_path("/www/a.txt")), Found("/www/a.txt", "a.txt", "/www/a.txt"))

    def test_real_links(self) -> None:
        """A link inside the root is followed; one that leaves it, by whatever way, is not."""
        top = folder(self)
        root = top / "www"
        root.mkdir()
        (top / "secret").write_text("s")
        (root / "a").write_text("a")
        (root / "in").symlink_to("a")
        (root / "out").symlink_to(top / "secret")
        (root / "up").symlink_to("..")
        (root / "loop").symlink_to("loop")
        tree = Tree(str(root), "index.html", lambda path: os.path.realpath(path, strict=True), os.stat)
        self.assertEqual(tree.find(parse_path("/in")), Found(str(root / "a"), "in", str(root / "in")))
        for target in ("/out", "/up", "/up/", "/up/secret", "/loop"):
            with self.subTest(target=target):
                self.assertIsInstance(tree.find(parse_path(target)), Missing)
