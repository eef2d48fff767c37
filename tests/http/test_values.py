"""Small pure parts of HTTP: fields, dates, media types, heads, log lines, pieces of files."""

import json
import os
import tempfile

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.access import combined_lines, json_lines
from netlab.http.body import PIECE, BodySender, FileChanged
from netlab.http.dates import imf_fixdate, log_date
from netlab.http.media import MEDIA_TYPES, is_text, media_type
from netlab.http.message import Fields, FileSlice, Request, Response
from netlab.http.serialize import end_of_head, request_head, require_sendable, response_head
from tests.http.wire import exchange


class FieldsTests(SynchronousTestCase):
    """`Fields` and what is read from them."""

    FIELDS = Fields((("Host", "a"), ("Accept", "x"), ("ACCEPT", "y, z"), ("Connection", "Foo , close,,")))

    def test_lookup(self) -> None:
        """Names compare without case; the lines of one name are one list."""
        self.assertEqual(self.FIELDS.all("accept"), ["x", "y, z"])
        self.assertEqual(self.FIELDS.get("Accept"), "x, y, z")
        self.assertIsNone(self.FIELDS.get("absent"))
        self.assertEqual(self.FIELDS.tokens("connection"), {"foo", "close"})
        self.assertEqual(self.FIELDS.tokens("absent"), set())

    def test_value(self) -> None:
        """Fields are a value: equal, hashable, and readable in a failing test."""
        self.assertEqual(Fields((("a", "b"),)), Fields((("a", "b"),)))
        self.assertEqual(len({Fields(), Fields(), self.FIELDS}), 2)
        self.assertNotEqual(Fields(), ())
        self.assertEqual(repr(Fields((("a", "b"),))), "Fields((('a', 'b'),))")

    def test_persistent(self) -> None:
        """Old clients ask to go on, new ones to close."""
        self.assertTrue(Request("GET", "/", (1, 1)).persistent)
        self.assertFalse(Request("GET", "/", (1, 0)).persistent)


class DateTests(SynchronousTestCase):
    """Dates in their two forms."""

    def test_imf_fixdate(self) -> None:
        """The example of RFC 9110 §5.6.7, and years that have no four digits."""
        self.assertEqual(imf_fixdate(784_111_777.9), "Sun, 06 Nov 1994 08:49:37 GMT")
        self.assertEqual(imf_fixdate(-1e12), "Thu, 01 Jan 1970 00:00:00 GMT")
        self.assertEqual(imf_fixdate(1e15), "Fri, 31 Dec 9999 23:59:59 GMT")

    def test_log_date(self) -> None:
        """As access logs have it."""
        self.assertEqual(log_date(784_111_777), "06/Nov/1994:08:49:37 +0000")


