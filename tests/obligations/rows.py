"""
What an HTTP/1.1 origin server of files owes its clients, one row an obligation.

Each row is: source, level (``sec`` security practice, ``-`` product quality), what is required, the
request's octets, and the checks. Where the level is MAY, a check also takes what the RFC leaves free.
"""

import gzip
import re
import zlib

from tests.obligations.checks import (
    Broken,
    Case,
    Check,
    Row,
    Talk,
    body_is,
    body_lacks,
    carries,
    closes,
    dated,
    delimited,
    field_is,
    get,
    goes_on,
    interim,
    lacks,
    location_of,
    must,
    not_modified,
    octet_by_octet,
    part,
    post,
    request,
    row,
    status,
    then_shut,
    whole,
    without_reading,
)
from tests.obligations.site import ARCHIVE, CSS, INDEX, MARKUP, MIB, NAMED, PRIVATE, SPACED, SQUEEZED, TEXT
from tests.obligations.wire import Silent, Unreadable

SIZE = len(TEXT)
CLOSE = "Connection: close"
SMUGGLED = get("/f.css")
MINE = get("/f.txt", CLOSE)

# Checks of one row each.


def nothing_follows(talk: Talk) -> None:
    """After the head, which is all that HEAD gets, the connection just closes."""
    must(talk.first.get("content-length") != "0", "there is nothing that could be left out")
    closes(talk)


def like_get(talk: Talk) -> None:
    """The fields are those of GET."""
    with talk.place.connect() as connection:
        connection.send(MINE)
        fields = {name.lower(): value for name, value in connection.answer().fields}
    mine = {name.lower(): value for name, value in talk.first.fields}
    differing = {name for name in fields.keys() | mine if fields.get(name) != mine.get(name)} - {"date"}
    must(not differing, f"these fields differ from those of GET: {', '.join(sorted(differing))}")


def final_at_once(talk: Talk) -> None:
    """A final refusal comes while the body has not been sent, and no 100 before it."""
    answer = talk.nth(0, seconds=2.0)
    must(answer.status >= 400, f"status {answer.status}")
    must(not answer.interim, "100 Continue, for a body that nobody wants")


def no_continue(talk: Talk) -> None:
    """No interim response comes, whether the server waits for the body or not."""
    try:
        talk.nth(0, seconds=0.5)
    except Silent:
        talk.connection.send(b"hello")
    must(not talk.first.interim, f"{talk.first.interim} for HTTP/1.0")


def no_echo(talk: Talk) -> None:
    """Nothing of the request comes back."""
    must(b"do-not-tell" not in talk.connection.received, "the request's fields come back")


def speaks_1_1(talk: Talk) -> None:
    """The answer is of HTTP/1.1, and the connection goes on as that has it."""
    must(talk.first.minor == 1, f"the answer is of HTTP/1.{talk.first.minor}")
    goes_on(talk)


def persists_if_it_says_so(talk: Talk) -> None:
    """The answer echoes keep-alive and the connection goes on; or does neither."""
    if "keep-alive" in talk.first.tokens("connection"):
        goes_on(talk)
    else:
        closes(talk)


def in_order(*bodies: bytes) -> Check:
    """The answers have these bodies, in this order."""

    def check(talk: Talk) -> None:
        for number, body in enumerate(bodies):
            answer = talk.nth(number)
            must(answer.body == body, f"answer {number + 1} is {answer.status} with {answer.body[:30]!r}")

    return check


def not_smuggled(talk: Talk) -> None:
    """After the refusal comes the answer to the next request, or the end; nothing for the body."""
    must(talk.first.status >= 400, f"status {talk.first.status}")
    answers = [(answer.status, answer.body) for answer in talk.all()[1:]]
    must(answers in ([], [(200, TEXT)]), f"the body was answered: {[status for status, _ in answers]}")
    must(answers or talk.connection.end, "neither an answer to the next request nor a close")


def folded_or_refused(talk: Talk) -> None:
    """400; or the fold was read as a space, so that the tag in it matched."""
    status(400, 304)(talk)


def one_answer(talk: Talk) -> None:
    """One answer, then the close; what may be body or request is not answered."""
    must(talk.first.status != 200 or talk.first.minor == 0, "as if nothing were wrong")
    closes(talk)


