"""What a site's owner asks for: globs against an oracle, and what each rule does to a request."""

import os
import time
from base64 import b64encode
from hashlib import scrypt
from unittest import mock
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http import rules as module
from netlab.http.message import Fields, Request, Response
from netlab.http.rules import (
    AddedFields,
    Cors,
    Protected,
    Redirect,
    Rules,
    Secret,
    compile_glob,
    is_plain,
)
from netlab.http.serialize import require_sendable

GLOBS = [
    ("/", "/", True),
    ("/", "/a", False),
    ("/a", "/a/", False),
    ("/a.b", "/axb", False),
    ("/*", "/", True),
    ("/*", "/a", True),
    ("/*", "/a/", False),
    ("/*/", "/a/", True),
    ("/*.html", "/a.html.html", True),
    ("/*.html", "/a/b.html", False),
    ("/*a*b*c", "/xaxxbbxc", True),
    ("/*a*b*c", "/xaxxcbx", False),
    ("/*a*b*c", "/a/bc", False),
    ("/a?c", "/abc", True),
    ("/a?c", "/a/c", False),
    ("/a?", "/a", False),
    ("/a*?", "/a", False),
    ("/**", "/", True),
    ("/**", "/a/b/", True),
    ("/**", "/a\nb\n", True),
    ("/*", "/a\nb\n", True),
    ("/private/**", "/private/", True),
    ("/private/**", "/private/\n/x", True),
    ("/private/**", "/private", False),
    ("/private/**", "/privately", False),
    ("/**/x", "/x", True),
    ("/**/x", "/a/b/x", True),
    ("/**/x", "/a/bx", False),
    ("/**/**/x", "/x", True),
    ("/**/x/**", "/a/x/b", True),
    ("/**/x/**", "/a/x", False),
    ("/**/a/**/b", "/a/a/c/b/b", True),
    ("/**/a/**/b", "/b/a/c", False),
    ("/**/a/**/b", "/b", False),
    ("/**/*.tar.*", "/d/a.tar.b.tar.gz", True),
    ("/ü[a]+(", "/ü[a]+(", True),
    ("/\\", "/\\", True),
]
BAD_GLOBS = ("", "a", "*", "**", "//", "/a//b", "/.", "/../a", "/a/./b", "/a**", "/**a", "/***", "/a/**b/c")

SECRET = Secret(2, 1, 1, b"saltsalt", scrypt(b"pa:ss", salt=b"saltsalt", n=2, r=1, p=1, dklen=16))
OTHER = Secret(2, 1, 1, b"pepper..", scrypt(b"word", salt=b"pepper..", n=2, r=1, p=1, dklen=16))
STAFF = Protected(compile_glob("/private/**"), "Staff", {"alice": SECRET, "bob": OTHER})
PREFLIGHT = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET"))

# Pieces of which hostile paths are made; the decoded path of a request is made of octets.
PATHS = st.lists(
    st.sampled_from(
        ["/", "//", "..", ".", "old", "evil.example", "\\", "@", ":", "?", "#", "%", "\r\n", "\udcff"]
    )
    | st.binary(max_size=3).map(os.fsdecode)
).map(lambda pieces: "/" + "".join(pieces))
REDIRECTS = [
    Redirect(compile_glob(glob), to, 307, origin)
    for glob, to, origin in (
        ("/old/*", ("/", ""), ""),
        ("/old*/", ("/x", "/y?z="), ""),
        ("/o*", ("/", "/new"), ""),
        ("/x/**", ("/new?q=", "#a"), ""),
        ("/**", ("/", ""), "https://a.example:444"),
        ("/**", ("/", ""), ""),
    )
]


def request(*fields: tuple[str, str], method: str = "GET", target: str = "/") -> Request:
    return Request(method, target, (1, 1), Fields(fields))


def basic(credentials: str | bytes, scheme: str = "Basic ") -> Request:
    octets = credentials if isinstance(credentials, bytes) else credentials.encode()
    return request(("Authorization", scheme + b64encode(octets).decode()))


def oracle(glob: list[str], path: list[str]) -> bool:
    """Whether segments match, by the words of the promise and by trying everything."""
    if glob == ["**"]:
        return bool(path)
    if not glob or not path:
        return glob == path
    if glob[0] == "**":
        return any(oracle(glob[1:], path[skipped:]) for skipped in range(len(path)))
    return characters(glob[0], path[0]) and oracle(glob[1:], path[1:])


