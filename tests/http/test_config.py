"""The file with a site's rules: what it may say, and how its mistakes are told."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import NetlabError
from netlab.http.config import hash_password, parse
from netlab.http.message import Fields, Request
from netlab.http.rules import AddedFields, Cors, Protected, Redirect, Rules, Secret, compile_glob
from netlab.toml import ConfigError

MANUAL = Path(__file__).parents[2] / "docs" / "http-config.md"
SALT, HASH = "c2FsdHNhbHQ=", "AAAAAAAAAAAAAAAAAAAAAA=="
SECRET = f"scrypt$2$1$1${SALT}${HASH}"

FULL = f"""\
[[headers]]
glob = "/assets/**"
set = {{ "Cache-Control" = "max-age=60", X-A = "é\\t" }}

[[headers]]
glob = "/**"
[headers.set]
X-B = ""

[[redirects]]
from = "/old/*"
to = "/new/**?a=%20#b"
[[redirects]]
from = "/a/?"
to = "https://[::1]:444/"
status = 301

[spa]
fallback = "/app/index?.html"

[cors]
origins = ["https://a.example", "capacitor://localhost", "http://[::1]:8080"]
methods = ["GET", "PUT"]
headers = ["X-A"]
max-age = 0
credentials = true

[[auth]]
glob = "/private/**"
realm = "The Staff's"
[auth.users]
"alice b" = "{SECRET}"