def validators(talk: Talk) -> None:
    """Both validators are there and well formed."""
    etag = talk.first.get("etag")
    must(etag and re.fullmatch(r'(W/)?"[!#-~\x80-\xff]*"', etag), f"ETag: {etag}")
    date = talk.first.get("last-modified")
    must(
        date and re.fullmatch("[MTWFS][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", date),
        f"Last-Modified: {date}",
    )


def repeats_etag(talk: Talk) -> None:
    """The 304 has the 200's ETag."""
    field_is("etag", talk.place.etag)(talk)


def announces_ranges(talk: Talk) -> None:
    """It says bytes where it serves ranges; where it does not, it may say nothing."""
    talk.connection.send(get("/f.txt", "Range: bytes=0-0"))
    served = talk.nth(1).status == 206
    said = talk.first.get("accept-ranges")
    must(said == "bytes" if served else said in (None, "none"), f"Accept-Ranges: {said}, served: {served}")


def two_parts(talk: Talk) -> None:
    """A multipart body with just the two ranges; or the whole."""
    status(206, 200)(talk)
    if talk.first.status == 200:
        body_is(MIB)(talk)
        return
    kind = talk.first.get("content-type") or ""
    boundary = re.fullmatch(r'multipart/byteranges; ?boundary="?([0-9A-Za-z\'()+_,./:=? -]{1,70}?)"?', kind)
    must(boundary, f"Content-Type: {kind}")
    lacks("content-range")(talk)
    pieces = (b"\r\n" + talk.first.body).split(b"\r\n--" + str(boundary and boundary[1]).encode())
    must(pieces[-1].startswith(b"--"), "no last boundary")
    must(len(pieces) == 4, f"{len(pieces) - 2} parts")
    for piece, (first, end) in zip(pieces[1:-1], ((0, 10), (1000, 1010)), strict=True):
        head, _, octets = piece.partition(b"\r\n\r\n")
        told = f"content-range: bytes {first}-{end - 1}/{len(MIB)}".encode()
        must(told in head.lower(), f"a part's head is {head!r}")
        must(octets == MIB[first:end], f"a part is {octets!r}")


def no_amplification(talk: Talk) -> None:
    """The answer is hardly longer than the file."""
    try:
        answer = talk.first
    except Unreadable as error:
        must(False, f"amplified: {error}")
    must(answer.status in (200, 206, 400, 416), f"status {answer.status}")
    must(len(answer.body) < len(MIB) + 100_000, f"{len(answer.body)} octets for a file of {len(MIB)}")


def refused_path(talk: Talk) -> None:
    """An error of the client's, and nothing of what is outside the root."""
    body_lacks(PRIVATE)(talk)
    must(400 <= talk.first.status < 500, f"status {talk.first.status}")


def to_folder(talk: Talk) -> None:
    """The redirect leads to /dir/ of this very host."""
    must(location_of(talk) == ("a", "/dir/"), f"Location: {talk.first.get('location')}")


def stays_on_site(talk: Talk) -> None:
    """A redirect, if it is one, leads to this host."""
    must(talk.first.status < 500, f"status {talk.first.status}")
    must(location_of(talk)[0] == "a", f"Location: {talk.first.get('location')}")


def is_type(pattern: str) -> Check:
    """Content-Type is one of these."""

    def check(talk: Talk) -> None:
        kind = talk.first.get("content-type")
        must(re.fullmatch(pattern, (kind or "").lower()), f"Content-Type: {kind}")

    return check


def squeezed(talk: Talk) -> None:
    """The body is the file's content in gzip."""
    field_is("content-encoding", "gzip")(talk)
    try:
        octets = gzip.decompress(talk.first.body)
    except (EOFError, OSError, zlib.error) as error:
        raise Broken(f"not in gzip: {error}") from error
    must(octets == SQUEEZED, "what was squeezed is not the file")


def tags_differ(talk: Talk) -> None:
    """The first answer is in gzip, the second is not; if so, no strong tag is that of both."""
    coded, plain = talk.first, talk.nth(1)
    if coded.get("content-encoding") is None:
        must(coded.body == plain.body == SQUEEZED, "neither negotiated nor the file")
        return
    tag = coded.get("etag")
    must(tag or not plain.get("etag"), "no ETag in gzip")
    must(not tag or tag.startswith("W/") or tag != plain.get("etag"), f"ETag: {tag} for both")