def characters(glob: str, segment: str) -> bool:
    if not glob or not segment:
        return not segment and not glob.strip("*")
    if glob[0] == "*":
        return characters(glob[1:], segment) or characters(glob, segment[1:])
    return glob[0] in ("?", segment[0]) and characters(glob[1:], segment[1:])


class GlobTests(SynchronousTestCase):
    """`compile_glob`"""

    def test_globs(self) -> None:
        """`*` and `?` stay within a segment, `**` is any segments; all else is itself."""
        for glob, path, expected in GLOBS:
            with self.subTest(glob=glob, path=path):
                self.assertEqual(compile_glob(glob).fullmatch(path) is not None, expected)

    def test_groups(self) -> None:
        """What each star stands for can be told; what a `**` in the middle does, not."""
        for glob, path, groups in (
            ("/a/*", "/a/b", ("b",)),
            ("/a/**", "/a/b/c", ("b/c",)),
            ("/**/**", "/b/c", ("b/c",)),
            ("/*a*/*", "/bac/d", ("b", "c", "d")),
            ("/**/?-*.x", "/a/b/c-d.x", ("d",)),
        ):
            with self.subTest(glob=glob):
                match = compile_glob(glob).fullmatch(path)
                assert match is not None
                self.assertEqual(match.groups(), groups)

    def test_refused(self) -> None:
        """What no path can match is refused, and so is a `**` that is not a segment."""
        for glob in BAD_GLOBS:
            with self.subTest(glob=glob):
                self.assertRaises(ValueError, compile_glob, glob)

    @settings(max_examples=400)
    @given(
        st.lists(
            st.just("**") | st.sampled_from(["*", "a", "*a", "a*b", "*a*b*", "?", "?*a", "b"]), min_size=1
        ),
        st.lists(st.sampled_from(["", "a", "b", "ab", "ba", "aab", "abab"]), min_size=1, max_size=6),
        st.booleans(),
    )
    def test_oracle(self, glob: list[str], path: list[str], folder: bool) -> None:
        """A glob matches exactly what trying every possibility finds."""
        glob = [*glob, ""] if folder and glob[-1] != "**" else glob
        found = compile_glob("/" + "/".join(glob)).fullmatch("/" + "/".join(path))
        self.assertEqual(found is not None, oracle(glob, path))

    def test_linear(self) -> None:
        """No glob and no path, however contrived, take more time than their lengths explain."""
        began = time.process_time()
        for glob in (
            "/" + "*a" * 30 + "b",
            "/" + "**/a/" * 30 + "b",
            "/" + "**/*a*a*/" * 30 + "b",
            "/" + "*?" * 30 + "b",
            "/**/" + "*/" * 30 + "b",
            "/" + "*/" * 30 + "**/b",
        ):
            pattern = compile_glob(glob)
            for path in ("/" + "a" * 16_000, "/a" * 8_000, "/" + "aaaa/" * 3_200, "/" * 16_000):
                self.assertIsNone(pattern.fullmatch(path))
        self.assertLess(time.process_time() - began, 5)

    def test_plain(self) -> None:
        """Empty and dot segments are found in the path, and not in the query."""
        for target, expected in (
            ("/", True),
            ("/a/", True),
            ("/.a/..b/...", True),
            ("/a?//..", True),
            ("/a#/../", True),
            ("//a", False),
            ("/a//", False),
            ("/a/..", False),
            ("/./a", False),
            ("/..?a", False),
            ("/a\n/..", False),
        ):
            with self.subTest(target=target):
                self.assertEqual(is_plain(target), expected)


