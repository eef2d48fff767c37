"""What goes along when a redirect is followed, and which proxy stands between: tables."""

from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import BadRedirect, WireError
from netlab.http.explain import FIELDS, METHODS, afterwards, explained, framing
from netlab.http.location import location_of_url
from netlab.http.message import Fields, ResponseHead
from netlab.http.outgoing import Outgoing, Redirects
from netlab.http.partial import Partial, continues, noted, strong_validator, whole_length
from netlab.http.proxy import proxy_for


def head(status: int, version: tuple[int, int] = (1, 1), **fields: str) -> ResponseHead:
    lines = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return ResponseHead(version, status, "", Fields(lines))


class RedirectTests(SynchronousTestCase):
    """`Outgoing.redirected`."""

    def test_methods(self) -> None:
        """303, and 301 and 302 after POST, make a GET without a body; 307 and 308 change nothing."""
        for method, status, after in (
            ("GET", 301, "GET"),
            ("POST", 301, "GET"),
            ("POST", 302, "GET"),
            ("PUT", 302, "PUT"),
            ("PUT", 303, "GET"),
            ("HEAD", 303, "HEAD"),
            ("POST", 307, "POST"),
            ("POST", 308, "POST"),
        ):
            with self.subTest(method=method, status=status):
                fields = (("Content-Type", "text/plain"), ("X-A", "b"))
                before = Outgoing(method, location_of_url("http://h/a"), fields, b"body")
                found = before.redirected(head(status, location="/b"), Redirects())
                assert found is not None
                self.assertEqual((found.method, found.location.url), (after, "http://h/b"))
                kept = after == method
                self.assertEqual(found.body, b"body" if kept else b"")
                self.assertEqual(found.fields, fields if kept else fields[1:])

    def test_credentials(self) -> None:
        """Credentials stay within their origin: scheme, host and port."""
        secrets = (("Authorization", "x"), ("cookie", "y"), ("X-A", "b"), ("Host", "z"))
        before = Outgoing("GET", location_of_url("http://me:pw@h/a"), secrets)
        for reference, kept in (
            ("/b", True),
            ("http://H:80/b", True),
            ("http://h:81/b", False),
            ("https://h/b", False),
            ("http://other/b", False),
        ):
            with self.subTest(reference=reference):
                found = before.redirected(head(302, location=reference), Redirects())
                assert found is not None
                self.assertEqual(found.fields, secrets if kept else (("X-A", "b"),))
                self.assertEqual(found.location.userinfo, "me:pw" if kept else None)

    def test_none(self) -> None:
        """Not every 3xx is a redirect."""
        before = Outgoing("GET", location_of_url("http://h/a"))
        for answer in (
            head(304, location="/b"),
            head(302),
            head(200, location="/b"),
            head(300, location="/b"),
        ):
            self.assertIsNone(before.redirected(answer, Redirects()))

    def test_refused(self) -> None:
        """From https to http only when that is asked for; nowhere but to http."""
        before = Outgoing("GET", location_of_url("https://h/a"))
        down = head(302, location="http://h/a")
        self.assertRaises(BadRedirect, before.redirected, down, Redirects())
        self.assertIsNotNone(before.redirected(down, Redirects(downgrade=True)))
        for reference in ("file:///etc/passwd", "https://a..b/"):
            self.assertRaises(BadRedirect, before.redirected, head(302, location=reference), Redirects())


class ProxyTests(SynchronousTestCase):
    """`proxy_for`."""

    def test_choice(self) -> None:
        """The scheme's own proxy, else the one for all; never the upper-case one for http."""
        for url, environment, expected in (
            ("http://h/", {}, None),
            ("http://h/", {"http_proxy": "http://p:1"}, "p"),
            ("http://h/", {"http_proxy": "p:1"}, "p"),
            ("http://h/", {"HTTP_PROXY": "http://p:1"}, None),
            ("https://h/", {"http_proxy": "http://p:1"}, None),
            ("https://h/", {"HTTPS_PROXY": "http://p:1"}, "p"),
            ("http://h/", {"ALL_PROXY": "http://p:1", "http_proxy": ""}, "p"),
        ):
            with self.subTest(url=url, environment=environment):
                proxy = proxy_for(location_of_url(url), environment)
                self.assertEqual(proxy and proxy.host, expected)

    def test_spared(self) -> None:
        """``no_proxy`` names hosts, their domains, addresses, networks and ports."""
        for spared, url, direct in (
            ("*", "http://h/", True),
            ("h", "http://h/", True),
            ("a, .example", "http://www.example./", True),
            ("example", "http://notexample/", False),
            ("10.0.0.0/8", "http://10.1.2.3/", True),
            ("10.0.0.0/8", "http://11.1.2.3/", False),
            ("[::1]", "http://[::1]/", True),
            ("::1", "http://[::1]/", True),
            ("h:81", "http://h/", False),
            ("h:80", "http://h/", True),
        ):
            with self.subTest(spared=spared, url=url):
                proxy = proxy_for(location_of_url(url), {"http_proxy": "http://p:1", "NO_PROXY": spared})
                self.assertEqual(proxy is None, direct)

    def test_wrong(self) -> None:
        """A proxy that is none of ours is named."""
        for text in ("https://p", "socks5://p", "http://"):
            self.assertRaises(ValueError, proxy_for, location_of_url("http://h/"), {"http_proxy": text})


