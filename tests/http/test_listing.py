"""Folders as pages and as JSON."""

import json
import os
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http import listing
from netlab.http.files import StaticFiles
from netlab.http.listing import Entry
from tests.http.wire import Client, folder, get, responses

NAMES = st.binary(min_size=1, max_size=30).map(
    lambda octets: os.fsdecode(octets.replace(b"/", b"_").replace(b"\0", b"_"))
)


class Reader(HTMLParser):
    """Collects the tags, the links and the texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.links += [value for name, value in attrs if name == "href"]


def read(page: bytes) -> Reader:
    reader = Reader()
    reader.feed(page.decode())
    reader.close()
    return reader


class ListingTests(SynchronousTestCase):
    """`html`, `json` and `prefers_json`"""

    ENTRIES = (Entry("b.txt", False, 2048, 100.0), Entry("a", True, 0, 300.0), Entry("c", False, 5, 200.0))

    def order(self, query: str) -> list[str]:
        page = read(listing.html("/x/", self.ENTRIES, query, top=True))
        return [link.removeprefix("./") for link in page.links if link.startswith("./")]

    def test_order(self) -> None:
        """Folders first, then as the query asks; what it cannot mean is by name."""
        for query, expected in (
            ("", ["a/", "b.txt", "c"]),
            ("?sort=name&order=desc", ["a/", "c", "b.txt"]),
            ("?sort=size", ["a/", "c", "b.txt"]),
            ("?sort=size&order=desc", ["a/", "b.txt", "c"]),
            ("?sort=date&order=desc", ["a/", "c", "b.txt"]),
            ("?sort=mood&order=x&%00=%ff", ["a/", "b.txt", "c"]),
        ):
            with self.subTest(query=query):
                self.assertEqual(self.order(query), expected)

    def test_parent(self) -> None:
        """Below the top there is a way up."""
        self.assertIn("../", read(listing.html("/x/", (), "", top=False)).links)
        self.assertNotIn("../", read(listing.html("/", (), "", top=True)).links)

    def test_figures(self) -> None:
        """Sizes for people with the exact number beside them, and dates that machines can read."""
        page = listing.html("/", self.ENTRIES, "", top=True)
        self.assertIn(b"2.0 KiB", page)
        self.assertIn(b"2048", page.replace(b",", b"").replace(b"\xe2\x80\xaf", b""))
        self.assertIn(b"1970-01-01T00:01:40Z", page)

    def test_accessible(self) -> None:
        """Heads have a scope, and the sorted one says so."""
        attributes = read(listing.html("/", self.ENTRIES, "?sort=size&order=desc", top=True)).attributes
        self.assertIn(("aria-sort", "descending"), attributes)
        self.assertIn(("scope", "col"), attributes)

    @given(NAMES, st.text(max_size=20))
    def test_any_name(self, name: str, query: str) -> None:
        """No name brings a tag of its own, and every link leads to its octets."""
        plain = read(listing.html("/", self.ENTRIES, "", top=True))
        page = read(listing.html(f"/{name}/", (Entry(name, False, 1, 0.0),), "?" + query, top=True))
        self.assertTrue(page.tags <= plain.tags)
        (link,) = [link for link in page.links if link.startswith("./")]
        self.assertEqual(unquote_to_bytes(link[2:]), os.fsencode(name))
        self.assertEqual(len(json.loads(listing.json((Entry(name, False, 1, 0.0),)))), 1)

    def test_json(self) -> None:
        """An object each."""
        found = json.loads(listing.json(self.ENTRIES))
        self.assertEqual({entry["name"] for entry in found}, {"a", "b.txt", "c"})
        (file,) = [entry for entry in found if entry["name"] == "b.txt"]
        self.assertEqual(
            file, {"name": "b.txt", "type": "file", "size": 2048, "modified": "1970-01-01T00:01:40Z"}
        )

    def test_preference(self) -> None:
        """JSON only for who likes it better than a page (RFC 9110 §12.5.1)."""
        for accept, expected in (
            (None, False),
            ("*/*", False),
            ("text/html,*/*;q=0.8", False),
            ("application/json", True),
            ("application/json;q=0.5, text/html;q=0.4", True),
            ("application/json;q=0.4, text/html;q=0.5", False),
            ("application/json, */*;q=0.1", True),
            ("application/json;q=0", False),
            ("application/*", True),
            ("nonsense;;q=x", False),
        ):
            with self.subTest(accept=accept):
                self.assertEqual(listing.prefers_json(accept), expected)

    def test_extremes(self) -> None:
        """Sizes and dates beyond all sense are written all the same."""
        for size, modified in ((0, -1e15), (1023, 0.5), (1024**2 - 1, 1e15), (2**80, 4e9)):
            listing.html("/", (Entry("x", False, size, modified),), "", top=True)
            listing.json((Entry("x", False, size, modified),))


class FolderTests(SynchronousTestCase):
    """Listings of a real folder."""

    def test_listed(self) -> None:
        """What is served is listed, and nothing else; an index comes first."""
        root = folder(self)
        (root / "f").write_text("x")
        (root / "sub").mkdir()
        (root / ".hidden").write_text("x")
        (root / "out").symlink_to("/etc/passwd")
        (root / "dead").symlink_to("nothing")
        os.mkfifo(root / "pipe")
        client = Client([StaticFiles(root, list_folders=True)])
        (status, fields, body) = responses(client.send(get("/", "Accept: application/json")))[0]
        self.assertEqual((status, fields["vary"]), (200, "Accept"))
        self.assertEqual(sorted(entry["name"] for entry in json.loads(body)), ["f", "sub"])
        (_, fields, body) = responses(client.send(get("/sub/")))[0]
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")
        self.assertIn("../", read(body).links)
        (root / "index.html").write_text("home")
        self.assertEqual(responses(client.send(get("/")))[0][2], b"home")

    def test_forbidden(self) -> None:
        """What the server may not look at is not listed."""
        root = folder(self)
        (root / "f").write_text("x")
        files = StaticFiles(root, list_folders=True)
        tree = files._tree

        def resolve(path: str) -> str:
            if path.endswith("/f"):
                raise PermissionError(13, "Permission denied")
            return tree.resolve(path)

        files._tree = type(tree)(tree.root, tree.index, resolve, tree.stat)
        (_, _, body) = responses(Client([files]).send(get("/", "Accept: application/json")))[0]
        self.assertEqual(json.loads(body), [])
