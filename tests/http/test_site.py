"""Files under their owner's rules: what comes before the files, and what after."""

from twisted.trial.unittest import SynchronousTestCase

from netlab.http.config import parse
from netlab.http.files import StaticFiles
from netlab.http.rules import Rules
from netlab.http.site import Site
from tests.http.wire import Client, folder, get, responses

RULES = """
[[headers]]
glob = "/assets/**"
set = { "Cache-Control" = "public, max-age=31536000" }

[[redirects]]
from = "/old/*"
to = "/assets/*"

[[auth]]
glob = "/private/**"
realm = "Staff"
users = { alice = "scrypt$16384$8$1$c2FsdHNhbHRzYWx0c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }

[spa]
fallback = "/index.html"

[error-pages]
404 = "/lost.html"
405 = "/nothing.html"
"""


class SiteTests(SynchronousTestCase):
    """`Site`"""

    def setUp(self) -> None:
        root = folder(self)
        for name in ("assets", "private"):
            (root / name).mkdir()
            (root / name / "f.css").write_text("css")
        (root / "index.html").write_text("app")
        (root / "lost.html").write_text("lost")
        self.site = Site(StaticFiles(root), parse(RULES, "rules.toml"))
        self.client = Client([self.site])

    def ask(self, target: str, *lines: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        (response,) = responses(self.client.send(get(target, *lines, method=method)), method)
        return response

    def test_fields(self) -> None:
        """Fields are added where they belong."""
        self.assertEqual(self.ask("/assets/f.css")[1]["cache-control"], "public, max-age=31536000")
        self.assertNotIn("cache-control", self.ask("/index.html")[1])

    def test_redirect(self) -> None:
        """What has moved is redirected."""
        status, fields, _ = self.ask("/old/f.css?x")
        self.assertEqual((status, fields["location"]), (308, "/assets/f.css?x"))

    def test_private(self) -> None:
        """What is private asks for a password, however its path is written."""
        for target in ("/private/f.css", "/%70rivate/f.css", "/private/", "http://a/private/f.css"):
            with self.subTest(target=target):
                status, fields, _ = self.ask(target)
                self.assertEqual((status, fields["www-authenticate"][:19]), (401, 'Basic realm="Staff"'))

    def test_fallback(self) -> None:
        """An address that only the page's script knows gets the page; a missing file does not."""
        self.assertEqual(self.ask("/app/route", "Accept: text/html")[::2], (200, b"app"))
        self.assertEqual(self.ask("/assets/missing.css")[::2], (404, b"lost"))
        self.assertEqual(self.ask("/app/route", "Accept: application/json")[0], 404)
        status, fields, _ = self.ask("/assets/route", "Accept: text/html")
        self.assertEqual((status, fields["vary"]), (200, "Accept"))
        self.assertNotIn("cache-control", fields)  # it is the page, and not what the rule is about

    def test_error_pages(self) -> None:
        """An error is told by the owner's page, its status and fields kept; without a page by ours."""
        status, fields, body = self.ask("/missing.css")
        self.assertEqual((status, fields["content-type"], body), (404, "text/html; charset=utf-8", b"lost"))
        status, fields, body = self.ask("/index.html", method="POST")
        self.assertEqual((status, fields["allow"]), (405, "GET, HEAD, OPTIONS"))
        self.assertIn(b"405", body)

    def test_whole_server(self) -> None:
        """Rules are about paths; the server as a whole has none, and what is no path is refused."""
        self.assertEqual(self.ask("*", method="OPTIONS")[0], 204)
        self.assertEqual(self.ask("/../x")[0], 400)

    def test_exchanged(self) -> None:
        """New rules hold from the next request on."""
        self.site.rules = Rules()
        self.assertEqual(self.ask("/private/f.css")[0], 200)