class RedirectTests(SynchronousTestCase):
    """`Redirect`, and `Rules.before` with nothing else."""

    def test_locations(self) -> None:
        """What the star stands for is carried over, percent-encoded; the query goes along once."""
        for glob, to, path, query, location in (
            ("/old/*", ("/new/", ""), "/old/a b", "", "/new/a%20b"),
            (
                "/old/*",
                ("/new/", ""),
                "/old/a%&=+#?\udcff",
                "?x=%41#",
                "/new/a%25%26%3D%2B%23%3F%FF?x=%41%23",
            ),
            ("/old/**", ("/new/", ".html"), "/old/ü/b", "", "/new/%C3%BC/b.html"),
            ("/old/**", ("/new?path=", ""), "/old/a&b/c", "?q", "/new?path=a%26b/c"),
            ("/old/**", ("/new#", ""), "/old/a", "?q", "/new#a"),
            ("/old/**", ("/new",), "/old/a/b", "", "/new"),
            ("/old", ("/new",), "/old", "?a=/b", "/new?a=/b"),
            ("/old", ("/new",), "/older", "", None),
        ):
            with self.subTest(glob=glob, path=path):
                self.assertEqual(Redirect(compile_glob(glob), to).location(path, query), location)
        elsewhere = Redirect(compile_glob("/*"), ("/b/", ""), 301, "https://a.example")
        self.assertEqual(elsewhere.location("/@c", "?d"), "https://a.example/b/%40c?d")

    def test_not_elsewhere(self) -> None:
        """What would lead to another host, or up, is not led anywhere."""
        for glob, path in (
            ("/**", "//evil.example"),
            ("/**", "/../x"),
            ("/**", "/x/.."),
            ("/x*/", "/x../"),
            ("/**", "/.//evil.example"),
        ):
            with self.subTest(path=path):
                self.assertIsNone(Redirect(compile_glob(glob), ("/", "")).location(path, ""))

    def test_first(self) -> None:
        """The first redirect that matches answers, with its status; others go on."""
        rules = Rules(
            redirects=(
                Redirect(compile_glob("/a"), ("/1",), 302),
                Redirect(compile_glob("/*"), ("/2",)),
            )
        )
        for path, status, location in (("/a", 302, "/1?q"), ("/b", 308, "/2?q")):
            response = rules.before(request(target=f"{path}?q"), path)
            assert response is not None
            self.assertEqual((response.status, response.fields.get("location")), (status, location))
        self.assertIsNone(rules.before(request(), "/a/b"))
        self.assertIsNone(Rules().before(request(), "/a"))

    @given(
        PATHS,
        st.text() | PATHS,
        st.sampled_from(["GET", "OPTIONS"]),
        st.lists(
            st.tuples(
                st.sampled_from(["Origin", "Authorization", "Access-Control-Request-Method"]),
                st.text(st.characters(max_codepoint=255))
                | st.sampled_from(["https://a.example", "Basic YTpi"]),
            ),
            max_size=3,
        ),
    )
    def test_any(self, path: str, target: str, method: str, fields: list[tuple[str, str]]) -> None:
        """Whatever the request, there is no error, no field that ends its line, and no other host."""
        rules = Rules(
            redirects=tuple(REDIRECTS), cors=Cors(("https://a.example",)), auth=(STAFF,), spa="/index.html"
        )
        asked = Request(method, target, (1, 1), Fields(tuple(fields)))
        response = rules.before(asked, path)
        rules.fallback(asked, path)
        require_sendable(rules.after(asked, path, response or Response(200)).fields)
        location = response and response.fields.get("location")
        if location and not location.startswith("https://a.example:444/"):
            self.assertRegex(location, r"\A/(?![/\\])[!-~]*\Z")
            self.assertEqual(urlsplit(location).netloc, "")


