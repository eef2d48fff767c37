"""Where a resource is: file names, URLs, references."""

from twisted.trial.unittest import SynchronousTestCase

from netlab.http.location import Location, location_of_file, location_of_url


class LocationTests(SynchronousTestCase):
    """File names and URLs become locations."""

    def test_files(self) -> None:
        """What may not stand in a target is percent-encoded; what is encoded stays as it is."""
        for name, target in (
            ("index.html", "/index.html"),
            ("/index.html", "/index.html"),
            ("", "/"),
            ("ünï côde.txt", "/%C3%BCn%C3%AF%20c%C3%B4de.txt"),
            ("%C3%BC", "/%C3%BC"),
            ("100%.txt", "/100%25.txt"),
            ("a?b=c&d", "/a?b=c&d"),
            ("a#b", "/a%23b"),
            ("a\r\nb", "/a%0D%0Ab"),
        ):
            with self.subTest(name=name):
                self.assertEqual(location_of_file("h", 80, name).target, target)

    def test_urls(self) -> None:
        """http and https, with their ports."""
        for url, expected in (
            ("http://h", Location("h", 80, "/")),
            ("http://h:8080/a?b#c", Location("h", 8080, "/a?b")),
            ("https://h/", Location("h", 443, "/", secure=True)),
            ("http://[::1]:80/", Location("::1", 80, "/")),
            ("http://a_b.c./", Location("a_b.c.", 80, "/")),
            ("http://B\u00fccher.example/", Location("xn--bcher-kva.example", 80, "/")),
            ("http://\u65e5\u672c/", Location("xn--wgv71a", 80, "/")),
        ):
            with self.subTest(url=url):
                self.assertEqual(location_of_url(url), expected)

    def test_no_urls(self) -> None:
        """Anything else is refused."""
        for url in ("", "h", "ftp://h/", "http://", "http://h:port/", "http://[::1/", "http://h:99999/"):
            with self.subTest(url=url):
                self.assertRaises(ValueError, location_of_url, url)

    def test_no_hosts(self) -> None:
        """A host that no name server could know is refused before anybody is asked, in one clear line."""
        for host in ("a..b", ".a", "a" * 64, "\u00fc" * 64, "\ufffd", "a." * 127 + "ab"):
            with self.subTest(host=host):
                told = self.assertRaises(ValueError, location_of_url, f"http://{host}/")
                self.assertIn("names no host", str(told))
                self.assertRaises(ValueError, location_of_file, host, 80, "f")

    def test_authority(self) -> None:
        """Host says the port unless it is the usual one."""
        for location, expected in (
            (Location("h", 80, "/"), "h"),
            (Location("h", 443, "/", secure=True), "h"),
            (Location("h", 443, "/"), "h:443"),
            (Location("::1", 80, "/"), "[::1]"),
            (Location("::1", 8080, "/"), "[::1]:8080"),
        ):
            self.assertEqual(location.authority, expected)

    def test_references(self) -> None:
        """A redirect's reference is read within the URL that it came from."""
        base = Location("h", 8080, "/a/b?c")
        for reference, url in (
            ("/x", "http://h:8080/x"),
            ("x", "http://h:8080/a/x"),
            ("//other/x", "http://other/x"),
            ("https://h/y#z", "https://h/y"),
            ("\xc3\xbc", "http://h:8080/a/%C3%BC"),
        ):
            self.assertEqual(base.resolve(reference).url, url)
        for reference in ("ftp://h/", "http://[::1", "http://h:x/", "javascript:0"):
            self.assertRaises(ValueError, base.resolve, reference)

    def test_userinfo(self) -> None:
        """A name and a password are kept, and shown nowhere."""
        location = location_of_url("http://me:secret@h/x")
        self.assertEqual(location.userinfo, "me:secret")
        self.assertNotIn("secret", location.url + location.address + repr(location))