class PartialTests(SynchronousTestCase):
    """What may be joined, and what may not."""

    def test_validators(self) -> None:
        """Only a strong validator will do."""
        date, before = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT"
        for answer, expected in (
            (head(200, etag='"a"'), '"a"'),
            (head(200, etag='W/"a"', last_modified=before, date=date), None),
            (head(200, last_modified=before, date=date), before),
            (head(200, last_modified=date, date=date), None),
            (head(200, last_modified=before), None),
            (head(200, last_modified="x", date=date), None),
            (head(200, etag='"a"', content_encoding="gzip"), None),
        ):
            self.assertEqual(strong_validator(answer), expected)

    def test_notes(self) -> None:
        """A note is read as it was written, for its own URL and for something there."""
        partial = Partial(5, "http://h/", '"a"')
        self.assertEqual(noted(partial.note(), 5, "http://h/"), partial)
        for note, length, url in (
            (partial.note(), 0, "http://h/"),
            (partial.note(), 5, "http://h/other"),
            ("", 5, ""),
            ("u\na\nb\n", 5, "u"),
        ):
            self.assertIsNone(noted(note, length, url))

    def test_continues(self) -> None:
        """A 206 must go on from where the part ends, to the end, in the same version."""
        partial = Partial(5, "http://h/", '"a"')
        self.assertEqual(continues(head(206, content_range="bytes 5-9/10", etag='"a"'), partial), 10)
        for answer in (
            head(206, etag='"a"'),
            head(206, content_range="bytes 4-9/10", etag='"a"'),
            head(206, content_range="bytes 5-8/10", etag='"a"'),
            head(206, content_range="lines 5-9/10", etag='"a"'),
            head(206, content_range="bytes 5-9/*", etag='"a"'),
            head(206, content_range="bytes 5-9/10"),
            head(206, content_range="bytes 5-9/10", etag='"b"'),
        ):
            self.assertRaises(WireError, continues, answer, partial)
        self.assertEqual(whole_length(head(416, content_range="bytes */5")), 5)
        self.assertIsNone(whole_length(head(416)))


class ExplainTests(SynchronousTestCase):
    """Every line has its reason."""

    def test_lines(self) -> None:
        """Start lines, fields, the empty line, garbage: each with a section where there is one."""
        octets = b"GET / HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\nHTTP/1.1 404 No\r\n\r\nHTTP/1.1 299 \r\n\r\n"
        found = list(explained(octets))
        self.assertEqual("".join(f"{line}\r\n" for line, _ in found).encode(), octets)
        for (_, why), expected in zip(
            found, ["§9.3.1", "§7.2", "does not know", "§2.1", "§15.5.5", "§2.1", "§15.3"], strict=False
        ):
            self.assertIn(expected, why)
        self.assertIn("§9.1", next(explained(b"BREW / HTTP/1.1\r\n"))[1])
        self.assertIn("should be", next(explained(b"HTTP/1.1 x\r\n"))[1])
        self.assertTrue(all("§" in text for text in [*METHODS.values(), *FIELDS.values()]))

    def test_framing(self) -> None:
        """How a body ends, and what becomes of the connection."""
        for method, answer, rule in (
            ("HEAD", head(200, content_length="5"), "rule 1"),
            ("GET", head(304), "rule 1"),
            ("GET", head(200, transfer_encoding="chunked"), "rule 4"),
            ("GET", head(200, content_length="5"), "next 5 octets"),
            ("GET", head(200), "rule 8"),
        ):
            self.assertIn(rule, framing(method, answer))
        self.assertIn("stays open", afterwards(head(200)))
        self.assertIn("closes", afterwards(head(200, connection="close")))
        self.assertIn("closes", afterwards(head(200, (1, 0))))