class MediaTests(SynchronousTestCase):
    """Types by name."""

    def test_types(self) -> None:
        """The last extension counts, without case; what is unknown is octets and never HTML."""
        for name, expected in (
            ("index.html", "text/html; charset=utf-8"),
            ("STYLE.CSS", "text/css; charset=utf-8"),
            ("a.b.png", "image/png"),
            ("p.tar.gz", "application/gzip"),
            ("README", "application/octet-stream"),
            ("a.unknown", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("html", "application/octet-stream"),
            ("a.", "application/octet-stream"),
        ):
            with self.subTest(name=name):
                self.assertEqual(media_type(name), expected)

    def test_table(self) -> None:
        """Every entry is a type in lower case, and text always says its charset."""
        for extension, value in MEDIA_TYPES.items():
            with self.subTest(extension=extension):
                self.assertEqual(extension, extension.lower())
                self.assertRegex(value, r"\A[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?\Z")
                self.assertEqual(value.startswith("text/"), value.startswith("text/") and "charset" in value)

    def test_is_text(self) -> None:
        """What a terminal can show."""
        for value, expected in (
            ("text/html; charset=x", True),
            ("Application/JSON", True),
            ("image/svg+xml", True),
            ("image/png", False),
            ("application/octet-stream", False),
        ):
            self.assertEqual(is_text(value), expected)


class SerializeTests(SynchronousTestCase):
    """Heads in octets."""

    def test_heads(self) -> None:
        """To the octet; an unknown status has no reason."""
        fields = (("A", "b"), ("C", "d\xe9"))
        self.assertEqual(request_head("GET", "/", fields), b"GET / HTTP/1.1\r\nA: b\r\nC: d\xe9\r\n\r\n")
        self.assertEqual(
            response_head(Response(404, Fields(fields), b"xy")),
            b"HTTP/1.1 404 Not Found\r\nServer: netlab\r\nA: b\r\nC: d\xe9\r\nContent-Length: 2\r\n",
        )
        self.assertEqual(response_head(Response(204)), b"HTTP/1.1 204 No Content\r\nServer: netlab\r\n")
        start = b"HTTP/1.1 299 \r\n"
        self.assertEqual(response_head(Response(299))[: len(start)], start)
        self.assertEqual(end_of_head(0), b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n")
        self.assertEqual(
            end_of_head(0, "close"), b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: close\r\n\r\n"
        )

    def test_not_sendable(self) -> None:
        """No field can end its line, or the header section."""
        require_sendable((("A-b", "c\td"),))
        for field in (
            ("A", "b\r\nC: d"),
            ("A", "b\n"),
            ("A", "\0"),
            ("A", "€"),
            ("A b", "c"),
            ("", "c"),
            ("A\n", "c"),
        ):
            with self.subTest(field=field):
                self.assertRaises(ValueError, require_sendable, (field,))


class AccessTests(SynchronousTestCase):
    """Lines of an access log."""

    def test_combined(self) -> None:
        """The Combined Log Format."""
        self.assertEqual(
            combined_lines([exchange(peer="::1")])[0],
            '::1 - - [06/Nov/1994:08:49:37 +0000] "GET / HTTP/1.1" 200 13 "-" "curl/8"',
        )

    def test_escaped(self) -> None:
        """Nothing that a stranger sends ends the quotes, the line, or drives a terminal."""
        odd = exchange(
            start_line=b'GET /"\n\x1b[2J\x80',
            status=400,
            fields=Fields((("Referer", 'a"b\\'), ("User-Agent", "\u00e9"))),
        )
        line = combined_lines([odd])[0]
        self.assertIn(r'"GET /\x22\x0a\x1b[2J\x80" 400 13 "a\x22b\x5c" "\xe9"', line)
        self.assertTrue(line.isascii() and line.isprintable())
        self.assertTrue(json_lines([odd])[0].isascii())
        self.assertEqual(json.loads(json_lines([odd])[0])["request"], 'GET /"\n\x1b[2J\x80')

    def test_json(self) -> None:
        """One object a line, times in seconds."""
        self.assertEqual(
            json.loads(json_lines([exchange()])[0]),
            {
                "time": 784_111_777.0,
                "peer": "127.0.0.1",
                "connection": 1,
                "tls": False,
                "method": "GET",
                "request": "GET / HTTP/1.1",
                "status": 200,
                "octets": 13,
                "duration": 0.25,
                "referer": None,
                "agent": "curl/8",
            },
        )


class BodySenderTests(SynchronousTestCase):
    """A body in pieces, where the transport cannot send files."""

    def sender(self, *parts: bytes | FileSlice, head: bytes = b"") -> tuple[BodySender, StringTransport]:
        transport = StringTransport()
        return BodySender(head, Response(200, body=parts), transport), transport

    def test_pieces(self) -> None:
        """Head and octets, in pieces of bounded size, up to the end."""
        with tempfile.TemporaryFile() as file:
            file.write(b"ab" + bytes(PIECE + 5) + b"z")
            file.flush()
            sender, transport = self.sender(FileSlice(file, 1, PIECE + 6), b"<>", head=b"HEAD")
            lengths = []
            while sender.send():
                lengths.append(len(transport.value()) - sum(lengths))
            self.assertEqual(lengths, [4 + PIECE, 6, 2])
            self.assertEqual(transport.value(), b"HEADb" + bytes(PIECE + 5) + b"<>")
            self.assertEqual(sender.octets, PIECE + 8)

    def test_nothing(self) -> None:
        """Where no octet is to be sent, the head is."""
        sender, transport = self.sender(b"", head=b"HEAD")
        self.assertFalse(sender.send())
        self.assertEqual((transport.value(), sender.octets), (b"HEAD", 0))

    def test_empty_slice(self) -> None:
        """A slice of no octets does not hold the others up."""
        with tempfile.TemporaryFile() as file:
            sender, transport = self.sender(FileSlice(file, 0, 0), b"x", head=b"HEAD")
            while sender.send():
                pass
            self.assertEqual(transport.value(), b"HEADx")

    def test_changed(self) -> None:
        """A file that is too short, or cannot be read, is told."""
        with tempfile.TemporaryFile() as file:
            self.assertRaises(FileChanged, self.sender(FileSlice(file, 0, 1))[0].send)
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        with os.fdopen(reader, "rb") as pipe:
            self.assertRaises(FileChanged, self.sender(FileSlice(pipe, 0, 1))[0].send)
