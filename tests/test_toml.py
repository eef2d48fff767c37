"""TOML files as values, and where in them a mistake stands."""

from twisted.trial.unittest import SynchronousTestCase

from netlab.toml import STRING, ConfigError, each, find_line, is_a, mapping, parse, table

POINT = table(lambda **keys: keys, {"x": is_a(int, "a whole number")}, {"far-away": is_a(bool, "a truth")})
FILE = table(
    lambda points=(), names=None: (points, names),
    {},
    {"points": each(POINT), "names": mapping(STRING, STRING)},
)


class ReaderTests(SynchronousTestCase):
    """`parse` with readers made of readers"""

    def test_values(self) -> None:
        """Tables become what is made of their values, with hyphens in keys as underscores."""
        text = "points = [{x = 1}, {x = 2, far-away = true}]\n[names]\na = 'b'"
        self.assertEqual(parse(text, "a.toml", FILE), (({"x": 1}, {"x": 2, "far_away": True}), {"a": "b"}))

    def test_mistakes(self) -> None:
        """Each is one line with the file, the line, the keys and what is wrong, without the value."""
        for text, message in (
            ("\npoints = [{x = true}]", "a.toml:2: points.x: is not a whole number"),
            ("[[points]]\nx = 1\n[[points]]\ny = 2", "a.toml:4: points.y: is unknown; known are x, far-away"),
            ("[[points]]\nx = 1\n[[points]]\n", "a.toml:3: points.x: is missing"),
            ("points = 1", "a.toml:1: points: is not an array"),
            ("[names]\n'a b' = 1", "a.toml:2: names.'a b': is not a string"),
            ("a = 1\nb =\n", "a.toml:2: TOML: Invalid value"),
            ("a = [" + "[" * 5000, "a.toml:1: TOML: "),
        ):
            with self.subTest(text=text[:40]):
                error = str(self.assertRaises(ConfigError, parse, text, "a.toml", FILE))
                self.assertTrue(error.startswith(message), error)


class LineTests(SynchronousTestCase):
    """`find_line`"""

    text = """\
# [spa]
error-pages . '404' = 1
[ spa ] # x
  fallback=1
[[headers]]

[[headers]] # y\r
glob = 1\r
set = { "X" = 1 }
[[auth]]
[auth."users"]
alice = 1
[[auth]]
[auth.users]
"bob" = 1
auth = [
1 ]
"""

    def test_lines(self) -> None:
        """The line of the value itself, or of the nearest thing that holds it."""
        for keys, line in (
            ((), 1),
            (("nothing",), 1),
            (("error-pages", "404"), 2),
            (("error-pages",), 1),
            (("spa",), 3),
            (("spa", "fallback"), 4),
            (("spa", "colour"), 3),
            (("headers", 0), 5),
            (("headers", 0, "glob"), 5),
            (("headers", 1, "glob"), 8),
            (("headers", 1, "set", "X"), 9),
            (("auth", 0, "users", "alice"), 12),
            (("auth", 0, "users", "bob"), 11),
            (("auth", 1, "users", "bob"), 15),
            (("auth", 1, "realm"), 13),
        ):
            with self.subTest(keys=keys):
                self.assertEqual(find_line(self.text, keys), line)

    def test_order(self) -> None:
        """What holds the value does not stand for it, though it may come later."""
        self.assertEqual(find_line("[spa.page]\na = 1\n[spa]\nfallback = 1", ("spa", "page")), 1)