def readable(talk: Talk) -> None:
    """The status can be read, and the end is no reset that might have overtaken it."""
    must(talk.first.status in (405, 413), f"status {talk.first.status}")
    rest = talk.connection.rest(4.0)
    must(not rest, f"after the refusal there came {rest[:60]!r}")
    must(talk.connection.end in ("", "FIN"), "reset")


def chunked(*lines: str) -> bytes:
    """A chunked POST whose fields are *lines* too, and a request behind it."""
    return post("/f.txt", *lines, body=b"5\r\nhello\r\n0\r\n\r\n" + SMUGGLED)


def ranges(value: str) -> bytes:
    return get("/f.txt", f"Range: {value}")


def plain_post(*lines: str) -> bytes:
    return post("/f.txt", *lines, body=b"hello" + SMUGGLED)


BAD_HEADER = get("/f.txt", "X : y")
ONE_OCTET = "Range: bytes=0-0"
LONG_AGO = "Fri, 01 Jan 1999 00:00:00 GMT"

ROWS: tuple[Row, ...] = (
    row("9110 6.6.1", "MUST", "2xx carries Date in IMF-fixdate", get("/f.txt"), status(200), dated),
    row("9110 6.6.1", "MUST", "400 (bad header) carries Date too", BAD_HEADER, status(400), dated),
    row(
        "9112 6.3/9.6",
        "SHOULD",
        "400 is self-delimited and says Connection: close",
        BAD_HEADER,
        status(400),
        delimited,
        carries("connection", "close"),
    ),
    row(
        "9110 9.3.2",
        "MUST",
        "HEAD = GET headers, no content",
        request("HEAD", "/f.txt", CLOSE),
        status(200),
        nothing_follows,
        like_get,
    ),
    row(
        "9110 9.3.2",
        "MUST",
        "HEAD of a missing file has no content",
        request("HEAD", "/missing", CLOSE),
        status(404),
        nothing_follows,
    ),
    row(
        "9110 15.5.6",
        "MUST",
        "a 405 carries Allow",
        post("/f.txt"),
        status(405),
        carries("allow", "GET", "HEAD"),
    ),
    row("9110 9.1", "SHOULD", "POST to a plain file -> 405 (not 200)", post("/f.txt"), status(405)),
    row(
        "9110 10.1.1",
        "SHOULD",
        "refused POST + Expect: 100-continue gets the final status at once, no 100",
        post("/f.txt", "Content-Length: 5", "Expect: 100-continue"),
        final_at_once,
    ),
    row("9110 9.1", "SHOULD", "unknown method FOO -> 501", request("FOO", "/f.txt"), status(501)),
    row("9110 9.3.7", "SHOULD", "OPTIONS * -> 2xx", request("OPTIONS", "*"), status(200, 204)),
    row(
        "9110 9.3.7",
        "SHOULD",
        "OPTIONS /f -> 2xx with Allow",
        request("OPTIONS", "/f.txt"),
        status(200, 204),
        carries("allow", "GET", "HEAD"),
    ),
    row(
        "9110 9.3.8",
        "sec",
        "TRACE refused 405/501",
        request("TRACE", "/f.txt", "Cookie: do-not-tell"),
        status(405, 501),
        no_echo,
    ),
    row("9112 3.2", "MUST", "HTTP/1.1 without Host -> 400", b"GET /f.txt HTTP/1.1\r\n\r\n", status(400)),
    row(
        "9112 3.2",
        "MUST",
        "two Host lines -> 400",
        [get("/f.txt", "Host: a"), get("/f.txt", "host: b")],
        status(400),
    ),
    row(
        "9112 3.2",
        "MUST",
        "invalid Host value (a b / u@h / h/path) -> 400",
        [b"GET /f.txt HTTP/1.1\r\nHost: %b\r\n\r\n" % host for host in (b"a b", b"u@h", b"h/path")],
        status(400),
    ),
    row("9112 3.2", "MAY", "HTTP/1.0 without Host is served", b"GET /f.txt HTTP/1.0\r\n\r\n", whole()),
    row("9112 3.2.2", "MUST", "absolute-form target accepted", get("http://a/f.txt"), whole()),
    row("9110 15.6.6", "SHOULD", "GET / HTTP/2.0 -> 505", get("/", version="HTTP/2.0"), status(505)),
    row(
        "9110 2.5",
        "SHOULD",
        "HTTP/1.2 treated as 1.1",
        get("/f.txt", version="HTTP/1.2"),
        whole(),
        speaks_1_1,
    ),
    row(
        "9112 9.3",
        "MUST",
        "HTTP/1.0 without keep-alive is closed",
        get("/f.txt", version="HTTP/1.0"),
        whole(),
        closes,
    ),
    row(
        "9112 9.3",
        "MAY",
        "HTTP/1.0 Connection: keep-alive persists and is echoed",
        get("/f.txt", "Connection: keep-alive", version="HTTP/1.0"),
        whole(),
        persists_if_it_says_so,
    ),
    row(
        "9112 9.6/9110 7.6.1",
        "MUST",
        "Connection: foo, close is honoured",
        get("/f.txt", "Connection: foo, close") + SMUGGLED,
        whole(),
        closes,
    ),
    row(
        "9112 9.6",
        "SHOULD",
        "final response says Connection: close",
        MINE,
        whole(),
        carries("connection", "close"),
    ),
    row(
        "9112 9.3.2",
        "MUST",
        "3 pipelined requests answered in order",
        get("/f.txt") + get("/f.css") + get("/dir/"),
        in_order(TEXT, CSS, INDEX),
    ),
    row(
        "9112 9.3",
        "MUST",
        "body of a refused POST is not parsed as the next request",
        [
            post("/f.txt", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED + MINE),
            post(
                "/f.txt",
                "Transfer-Encoding: chunked",
                body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED) + MINE,
            ),
        ],
        not_smuggled,
    ),
    row(
        "9112 2.2",
        "SHOULD",
        "one empty line before the request line is ignored",
        b"\r\n" + get("/f.txt"),
        whole(),
    ),
    row("9112 5.1", "MUST", "space before colon -> 400", [BAD_HEADER, get("/f.txt", "X\t: y")], status(400)),
    row(
        "9112 5.2",
        "MUST",
        "obs-fold -> 400 (or replaced)",
        [get("/f.txt", 'If-None-Match: "x",\r\n {etag}'), get("/f.txt", 'If-None-Match: "x",\r\n\t{etag}')],
        folded_or_refused,
    ),
    row("9110 5.5", "MUST", "NUL in a field value -> rejected", get("/f.txt", "X: a\0b"), status(400)),
    row("9110 5.5", "SHOULD", "BEL in a field value -> rejected", get("/f.txt", "X: a\ab"), status(400)),
    row(
        "9112 2.2",
        "MAY",
        "bare LF line ends rejected",
        [b"GET /f.txt HTTP/1.1\nHost: a\n\n", b"GET /f.txt HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"],
        whole(400),
    ),
    row(
        "9112 6.1/6.3",
        "MUST",
        "Content-Length + Transfer-Encoding -> 400 (and close)",
        [
            chunked("Content-Length: 5", "Transfer-Encoding: chunked"),
            chunked("Transfer-Encoding: chunked", "Content-Length: 5"),
        ],
        status(400),
        closes,
    ),
    row(
        "9112 6.3",
        "MUST",
        "two differing Content-Length -> 400",
        plain_post("Content-Length: 5", "Content-Length: 6"),
        status(400),
        closes,
    ),
    row(
        "9112 6.3",
        "MUST",
        "Content-Length +5 / -1 / 0x5 / 5, 6 -> 400",
        [plain_post(f"Content-Length: {length}") for length in ("+5", "-1", "0x5", "5, 6")],
        status(400),
        closes,
    ),
    row(
        "9112 6.3",
        "MUST",
        "chunked not final -> 400 + close",
        chunked("Transfer-Encoding: chunked, gzip"),
        status(400),
        closes,
    ),
    row(
        "9112 6.1",
        "SHOULD",
        "unknown transfer coding -> 501",
        chunked("Transfer-Encoding: foo, chunked"),
        status(501),
    ),
    row(
        "9112 6.1",
        "SHOULD",
        "Transfer-Encoding in HTTP/1.0 -> 400/close",
        request(
            "POST",
            "/f.txt",
            "Connection: keep-alive",
            "Transfer-Encoding: chunked",
            body=b"0\r\n\r\n" + SMUGGLED,
            version="HTTP/1.0",
        ),
        one_answer,
    ),
    row("9112 3", "SHOULD", "8000-octet request line supported", get("/f.txt?" + "q" * 7_980), whole()),
    row("9110 15.5.15", "SHOULD", "100 kB target -> 414", get("/" + "a" * 100_000), status(414)),
    row("6585 5", "SHOULD", "100 kB field -> 431", get("/f.txt", "X: " + "a" * 100_000), status(431)),
    row(
        "9110 10.1.1",
        "MAY",
        "unknown expectation -> 417",
        get("/f.txt", "Expect: miracles"),
        whole(417),
        interim(),
    ),
    row(
        "9110 10.1.1",
        "MUST",
        "no 100 to an HTTP/1.0 client",
        request("POST", "/f.txt", "Content-Length: 5", "Expect: 100-continue", version="HTTP/1.0"),
        no_continue,
    ),
    row("9110 8.8.3", "SHOULD", "200 has ETag and Last-Modified", get("/f.txt"), status(200), validators),
    row(
        "9110 13.1.2",
        "MUST",
        "If-None-Match hit -> 304 without content",
        get("/f.txt", "If-None-Match: {etag}"),
        not_modified,
    ),
    row(
        "9110 15.4.5",
        "MUST",
        "304 repeats ETag (and Date)",
        get("/f.txt", "If-None-Match: {etag}"),
        status(304),
        repeats_etag,
        dated,
    ),
    row(
        "9110 13.1.2",
        "MUST",
        "If-None-Match list with the tag -> 304",
        [
            get("/f.txt", 'If-None-Match: "x", {etag}, "y"'),
            get("/f.txt", 'If-None-Match: "x,y" ,{etag}'),
            get("/f.txt", 'If-None-Match: "x"', "If-None-Match: {etag}"),
        ],
        not_modified,
    ),
    row(
        "9110 8.8.3.2",
        "MUST",
        "W/ of the tag matches weakly -> 304",
        get("/f.txt", "If-None-Match: W/{bare etag}"),
        not_modified,
    ),
    row("9110 13.1.2", "MUST", "If-None-Match: * -> 304", get("/f.txt", "If-None-Match: *"), not_modified),
    row(
        "9110 13.1.3",
        "MUST",
        "IMS ignored when INM present",
        get("/f.txt", 'If-None-Match: "other"', "If-Modified-Since: {modified}"),
        whole(),
    ),
    row(
        "9110 13.1.3",
        "SHOULD",
        "If-Modified-Since = Last-Modified -> 304",
        get("/f.txt", "If-Modified-Since: {modified}"),
        not_modified,
    ),
    row(
        "9110 13.1.3",
        "SHOULD",
        "IMS one second after LM (still past) -> 304",
        get("/f.txt", "If-Modified-Since: {modified + 1 s}"),
        not_modified,
    ),
    row(
        "9110 5.6.7",
        "MUST",
        "rfc850-date accepted in IMS",
        get("/f.txt", "If-Modified-Since: {modified, rfc850}"),
        not_modified,
    ),
    row(
        "9110 5.6.7",
        "MUST",
        "asctime-date accepted in IMS",
        get("/f.txt", "If-Modified-Since: {modified, asctime}"),
        not_modified,
    ),
    row(
        "9110 13.1.3",
        "MUST",
        "invalid IMS ignored",
        [
            get("/f.txt", "If-Modified-Since: soon"),
            get("/f.txt", "If-Modified-Since: Sun, 32 Jan 2034 25:61:00 GMT"),
            get("/f.txt", "If-Modified-Since: 2099999999"),
        ],
        whole(),
    ),
    row(
        "9110 13.1.1",
        "MUST",
        "If-Match miss -> 412",
        [get("/f.txt", 'If-Match: "other"'), get("/f.txt", 'If-Match: "other", W/"other"')],
        status(412),
    ),
    row(
        "9110 13.1.4",
        "MUST",
        "If-Unmodified-Since before LM -> 412",
        get("/f.txt", "If-Unmodified-Since: {modified - 1 s}"),
        status(412),
    ),
    row(
        "9110 14.2",
        "MAY",
        "bytes=0-0 -> 206, 1 octet, right Content-Range",
        ranges("bytes=0-0"),
        part(0, 0, 200),
    ),
    row("9110 14.1.2", "MAY", "bytes=-5 -> last 5", ranges("bytes=-5"), part(SIZE - 5, SIZE - 1, 200)),
    row(
        "9110 14.1.2",
        "MUST",
        "bytes=-99999 (> size) -> whole representation",
        ranges("bytes=-99999"),
        part(0, SIZE - 1, 200),
    ),
    row("9110 14.1.2", "MUST", "bytes=10-99999 -> remainder", ranges("bytes=10-99999"), part(10, SIZE - 1)),
    row(
        "9110 15.5.17",
        "SHOULD",
        "start beyond end -> 416 with bytes */N",
        [ranges("bytes=99999-"), ranges(f"bytes={SIZE}-{SIZE}")],
        status(416),
        field_is("content-range", f"bytes */{SIZE}"),
    ),
    row(
        "9110 14.1.2",
        "SHOULD",
        "bytes=-0 -> 416",
        ranges("bytes=-0"),
        status(416),
        field_is("content-range", f"bytes */{SIZE}"),
    ),
    row(
        "9110 14.2",
        "MUST",
        "unknown range unit ignored -> 200",
        [ranges("lines=1-2"), ranges("octets=0-0"), ranges("byte=0-0")],
        whole(),
    ),
    row(
        "9110 14.2",
        "MAY",
        "invalid ranges ignored (200) or rejected (416/400), never 5xx",
        [
            ranges(f"bytes={spec}")
            for spec in ("5-2", "a-b", "", "-", "1-2-3", "--5", "0x1-5", "1-" + "9" * 400 + "x", "1;2")
        ],
        whole(416, 400),
    ),
    row("9110 14.3", "MAY", "Accept-Ranges: bytes on 200", get("/f.txt"), whole(), announces_ranges),
    row(
        "9110 14.6",
        "MAY",
        "two ranges -> multipart/byteranges",
        get("/1m.bin", "Range: bytes=0-9,1000-1009"),
        two_parts,
    ),
    row(
        "9110 14.2/17.15",
        "SHOULD",
        "1000 overlapping ranges: no amplification",
        [
            get("/1m.bin", "Range: bytes=" + ",".join(f"{first}-" for first in range(number)))
            for number in (1000, 99, 4)
        ],
        no_amplification,
    ),
    row(
        "9110 14.2",
        "MUST",
        "Range ignored on HEAD (200)",
        request("HEAD", "/f.txt", ONE_OCTET),
        status(200),
        lacks("content-range"),
        field_is("content-length", str(SIZE)),
    ),
    row(
        "9110 13.1.5",
        "MUST",
        "If-Range = strong ETag -> 206",
        get("/f.txt", ONE_OCTET, "If-Range: {etag}"),
        part(0, 0),
    ),
    row(
        "9110 13.1.5",
        "MUST",
        "If-Range other ETag -> 200 full",
        [get("/f.txt", ONE_OCTET, 'If-Range: "other"'), get("/f.txt", ONE_OCTET, "If-Range: W/{bare etag}")],
        whole(),
    ),
    row(
        "9110 13.1.5",
        "MUST",
        "If-Range old date -> 200 full",
        get("/f.txt", ONE_OCTET, f"If-Range: {LONG_AGO}"),
        whole(),
    ),
    row(
        "9110 13.2.2",
        "MUST",
        "INM hit beats Range -> 304",
        get("/f.txt", ONE_OCTET, "If-None-Match: {etag}"),
        not_modified,
    ),
    row(
        "9112 6.2",
        "MUST",
        "empty file: 200, Content-Length: 0",
        get("/empty"),
        status(200),
        field_is("content-length", "0"),
        goes_on,
    ),
    Row(
        "3986 2.1",
        "MUST",
        "%C3%BCn%C3%AF.txt and sp%20ace/f.txt found",
        (
            Case(get("/%C3%BCn%C3%AF.txt"), (status(200), body_is(NAMED))),
            Case(get("/%c3%bcn%c3%af.txt"), (status(200), body_is(NAMED))),
            Case(get("/sp%20ace/f.txt"), (status(200), body_is(SPACED))),
        ),
    ),
    row(
        "9110 17.3",
        "sec",
        "%2e%2e, ..%2f, %5c, // never leave the root",
        [
            get(target)
            for target in (
                "/../outside.txt",
                "/%2e%2e/outside.txt",
                "/..%2foutside.txt",
                "/%2e%2e%2foutside.txt",
                "/dir/../../outside.txt",
                "/dir/..%2f..%2foutside.txt",
                "/..%5coutside.txt",
                "/..\\outside.txt",
                "/%252e%252e/outside.txt",
                "/{outside}",
                "/%2f{outside}",
                "//outside.txt",
            )
        ],
        refused_path,
    ),
    row(
        "-",
        "sec",
        "/%00 -> 400/404, never 500",
        [get("/%00"), get("/f.txt%00"), get("/%00/f.txt")],
        status(400, 404),
    ),
    row("9110 10.2.2", "-", "/dir -> 301/308 to /dir/", get("/dir"), status(301, 308), to_folder),
    row(
        "CWE-601",
        "sec",
        "//evil.example/%2f.. does not redirect off-site",
        [
            get(target)
            for target in (
                "//evil.example/%2f..",
                "//dir",
                "///dir",
                "//evil.example/..",
                "/\\dir",
                "/%5cdir",
            )
        ],
        stays_on_site,
    ),
    row("-", "sec", "/.secret not served by default", get("/.secret"), refused_path),
    row("-", "sec", "symlink leaving the root not served by default", get("/leaving.txt"), refused_path),
    Row(
        "9110 8.3",
        "SHOULD",
        "text/css for .css; unknown/no extension is not text/html",
        (
            Case(get("/f.css"), (status(200), is_type("text/css(;.*)?"))),
            Case(get("/plain"), (status(200), body_is(MARKUP), is_type("(?!text/html).*"))),
            Case(get("/f.unknown"), (status(200), body_is(MARKUP), is_type("(?!text/html).*"))),
        ),
    ),
    row(
        "9110 8.3.2",
        "-",
        "text/plain says charset=utf-8",
        get("/f.txt"),
        status(200),
        is_type('text/plain; ?charset="?utf-8"?'),
    ),
    row(
        "fetch",
        "sec",
        "X-Content-Type-Options: nosniff",
        [get("/f.txt"), get("/f.css"), get("/plain")],
        status(200),
        carries("x-content-type-options", "nosniff"),
    ),
    Row(
        "9110 8.4/12.5.3",
        "-",
        ".gz sibling negotiated + Vary: Accept-Encoding",
        (
            Case(
                get("/x.txt", "Accept-Encoding: gzip"),
                (status(200), squeezed, carries("vary", "Accept-Encoding"), is_type("text/plain.*")),
            ),
            Case(get("/x.txt"), (status(200), body_is(SQUEEZED), carries("vary", "Accept-Encoding"))),
        ),
    ),
    row(
        "9110 12.4.2",
        "MUST",
        "gzip;q=0 -> identity",
        [
            get("/x.txt", f"Accept-Encoding: {value}")
            for value in ("gzip;q=0", "gzip; q=0.000", "GZIP;Q=0", "*;q=1, gzip;q=0", "identity, gzip;q=0")
        ],
        status(200),
        lacks("content-encoding"),
        body_is(SQUEEZED),
    ),
    row(
        "9110 8.8.3.3",
        "MUST",
        "if negotiated: strong ETag differs between codings",
        get("/x.txt", "Accept-Encoding: gzip") + get("/x.txt", CLOSE),
        status(200),
        tags_differ,
    ),
    row(
        "9110 8.4",
        "-",
        "p.tar.gz is not labelled Content-Encoding: gzip",
        [get("/p.tar.gz"), get("/p.tar.gz", "Accept-Encoding: gzip")],
        status(200),
        lacks("content-encoding"),
        body_is(ARCHIVE),
    ),
    row(
        "9112 6.3 note",
        "SHOULD",
        "SHUT_WR right after a keep-alive GET: whole answer still sent",
        get("/1m.bin"),
        status(200),
        body_is(MIB),
        closes,
        send=then_shut,
    ),
    row(
        "9112 2.1",
        "-",
        "request split into 1-byte writes",
        get("/f.txt"),
        whole(),
        goes_on,
        send=octet_by_octet,
    ),
    row(
        "9112 9.6",
        "SHOULD",
        "4 MiB POST to 405: client can still read the status (lingering close)",
        post("/f.txt", f"Content-Length: {4 * 2**20}", body=bytes(4 * 2**20)),
        readable,
        send=without_reading,
    ),
)
