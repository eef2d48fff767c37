"""A folder's listing: its order, its escaping, and who gets which form."""

import os
from html.parser import HTMLParser
from json import loads
from unicodedata import category
from urllib.parse import unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.files import StaticFiles
from netlab.http.listing import Entry, html, json, prefers_json
from netlab.http.target import parse_path
from tests.http.wire import Client, folder, get, responses

MODIFIED = 784_111_777.5  # 1994-11-06 08:49:37

VOID = {"meta"}

names = st.one_of(
    st.binary(min_size=1, max_size=40).map(os.fsdecode),
    st.text(st.sampled_from("<>&\"'`=/;:%?#\\ \n\r\t\x1b\x7f\u202e\ud7ffab"), min_size=1, max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
).map(lambda name: name.replace("/", "_").replace("\0", "_"))


def a_file(name: str, size: int = 0, modified: float = MODIFIED) -> Entry:
    return Entry(name, False, size, modified)


def a_folder(name: str, modified: float = MODIFIED) -> Entry:
    return Entry(name, True, 4096, modified)


class Page(HTMLParser):
    """A page taken apart: its elements in order, the rows of its table, every link."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []  # with the element each is in
        self.feed(octets.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            raise AssertionError(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if data.strip("\n"):
            self.texts.append((self.open[-1], data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def links(self) -> list[str]:
        """Where the links to entries lead."""
        links = [attributes["href"] or "" for attributes in self.all("a")]
        return [link for link in links if link.startswith("./")]

    def words(self, tag: str) -> list[str]:
        """The text of every such element."""
        return [text for name, text in self.texts if name == tag]


def page(*entries: Entry, query: str = "", title: str = "/a/", top: bool = False) -> Page:
    return Page(html(title, entries, query, top))


class OrderTests(SynchronousTestCase):
    """In which order a page has its entries."""

    ENTRIES = (
        a_file("b", 30, 100.0),
        a_file("C", 10, 300.0),
        a_folder("z", 50.0),
        a_file("a", 20, 100.0),
        a_folder("Y", 60.0),
    )

    def order(self, query: str) -> str:
        return "".join(link[2] for link in page(*self.ENTRIES, query=query).links)

    def test_orders(self) -> None:
        """Folders come first; equals are in the order of their names; what is unknown is ignored."""
        for query, order in (
            ("", "YzabC"),
            ("?sort=name", "YzabC"),
            ("?sort=name&order=desc", "zYCba"),
            ("?sort=size", "YzCab"),
            ("?sort=size&order=desc", "YzbaC"),
            ("sort=date&order=asc", "zYabC"),
            ("?order=desc&sort=date", "YzCab"),
            ("?sort=colour&order=sideways", "YzabC"),
            ("?C=M;O=D&&=&sort", "YzabC"),
            ("?sort=%ff&order=%", "YzabC"),
            ("?<script>", "YzabC"),
        ):
            with self.subTest(query=query):
                self.assertEqual(self.order(query), order)

    def test_headings(self) -> None:
        """A heading sorts by its column; the one that is sorted by says so, and turns the order."""
        for query, sorts, links in (
            ("", ["ascending", None, None], ["name&order=desc", "size&order=asc", "date&order=asc"]),
            (
                "?sort=size",
                [None, "ascending", None],
                ["name&order=asc", "size&order=desc", "date&order=asc"],
            ),
            (
                "?sort=date&order=desc",
                [None, None, "descending"],
                ["name&order=asc", "size&order=asc", "date&order=asc"],
            ),
        ):
            with self.subTest(query=query):
                found = page(*self.ENTRIES, query=query)
                heads = [head for head in found.all("th") if head["scope"] == "col"]
                self.assertEqual([head.get("aria-sort") for head in heads], sorts)
                hrefs = [link["href"] or "" for link in found.all("a")]
                self.assertEqual(
                    [href for href in hrefs if href.startswith("?")], [f"?sort={link}" for link in links]
                )

    def test_json(self) -> None:
        """The array is in the order of the plain page."""
        self.assertEqual("".join(item["name"] for item in loads(json(self.ENTRIES))), "YzabC")


class PageTests(SynchronousTestCase):
    """What stands on a page."""

    def test_rows(self) -> None:
        """A file has its size, to the octet too, and its date; a folder has a slash and no size."""
        found = page(a_file("f.txt", 1_536), a_folder("sub"))
        self.assertEqual(found.links, ["./sub/", "./f.txt"])
        self.assertEqual(found.words("a")[-2:], ["sub/", "f.txt"])
        self.assertEqual(found.words("td"), ["1.5 KiB"])
        self.assertEqual([cell.get("title") for cell in found.all("td")], [None, None, "1536 B", None])
        self.assertEqual(found.all("time"), [{"datetime": "1994-11-06T08:49:37Z"}] * 2)
        self.assertEqual(found.words("time"), ["1994-11-06 08:49"] * 2)

    def test_sizes(self) -> None:
        """Sizes are in units that a person can compare, and never 1024 of one."""
        for size, text in (
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_525, "1.0 MiB"),
            (5 * 2**30, "5.0 GiB"),
            (2**63 - 1, "8.0 EiB"),
            (2**80, "1048576.0 EiB"),
        ):
            with self.subTest(size=size):
                self.assertEqual(page(a_file("f", size)).words("td"), [text])

    def test_dates(self) -> None:
        """Whatever a file system takes for a time is a date of four digits of year."""
        for seconds, date in (
            (-0.5, "1969-12-31T23:59:59Z"),
            (253_402_300_799.99, "9999-12-31T23:59:59Z"),
            (1e19, "9999-12-31T23:59:59Z"),
            (-1e19, "0001-01-01T00:00:00Z"),
        ):
            with self.subTest(seconds=seconds):
                self.assertEqual(page(a_file("f", 0, seconds)).all("time"), [{"datetime": date}])

    def test_parent(self) -> None:
        """Every folder but the top one leads to its parent."""
        for top in (False, True):
            hrefs = [link["href"] for link in page(a_file("f"), top=top).all("a")]
            self.assertEqual("../" in hrefs, not top)

    def test_empty(self) -> None:
        """An empty folder says so, and has no table."""
        found = page()
        self.assertEqual(found.words("p"), ["This folder is empty."])
        self.assertEqual((found.all("table"), found.open), ([], []))

    def test_title(self) -> None:
        """The title is text, whatever it holds."""
        found = page(a_file("f"), title="/</title><script>/\udcff\n/")
        self.assertEqual(found.words("h1"), ["/</title><script>/\ufffd\ufffd/"])
        self.assertEqual(found.all("script"), [])
        self.assertIn(b"<title>/&lt;/title&gt;&lt;script&gt;/", html("/</title><script>/", (), "", True))

    def test_shown(self) -> None:
        """What cannot be seen is shown as U+FFFD; blanks and joiners are seen in what is around them."""
        for name, shown in (
            ("\x1b[2J\n\x7f", "\ufffd[2J\ufffd\ufffd"),
            ("a\u202egpj.exe", "a\ufffdgpj.exe"),
            ("\udcff\u2028\ufffe", "\ufffd\ufffd\ufffd"),
            ("9.41\u202fAM\u3000\xa0", "9.41\u202fAM\u3000\xa0"),
            ("نمی\u200cشود 👩\u200d🔬", "نمی\u200cشود 👩\u200d🔬"),
            ("ünï côde", "ünï côde"),
        ):
            with self.subTest(name=name):
                self.assertEqual(page(a_file(name)).words("a")[-1], shown)

    def test_no_scheme(self) -> None:
        """A name is always a file of this folder, however much it looks like another address."""
        for name, link in (
            ("javascript:x", "./javascript%3Ax"),
            ("a?b#c%20", "./a%3Fb%23c%2520"),
            ("\\evil.example", "./%5Cevil.example"),
            ("latin-\udce9", "./latin-%E9"),
        ):
            with self.subTest(name=name):
                self.assertEqual(page(a_file(name)).links, [link])

    @given(
        st.lists(st.builds(Entry, names, st.booleans(), st.integers(0), st.floats(allow_nan=False))), names
    )
    def test_any_name(self, entries: list[Entry], title: str) -> None:
        """Whatever the names, the page has our elements only, and each link gives back a name's octets."""
        found = page(*entries, title=title)
        plain = page(*(Entry("x", entry.folder, 0, 0.0) for entry in entries))
        self.assertEqual(found.open, [])
        self.assertEqual([tag for tag, _ in found.elements], [tag for tag, _ in plain.elements])
        for (tag, attributes), (_, expected) in zip(found.elements, plain.elements, strict=True):
            self.assertEqual(attributes.keys() - {"title"}, expected.keys() - {"title"}, tag)
        octets = [unquote_to_bytes(link[2:].removesuffix("/")) for link in found.links]
        self.assertEqual(sorted(octets), sorted(os.fsencode(entry.name) for entry in entries))
        for text in found.words("a") + found.words("h1"):
            self.assertFalse({"Cc", "Cs"} & set(map(category, text)), text)

    @given(names.filter(lambda name: name not in (".", "..")), st.booleans())
    def test_link_is_understood(self, name: str, is_folder: bool) -> None:
        """The server that gets a link's target finds the name that the link was made of."""
        (link,) = page(Entry(name, is_folder, 0, 0.0)).links
        path = parse_path("/" + link[2:])
        self.assertEqual((path.segments, path.folder), ((name,), is_folder))


class JSONTests(SynchronousTestCase):
    """The listing for programs."""

    def test_objects(self) -> None:
        """One object for each entry."""
        self.assertEqual(
            loads(json([a_file("ünï", 13), a_folder("sub")])),
            [
                {"name": "sub", "type": "folder", "size": None, "modified": "1994-11-06T08:49:37Z"},
                {"name": "ünï", "type": "file", "size": 13, "modified": "1994-11-06T08:49:37Z"},
            ],
        )
        self.assertEqual(json([]), b"[]\n")
        self.assertIn("ünï".encode(), json([a_file("ünï")]))

    @given(st.lists(names, max_size=5, unique=True))
    def test_any_name(self, found: list[str]) -> None:
        """Whatever the names, the array is UTF-8 and has them all; no other octet is lost."""
        array = loads(json([a_file(name) for name in found]).decode("utf-8", "strict"))
        self.assertEqual(
            sorted(item["name"] for item in array),
            sorted("".join("\ufffd" if category(c) == "Cs" else c for c in name) for name in found),
        )


class PreferenceTests(SynchronousTestCase):
    """`prefers_json`"""

    def test_preferences(self) -> None:
        """Only who weighs JSON higher than HTML gets it."""
        for accept, json_first in (
            (None, False),
            ("", False),
            ("*/*", False),
            ("application/json", True),
            ("Application/JSON ; charset=utf-8", True),
            ("application/json, text/html", False),
            ("application/json, */*", True),
            ("application/json, text/plain, */*", True),
            ("application/json, */*;q=0.5", True),
            ("application/json;q=0.9, text/html", False),
            ("text/html;q=0.8,application/json;q=0.9", True),
            ("text/html;Q=0.8 , application/json;v=1; q=0.801", True),
            ("application/*, text/*;q=0.9", True),
            ("text/html;q=0, */*", True),
            ("application/json;q=0", False),
            ("application/json;q=0, */*", False),
            ("application/json;q=2", False),
            ("application/json;q=0.1234", False),
            ("application/json;q=0.1, application/json;q=0.9, text/html;q=0.5", True),
            ("application/jsonp, text/plain", False),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", False),
            (",;,=,;q=,", False),
        ):
            with self.subTest(accept=accept):
                self.assertEqual(prefers_json(accept), json_first)

    @given(st.text(st.sampled_from('applicationjsontexthtml/*;q=0.1, \t"')) | st.text())
    def test_any(self, accept: str) -> None:
        """Whatever the field says, there is an answer."""
        self.assertIn(prefers_json(accept), (True, False))


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
        self.assertEqual([entry["name"] for entry in loads(body)], ["sub", "f"])
        (_, fields, body) = responses(client.send(get("/sub/")))[0]
        self.assertEqual(fields["content-type"], "text/html; charset=utf-8")
        self.assertIn({"href": "../"}, Page(body).all("a"))
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
        self.assertEqual(loads(body), [])