[error-pages]
404 = "/404.html"
5xx = "/broken.html"
"""
RULES = Rules(
    headers=(
        AddedFields(compile_glob("/assets/**"), (("Cache-Control", "max-age=60"), ("X-A", "é\t"))),
        AddedFields(compile_glob("/**"), (("X-B", ""),)),
    ),
    redirects=(
        Redirect(compile_glob("/old/*"), ("/new/", "?a=%20#b"), 308),
        Redirect(compile_glob("/a/?"), ("/",), 301, "https://[::1]:444"),
    ),
    spa="/app/index?.html",
    cors=Cors(
        ("https://a.example", "capacitor://localhost", "http://[::1]:8080"), ("GET", "PUT"), ("X-A",), 0, True
    ),
    auth=(
        Protected(
            compile_glob("/private/**"), "The Staff's", {"alice b": Secret(2, 1, 1, b"saltsalt", bytes(16))}
        ),
    ),
    error_pages={"404": "/404.html", "5xx": "/broken.html"},
)

# Each with the line and the key that are told.
MISTAKES = [
    ("a = 1", "1: a"),
    ("\nheader = []", "2: header"),
    ("headers = 1", "1: headers"),
    ("[headers]\nglob = '/'", "1: headers"),
    ("headers = [\n1]", "1: headers"),
    ("[[headers]]\nglob = '/'", "1: headers.set"),
    ("[[headers]]\nset = {}", "1: headers.glob"),
    ("[[headers]]\nglob = '/'\nset = 1", "3: headers.set"),
    ("[[headers]]\nglob = 'a'\nset = {}", "2: headers.glob"),
    ("[[headers]]\nglob = 1\nset = {}", "2: headers.glob"),
    ("[[headers]]\nglob = '/a**'\nset = {}", "2: headers.glob"),
    ("[[headers]]\nglob = '/'\nset = { X-A = 1 }", "3: headers.set.X-A"),
    ("[[headers]]\nglob = '/'\nset = { X-A = 'a\\n' }".replace("'", '"'), "3: headers.set.X-A"),
    ('[[headers]]\nglob = "/"\nset = { X-A = "\\u007f" }', "3: headers.set.X-A"),
    ("[[headers]]\nglob = '/'\nset = { X-A = '€' }", "3: headers.set.X-A"),
    ('[[headers]]\nglob = "/"\nset = { "X A" = "" }', "3: headers.set.'X A'"),
    ('[[headers]]\nglob = "/"\nset = { "X\\n" = "" }', "3: headers.set.'X\\n'"),
    ("[[headers]]\nglob = '/'\nset = { Content-length = '1' }", "3: headers.set.Content-length"),
    ("[[headers]]\nglob = '/'\n[headers.set]\nConnection = ''", "4: headers.set.Connection"),
    ("[[headers]]\nglob = '/'\nset = {}\ncolour = 1", "4: headers.colour"),
    ("[[headers]]\nglob='/'\nset={}\n[[headers]]\nset={}\nglob=0", "6: headers.glob"),
    ("[[redirects]]\nfrom = '/a'\nto = 'b'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = ''", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '//evil.example'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '/\\evil.example'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '/b c'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '/%zz'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '/b/../c'", "3: redirects.to"),
    ('[[redirects]]\nfrom = "/a"\nto = "/b\\r\\n"', "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = 'http://a.example/'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = 'javascript:alert()'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = 'https://a.example@evil.example/'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/*'\nto = 'https://a.example*'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/*'\nto = 'https://*/'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/*'\nto = '*'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/*'\nto = '/*/*'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '/*'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/*/*'\nto = '/*'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/**/a'\nto = '/*'", "3: redirects.to"),
    ("[[redirects]]\nfrom = '/a'\nto = '/b'\nstatus = 303", "4: redirects.status"),
    ("[[redirects]]\nfrom = '/a'\nto = '/b'\nstatus = 301.0", "4: redirects.status"),
    ("[[redirects]]\nfrom = '/a'\nto = '/b'\nstatus = '301'", "4: redirects.status"),
    ("[spa]", "1: spa.fallback"),
    ("[spa]\nfallback = 'index.html'", "2: spa.fallback"),
    ("spa.fallback = '/a/../b'", "1: spa.fallback"),
    ("[spa]\nfallback = '/a/'", "2: spa.fallback"),
    ("[spa]\nfallback = true", "2: spa.fallback"),
    ('[spa]\nfallback = "/\\u0000a"', "2: spa.fallback"),
    ("[[spa]]\nfallback = '/a'", "1: spa"),
    ("cors = true", "1: cors"),
    ("[cors]", "1: cors.origins"),
    ("[cors]\norigins = []", "2: cors.origins"),
    ("[cors]\norigins = '*'", "2: cors.origins"),
    ("[cors]\norigins = [1]", "2: cors.origins"),
    ("[cors]\norigins = ['null']", "2: cors.origins"),
    ("[cors]\norigins = ['https://a.example/']", "2: cors.origins"),
    ("[cors]\norigins = ['https://A.example']", "2: cors.origins"),
    ("[cors]\norigins = ['*', 'https://a.example']", "2: cors.origins"),
    ("[cors]\norigins = ['https://a.example', '*']", "2: cors.origins"),
    ("[cors]\ncredentials = true\norigins = ['*']", "2: cors.credentials"),
    ("[cors]\norigins = ['*']\ncredentials = 1", "3: cors.credentials"),
    ("[cors]\norigins = ['*']\nmax-age = -1", "3: cors.max-age"),
    ("[cors]\norigins = ['*']\nmax-age = true", "3: cors.max-age"),
    ("[cors]\norigins = ['*']\nmethods = ['a,b']", "3: cors.methods"),
    ("[cors]\norigins = ['*']\nheaders = 'X-A'", "3: cors.headers"),
    ("[[auth]]\nglob = '/'\nrealm = 'a'\nusers = {}", "4: auth.users"),
    ("[[auth]]\nglob = '/'\nrealm = 'a'\nusers = ['alice']", "4: auth.users"),
    ("[[auth]]\nglob = '/'\nrealm = '\"'\nusers = {}", "3: auth.realm"),
    ("[[auth]]\nglob = '/'\nrealm = ''\nusers = {}", "3: auth.realm"),
    (f"[[auth]]\nglob='/'\nrealm='a'\nusers = {{'a:b' = '{SECRET}'}}", "4: auth.users.'a:b'"),
    (f"[[auth]]\nglob='/'\nrealm='a'\nusers = {{'' = '{SECRET}'}}", "4: auth.users.''"),
    ("[error-pages]\n404 = '404.html'", "2: error-pages.404"),
    ("[error-pages]\n200 = '/a'", "2: error-pages.200"),
    ("[error-pages]\n\n'4x' = '/a'", "3: error-pages.4x"),
    ("error-pages = 1", "1: error-pages"),
    ("a", "1: TOML"),
    ("[spa]\nfallback = '/a'\nfallback = '/b'", "3: TOML"),
    ("a = 1\nb = [\n\n", "2: TOML"),
    ("a = " + "[" * 100_000, "1: TOML"),
]
BAD_HASHES = (
    1,
    "secret",
    "$2y$10$abcdefghijklmnopqrstuv",
    f"scrypt$2$1${SALT}${HASH}",
    f"scrypt$2$1$1${SALT}${HASH} ",
    f"scrypt$2$1$1${SALT}${HASH[:-1]}",
    f"scrypt$2$1$1${SALT}${HASH[:4]}",
    f"scrypt$2$1$1$c2FsdA==${HASH}",
    f"scrypt$2$1$1$${HASH}",
    f"scrypt$2$1$1${SALT}${'A' * 88}",
    f"scrypt$0$1$1${SALT}${HASH}",
    f"scrypt$1$1$1${SALT}${HASH}",
    f"scrypt$3$1$1${SALT}${HASH}",
    f"scrypt$65536$1$1${SALT}${HASH}",
    f"scrypt$2$0$1${SALT}${HASH}",
    f"scrypt$2$1$0${SALT}${HASH}",
    f"scrypt$262144$8$1${SALT}${HASH}",
    f"scrypt$16384$8$9${SALT}${HASH}",
    f"scrypt$٢$1$1${SALT}${HASH}",
)


def users(value: object) -> str:
    return f"[[auth]]\nglob = '/**'\nrealm = 'a'\n[auth.users]\nalice = {value!r}"


class ParseTests(SynchronousTestCase):
    """`parse`"""

    def test_full(self) -> None:
        """All that a file may say, in several ways to write it."""
        self.assertEqual(parse(FULL, "a.toml"), RULES)

    def test_empty(self) -> None:
        """A file may say nothing, and arrays may hold nothing."""
        for text in ("", "# nothing\n", "headers = []\nredirects = []\nauth = []\n[error-pages]"):
            self.assertEqual(parse(text, "a.toml"), Rules())

    def test_defaults(self) -> None:
        """308; GET and HEAD, no headers, ten minutes, no credentials."""
        rules = parse("cors.origins = ['*']\n[[redirects]]\nfrom = '/a'\nto = '/b'", "a.toml")
        self.assertEqual(rules.cors, Cors(("*",), ("GET", "HEAD"), (), 600, False))
        self.assertEqual(rules.redirects[0].status, 308)

    def test_mistakes(self) -> None:
        """Each mistake is one line: file, line, key and what is wrong."""
        for text, where in MISTAKES:
            with self.subTest(text=text[:80]):
                error = self.assertRaises(ConfigError, parse, text, "a.toml")
                self.assertIsInstance(error, NetlabError)
                self.assertTrue(str(error).startswith(f"a.toml:{where}: "), str(error))
                self.assertNotIn("\n", str(error))

    def test_unknown(self) -> None:
        """What is known instead of an unknown key is told."""
        error = self.assertRaises(ConfigError, parse, "[spa]\npage = '/a'", "a.toml")
        self.assertEqual(str(error), "a.toml:2: spa.page: is unknown; known are fallback")

    def test_hashes(self) -> None:
        """A hash of another format, or that scrypt could not check, is refused and never repeated."""
        for value in BAD_HASHES:
            with self.subTest(value=value):
                error = self.assertRaises(ConfigError, parse, users(value), "a.toml")
                self.assertTrue(str(error).startswith("a.toml:5: auth.users.alice: "), str(error))
                if value != 1:
                    self.assertNotIn(str(value), str(error))

    def test_costs(self) -> None:
        """Whatever costs are taken, the hash can be checked."""
        for costs in ("2$1$1", "32768$1$1", "65536$2$1", "131072$8$1", "16384$8$8", "2$128$1", "2$1$9999"):
            with self.subTest(costs=costs):
                rules = parse(users(f"scrypt${costs}${SALT}${HASH}"), "a.toml")
                self.assertFalse(rules.auth[0].users["alice"].matches(b"secret"))

    @given(
        st.text()
        | st.lists(
            st.sampled_from(["[[auth]]", "[cors]", "[spa]", "glob", "users", "=", "{", "}", "'/a'", "[", "]"])
            | st.sampled_from(["\n", '"', "\r", "\0", "'''", ".", "1", "x\\n", "404", "9" * 5000])
        ).map("".join)
    )
    def test_any(self, text: str) -> None:
        """Whatever the text, it is read, or refused in one line."""
        try:
            parse(text, "a.toml")
        except ConfigError as error:
            self.assertRegex(str(error), r"\Aa\.toml:[1-9][0-9]*: [^\r\n]+: [^\r\n]+\Z")


class PasswordTests(SynchronousTestCase):
    """`hash_password`"""

    def test_round_trip(self) -> None:
        """What it writes admits that password, and no other."""
        written = hash_password("pässword", b"0123456789abcdef")
        secret = parse(users(written), "a.toml").auth[0].users["alice"]
        self.assertTrue(secret.matches("pässword".encode()))
        self.assertFalse(secret.matches(b"password"))


class ManualTests(SynchronousTestCase):
    """docs/http-config.md"""

    def setUp(self) -> None:
        self.manual = MANUAL.read_text("utf-8")
        (self.example,) = re.findall(r"```toml\n(.*?)```", self.manual, re.DOTALL)

    def test_example(self) -> None:
        """Its example is read, has every table, and does what it says."""
        rules = parse(self.example, "site.toml")
        self.assertTrue(rules.headers and rules.redirects and rules.cors and rules.auth and rules.spa)
        asked = Request("GET", "/old/a/b", (1, 1), Fields())
        moved = rules.before(asked, "/old/a/b")
        assert moved is not None
        self.assertEqual((moved.status, moved.fields.get("location")), (301, "/new/a/b"))
        self.assertEqual(rules.error_page(502), "/errors/broken.html")

    def test_mistake(self) -> None:
        """The message that it shows is the one that comes."""
        wrong = self.example.replace("status = 301", "status = 299")
        error = self.assertRaises(ConfigError, parse, wrong, "site.toml")
        self.assertIn(f"\n    {error}\n", self.manual)

    def test_command(self) -> None:
        """The command that makes a hash is Python."""
        (command,) = re.findall(r'python -c "(.*)"', self.manual)
        compile(command, "command", "exec")