class AuthTests(SynchronousTestCase):
    """RFC 7617"""

    def test_challenge(self) -> None:
        """Who has no right name and password is asked for them, below the glob and nowhere else."""
        rules = Rules(auth=(STAFF,))
        response = rules.before(request(), "/private/x")
        assert response is not None
        self.assertEqual(response.status, 401)
        challenge = 'Basic realm="Staff", charset="UTF-8"'
        self.assertEqual(response.fields.get("www-authenticate"), challenge)
        self.assertIsNone(rules.before(request(), "/public"))
        self.assertIsNone(rules.before(basic("alice:pa:ss"), "/private/x"))

    def test_credentials(self) -> None:
        """A known name with its own password is admitted, again and again; all else is not."""
        for asked, expected in (
            (basic("alice:pa:ss"), True),
            (basic("alice:pa:ss"), True),
            (basic("alice:pa:ss", "bAsIc   "), True),
            (basic("bob:word"), True),
            (basic("alice:word"), False),
            (basic("bob:pa:ss"), False),
            (basic("bob:"), False),
            (basic("alice"), False),
            (basic(":pa:ss"), False),
            (basic("mallory:pa:ss"), False),
            (basic("mallory:pa:ss"), False),
            (basic(b"\xff:pa:ss"), False),
            (basic("alice:pa:ss", "Bearer "), False),
            (basic("alice:pa:ss", "Basic"), False),
            (request(("Authorization", "Basic")), False),
            (request(("Authorization", "Basic YQ")), False),
            (request(("Authorization", "Basic ü")), False),
            (request(*basic("alice:pa:ss").fields, *basic("alice:pa:ss").fields), False),
            (request(), False),
        ):
            with self.subTest(asked=asked):
                self.assertEqual(STAFF.admits(asked), expected)

    def test_every_table(self) -> None:
        """What two tables protect, only who is in both may see, whatever their order."""
        inner = Protected(compile_glob("/private/alice/**"), "Alice", {"alice": SECRET})
        for auth in ((STAFF, inner), (inner, STAFF)):
            rules = Rules(auth=auth)
            self.assertIsNone(rules.before(basic("alice:pa:ss"), "/private/alice/x"))
            self.assertIsNotNone(rules.before(basic("bob:word"), "/private/alice/x"))
            self.assertIsNone(rules.before(basic("bob:word"), "/private/x"))

    def test_cost(self) -> None:
        """A right password is hashed once; a wrong one, and a name that is not known, every time."""
        staff = Protected(STAFF.glob, "Staff", STAFF.users)
        with mock.patch.object(module, "scrypt", wraps=scrypt) as hashing:
            for credentials, expected in (
                ("alice:pa:ss", 1),
                ("alice:pa:ss", 1),
                ("alice:wrong", 2),
                ("alice:wrong", 3),
                ("alice:pa:ss", 3),
                ("mallory:pa:ss", 4),
                ("mallory:pa:ss", 5),
                ("bob:word", 6),
                ("bob:word", 6),
            ):
                staff.admits(basic(credentials))
                self.assertEqual(hashing.call_count, expected, credentials)

    def test_vectors(self) -> None:
        """The test vectors of RFC 7914 §12, up to those that need a gigabyte."""
        empty = (
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
            "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
        )
        please = (
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
            "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        )
        self.assertTrue(Secret(16, 1, 1, b"", bytes.fromhex(empty)).matches(b""))
        secret = Secret(16384, 8, 1, b"SodiumChloride", bytes.fromhex(please))
        self.assertTrue(secret.matches(b"pleaseletmein"))
        self.assertFalse(secret.matches(b"pleaseletmeout"))

    def test_memory(self) -> None:
        """Costs past what the library takes by itself can be paid, too."""
        self.assertFalse(Secret(2**15, 8, 1, b"salt", bytes(16)).matches(b""))


class CorsTests(SynchronousTestCase):
    """The CORS protocol of the Fetch Standard."""

    def test_preflight(self) -> None:
        """A preflight is answered at once, also where a password is asked for and whoever asks."""
        rules = Rules(cors=Cors(("https://a.example",), ("GET", "PUT"), ("X-A", "X-B"), 60), auth=(STAFF,))
        allowed = (
            ("Access-Control-Allow-Methods", "GET, PUT"),
            ("Access-Control-Allow-Headers", "X-A, X-B"),
            ("Access-Control-Max-Age", "60"),
            ("Vary", "Origin"),
        )
        origin = ("Access-Control-Allow-Origin", "https://a.example")
        response = rules.before(request(*PREFLIGHT, method="OPTIONS"), "/private/x")
        self.assertEqual(response, Response(204, Fields((*allowed, origin))))
        other = request(("Origin", "https://b.example"), PREFLIGHT[1], method="OPTIONS")
        self.assertEqual(rules.before(other, "/"), Response(204, Fields(allowed)))

    def test_no_headers(self) -> None:
        """Where no header is allowed beyond the usual ones, none is named."""
        response = Cors(("*",)).preflight(request(*PREFLIGHT, method="OPTIONS"))
        assert response is not None
        self.assertIsNone(response.fields.get("access-control-allow-headers"))

    def test_no_preflight(self) -> None:
        """OPTIONS without either field, another method, or a site without CORS: none."""
        rules = Rules(cors=Cors(("*",)))
        self.assertIsNone(rules.before(request(PREFLIGHT[0], method="OPTIONS"), "/"))
        self.assertIsNone(rules.before(request(PREFLIGHT[1], method="OPTIONS"), "/"))
        self.assertIsNone(rules.before(request(*PREFLIGHT), "/"))
        self.assertIsNone(Rules().before(request(*PREFLIGHT, method="OPTIONS"), "/"))

    def test_marks(self) -> None:
        """A response says who may read it, and that this depends on the origin where it does."""
        a, b = ("Origin", "https://a.example"), ("Origin", "https://b.example")
        allow = "Access-Control-Allow-Origin"
        vary = ("Vary", "Origin")
        one, every = Cors(("https://a.example",)), Cors(("*",))
        private = Cors(("https://a.example", "https://c.example"), credentials=True)
        credentials = ("Access-Control-Allow-Credentials", "true")
        for cors, asked, expected in (
            (one, (a,), (vary, (allow, a[1]))),
            (one, (b,), (vary,)),
            (one, (a, a), (vary,)),
            (one, (), (vary,)),
            (every, (a,), ((allow, "*"),)),
            (every, (), ((allow, "*"),)),
            (private, (a,), (vary, (allow, a[1]), credentials)),
            (private, (b,), (vary,)),
        ):
            with self.subTest(cors=cors, asked=asked):
                response = Rules(cors=cors).after(request(*asked), "/", Response(404))
                self.assertEqual(response, Response(404, Fields(expected)))


class FieldTests(SynchronousTestCase):
    """`[[headers]]`"""

    rules = Rules(
        headers=(
            AddedFields(compile_glob("/**"), (("X-A", "1"), ("Vary", "Cookie"))),
            AddedFields(compile_glob("/b/*"), (("x-a", "2"), ("Content-Type", "text/x"))),
        )
    )

    def test_order(self) -> None:
        """Tables apply in order, and the last one wins; Vary alone grows."""
        before = Fields((("Content-Type", "text/html"), ("Vary", "Accept-Encoding"), ("ETag", '"e"')))
        at_a = (("X-A", "1"), ("Vary", "Cookie"))
        self.assertEqual(
            self.rules.after(request(), "/a", Response(200, before, b"body")),
            Response(200, Fields((*before, *at_a)), b"body"),
        )
        at_b = (*list(before)[1:], ("Vary", "Cookie"), ("x-a", "2"), ("Content-Type", "text/x"))
        self.assertEqual(self.rules.after(request(), "/b/c", Response(206, before)).fields, Fields(at_b))

    def test_statuses(self) -> None:
        """Only what succeeds, or is still the same, gets them."""
        for status, expected in ((200, "1"), (204, "1"), (304, "1"), (301, None), (404, None), (500, None)):
            with self.subTest(status=status):
                fields = self.rules.after(request(), "/", Response(status)).fields
                self.assertEqual(fields.get("x-a"), expected)

    def test_again(self) -> None:
        """A response that goes through twice has nothing twice."""
        rules = Rules(self.rules.headers, cors=Cors(("https://a.example",)))
        asked = request(("Origin", "https://a.example"))
        once = rules.after(asked, "/b/c", Response(200))
        twice = rules.after(asked, "/b/c", once)
        self.assertEqual(sorted(twice.fields), sorted(once.fields))


class FallbackTests(SynchronousTestCase):
    """`[spa]`"""

    def test_paths(self) -> None:
        """A GET or HEAD for what looks like a page gets the fallback."""
        rules = Rules(spa="/index.html")
        for method, path, expected in (
            ("GET", "/users/42", True),
            ("HEAD", "/users/", True),
            ("GET", "/v1.2/users", True),
            ("GET", "/app.js", False),
            ("GET", "/.env", False),
            ("POST", "/users/42", False),
        ):
            with self.subTest(method=method, path=path):
                found = rules.fallback(request(method=method), path)
                self.assertEqual(found, "/index.html" if expected else None)
        self.assertIsNone(Rules().fallback(request(), "/users"))

    def test_accept(self) -> None:
        """Accept has to admit text/html; the most specific range decides."""
        rules = Rules(spa="/index.html")
        for accept, expected in (
            ("", True),
            ("*/*", True),
            ("text/html", True),
            ("application/json, TEXT/* ;q=0.1", True),
            ("application/json", False),
            ("text/html;level=1;q=0.000, */*", False),
            ("text/*;q=0, */*", False),
            ("image/png, */*;q=0", False),
            ("*/*;q=0, text/html", True),
        ):
            with self.subTest(accept=accept):
                found = rules.fallback(request(("Accept", accept)), "/users")
                self.assertEqual(found is not None, expected)


class ErrorPageTests(SynchronousTestCase):
    """`[error-pages]`"""

    def test_pages(self) -> None:
        """A status has its own page, or that of its class, or none."""
        rules = Rules(error_pages={"404": "/404.html", "4xx": "/client.html"})
        for status, page in ((404, "/404.html"), (403, "/client.html"), (500, None)):
            self.assertEqual(rules.error_page(status), page)
