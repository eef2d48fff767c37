"""
What an HTTP/1.1 server owes where an answer reads bodies, or where it takes more than one step.

The server that is asked echoes on ``/`` and serves the site's files elsewhere. A row has one case a
variant: the request's octets and its checks. `quick` cases ask a server with short deadlines.
"""

import os
import random
import signal
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.obligations.checks import (
    Case,
    Check,
    Place,
    Row,
    Scene,
    Send,
    Talk,
    at_once,
    body_is,
    carries,
    closes,
    get,
    goes_on,
    interim,
    lacks,
    location_of,
    must,
    octet_by_octet,
    post,
    refused,
    request,
    status,
    still_serves,
    then_shut,
    whole,
)
from tests.obligations.rows import no_continue
from tests.obligations.servers import file_daemon
from tests.obligations.site import LONG, TEXT
from tests.obligations.wire import Connection
from tests.processes import Program

LEVEL = "-"  # the rows join rules of several levels
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
NEXT = get("/f.txt")  # stands behind what must not be answered, or behind what must
CHUNKED = "Transfer-Encoding: chunked"
SMALL_WINDOW = 65_536  # octets that a slow reader's socket takes
FEW = 100_000  # octets that it reads at first


def case(octets: bytes, *checks: Check, send: Send = at_once) -> Case:
    """A request to the echo."""
    return Case(octets, checks, send)


def quick(octets: bytes, *checks: Check, send: Send = at_once) -> Case:
    """A request to the echo that has short deadlines."""
    return Case(octets, checks, send, quick=True)


def chunked(body: bytes, *lines: str) -> bytes:
    """A chunked POST to the echo."""
    return post("/", CHUNKED, *lines, body=body)


def refused_chunks(*bodies: bytes) -> tuple[Case, ...]:
    """Each of the bodies is refused, and the request behind it never answered."""
    return tuple(case(chunked(body + NEXT), refused(400), still_serves) for body in bodies)


def echoed(body: bytes, expected: bytes, *lines: str) -> tuple[Case, Case]:
    """The body is decoded, whole or in pieces, and what stands behind it is the next request."""
    octets, checks = chunked(body, *lines), (status(200), body_is(expected), goes_on)
    return case(octets, *checks), case(octets, *checks, send=octet_by_octet)


# Chunks.

VALID_CHUNKS = (
    *echoed(b"5;a=b\r\nhello\r\n0\r\n\r\n", b"hello"),
    *echoed(b'5;a="x;y\\"z";b;c=d\r\nhello\r\n0;e\r\n\r\n', b"hello"),
    *echoed(b"A\r\n0123456789\r\n000\r\n\r\n", b"0123456789"),
    *echoed(b"0a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    *echoed(b"5\r\nhello\r\n0\r\nChecksum: 1\r\nOther: 2\r\n\r\n", b"hello", "Trailer: Checksum"),
    *echoed(b"1\r\nh\r\n3\r\n\r\n0\r\n1\r\no\r\n0\r\n\r\n", b"h\r\n0o"),
    *echoed(b"0\r\n\r\n", b""),
)


def trailer_apart(talk: Talk) -> None:
    """The trailer is refused; or it is ignored, and the next request is answered as it stands."""
    if talk.first.status == 400:
        closes(talk)
        return
    whole_body = talk.first.status == 200 and talk.first.body == b"hello"
    must(whole_body, f"{talk.first.status} with {talk.first.body!r}")
    must(talk.nth(1).body == TEXT, "the next request was taken for something else")


# Framing.


def never_framing(talk: Talk) -> None:
    """Another name is another field: no body is read by it, and its chunks are a broken request."""
    answers = talk.all()
    must(answers and answers[-1].status == 400, f"the statuses {[answer.status for answer in answers]}")
    must(all(b"hello" not in answer.body for answer in answers[:-1]), "the chunks were taken for a body")
    must(len(answers) <= 2, "the request behind it was answered")
    must(talk.connection.end == "FIN", "no close")


def five_octets_or(*codes: int) -> Check:
    """The one value is taken, and the request behind the body answered; or it is refused."""

    def check(talk: Talk) -> None:
        if talk.first.status != 200:
            refused(*codes)(talk)
            return
        must(talk.first.body == b"hello", f"the body {talk.first.body!r}")
        must(talk.nth(1).body == TEXT, "the next request was taken for something else")

    return check


def with_length(value: str) -> bytes:
    return post("/", f"Content-Length: {value}", body=b"hello" + NEXT)


def cut_in_time(talk: Talk) -> None:
    """The server waits for the rest, then says 408 or nothing, and closes."""
    begun = time.monotonic()
    must(talk.connection.quiet(0.2), "it did not wait for the rest")
    answers = [answer.status for answer in talk.all(seconds=2.5)]
    seconds = time.monotonic() - begun
    must(answers in ([], [408]), f"the statuses {answers}")
    must(talk.connection.end, "neither 408 nor a close")
    must(seconds < 2.0, f"only after {seconds:.1f} s")


def cut_in_silence(talk: Talk) -> None:
    """What the server does not want it need not wait for; all the same, it closes in time."""
    begun = time.monotonic()
    octets = talk.connection.rest(2.5)
    must(not octets, f"a second answer: {octets[:60]!r}")
    must(talk.connection.end, f"still open after {time.monotonic() - begun:.1f} s")


def no_answer_yet(talk: Talk) -> None:
    """Nothing but the head is sent; one interim response comes, and no other octet."""
    _, code, _ = talk.connection.head()
    must(code == 100, f"{code} instead of 100")
    must(talk.connection.quiet(0.2), "more than one response before the body")


def then(octets: bytes) -> Check:
    """Send these octets, too."""

    def check(talk: Talk) -> None:
        talk.connection.send(octets)

    return check


def at_most_one_interim(talk: Talk) -> None:
    """A client that did not wait may be spared the 100."""
    must(talk.first.interim in ((), (100,)), f"interim responses: {talk.first.interim}")


# Targets and fields.


def own_authority(talk: Talk) -> None:
    """A redirect leads to the authority of the target, not to that of Host."""
    status(301, 308, 400)(talk)
    if talk.first.status != 400:
        must(location_of(talk) == ("a", "/dir/"), f"Location: {talk.first.get('location')}")


def too_much(octets: bytes, *codes: int) -> Case:
    return case(octets, status(*codes), carries("connection", "close"), closes, still_serves)


# Strangers.


def dismissed(talk: Talk) -> None:
    """An answer that tells the client off, or none; then the close, before long."""
    answers = [answer.status for answer in talk.all(seconds=2.5)]
    must(set(answers) <= {400, 408, 505} and len(answers) <= 1, f"the statuses {answers}")
    must(talk.connection.end, "the connection is still open")


def client_hello() -> bytes:
    """The first octets of TLS."""
    written = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), written, server_hostname="a.example")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return written.read()
    raise AssertionError("a handshake without a peer")


def strangers(*octets: bytes) -> tuple[Case, ...]:
    """Neither one who waits for an answer nor one who has nothing more to say is left hanging."""
    return tuple(
        quick(greeting, dismissed, still_serves, send=send)
        for greeting in octets
        for send in (at_once, then_shut)
    )


# Responses.

UPGRADE = ("Upgrade: foo", "Connection: upgrade")


def unchanged(method: str, target: str, *lines: str, body: bytes = b"", version: str = "HTTP/1.1") -> Case:
    """Upgrade changes nothing: neither the status nor the content."""
    if method == "POST":
        lines = (*lines, f"Content-Length: {len(body)}")
    octets = request(method, target, *lines, body=body, version=version)
    return case(octets, status(200), body_is(body or TEXT), lacks("upgrade"), interim())


def bodiless(code: int) -> tuple[Check, ...]:
    """A head is all there is: no coding, no length but that of a 304, and the next answer right behind."""
    length = () if code == 304 else (lacks("content-length"),)
    return status(code), *length, lacks("transfer-encoding"), goes_on


def bare_interim(talk: Talk) -> None:
    """An interim response has no field that tells of a body."""
    _, code, lines = talk.connection.head()
    names = {name.lower() for name, _ in lines}
    must(code == 100 and not names & {"content-length", "transfer-encoding"}, f"{code} with {names}")
    talk.connection.send(b"hello")
    body_is(b"hello")(talk)


def old_style(body: bytes) -> tuple[Check, ...]:
    """The answer has nothing that HTTP/1.0 does not know."""
    return status(200), interim(), lacks("transfer-encoding"), body_is(body)


def old(method: str, target: str, *lines: str, body: bytes = b"") -> bytes:
    return request(method, target, *lines, body=body, version="HTTP/1.0")


# The end.


@contextmanager
def own_daemon(place: Place, grace: float) -> Iterator[tuple[Program, Place]]:
    """A daemon of the row's own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        file_daemon(Path(folder), place.site, f"--grace={grace}") as program_and_place,
    ):
        yield program_and_place


def download(connection: Connection, target: str, behind: bytes = b"") -> None:
    """Ask for a file of `LONG` octets, and read only a few of them."""
    connection.send(get(target) + behind)
    _, code, lines = connection.head()
    must(code == 200 and ("Content-Length", str(LONG)) in lines, f"{code} with {lines}")
    connection.some(FEW)


def drains(place: Place) -> str:
    """SIGTERM: a download and a request under way are completed, who is idle is let go."""
    with own_daemon(place, grace=10) as (program, own), own.connect(SMALL_WINDOW) as reader:
        with own.connect() as idle, own.connect() as halfway:
            idle.send(NEXT)
            must(idle.answer().body == TEXT, "no answer before the signal")
            download(reader, "/long.bin")
            halfway.send(NEXT[:-2])
            time.sleep(0.2)  # until that has been read
            program.send_signal(signal.SIGTERM)
            begun = time.monotonic()
            must(idle.rest(2.0) == b"" and idle.end == "FIN", f"idle: {idle.end or 'still open'}")
            halfway.send(NEXT[-2:])
            answer = halfway.answer()
            must(answer.status == 200 and answer.body == TEXT, f"the request under way: {answer.status}")
            must("close" in answer.tokens("connection"), "the next response does not say Connection: close")
            must(halfway.rest(2.0) == b"" and halfway.end == "FIN", "the request under way: no close")
        must(not reader.some(LONG - FEW).strip(b"\0"), "other octets than the file's")
        must(reader.rest(2.0) == b"" and reader.end == "FIN", "the download: no close after it")
        code = program.wait()
        seconds = time.monotonic() - begun
    must(code == 0 and seconds < 10, f"exit status {code} after {seconds:.1f} s")
    return f"200 200 200, exit {code}"


def cuts_at_the_grace(place: Place) -> str:
    """SIGTERM: who takes nothing more is waited for as long as the grace lasts."""
    with own_daemon(place, grace=1) as (program, own), own.connect(SMALL_WINDOW) as reader:
        download(reader, "/long.bin")
        program.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        code = program.wait()
        seconds = time.monotonic() - begun
    must(code == 0 and 0.8 < seconds < 2.5, f"exit status {code} after {seconds:.1f} s, the grace being 1 s")
    return f"200, exit {code}"


@contextmanager
def changing_download(place: Place) -> Iterator[tuple[Path, Connection]]:
    """A file that is being sent, another request waiting behind; octets that are not zero are new."""
    path = place.site.root / "changing.bin"
    with path.open("wb") as file:
        file.truncate(LONG)
    try:
        with place.connect(SMALL_WINDOW) as reader:
            download(reader, "/changing.bin", NEXT)
            yield path, reader
    finally:
        path.unlink(missing_ok=True)


def truncated_to(size: int) -> Scene:
    """What is missing is not made up; the connection ends, and that tells the client."""

    def act(place: Place) -> str:
        with changing_download(place) as (path, reader):
            os.truncate(path, size)
            rest = reader.rest()
        must(FEW + len(rest) < LONG, "the file was sent before it was truncated, or filled up")
        must(not rest.strip(b"\0"), "something else was sent in the file's place")
        must(reader.end, "the connection is still open")
        return f"200 {reader.end}"

    return Scene(act)


def unharmed(change: Callable[[Path], object]) -> Scene:
    """Just the octets that were promised are sent, and the next answer follows them."""

    def act(place: Place) -> str:
        with changing_download(place) as (path, reader):
            change(path)
            must(not reader.some(LONG - FEW).strip(b"\0"), "a mixture of the old file and the new")
            answer = reader.answer()
        must(answer.status == 200 and answer.body == TEXT, f"the next request got {answer.status}")
        return "200 200"

    return Scene(act)


def replace(path: Path) -> None:
    """Put another file in its place."""
    other = path.with_suffix(".new")
    other.write_bytes(b"x" * 1000)
    other.replace(path)


def append(path: Path) -> None:
    """Let it grow."""
    with path.open("ab") as file:
        file.write(b"x" * 1000)


BODY_ROWS: tuple[Row, ...] = (
    Row(
        "9112 7.1",
        LEVEL,
        "400, close",
        refused_chunks(
            *(
                size + b"\r\nhello\r\n0\r\n\r\n"
                for size in (b"+5", b"-5", b"0x5", b"0_5", b" 5", b"5 ", b"\t5", b"", b"0" * 16 + b"5")
            ),
            b"1" + b"0" * 15 + b"5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n+0\r\n\r\n",
        ),
        "chunk-size with sign, 0x, _, leading/trailing space, > 16 hex digits",
    ),
    Row(
        "9112 7.1, 7.1.1",
        LEVEL,
        "400, close",
        refused_chunks(
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\rXhello\r\n0\r\n\r\n",
            b"5;\nhello\r\n0\r\n\r\n",
            b"5;a\nhello\r\n0\r\n\r\n",
            b"5;\r\nhello\r\n0\r\n\r\n",
            b"5;a b\r\nhello\r\n0\r\n\r\n",
            b"5;a=\r\nhello\r\n0\r\n\r\n",
            b"5;=b\r\nhello\r\n0\r\n\r\n",
            b'5;a="b\r\nhello\r\n0\r\n\r\n',
            b"5;a\0\r\nhello\r\n0\r\n\r\n",
            b"5;a=" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
        ),
        "chunk data not followed by CRLF; LF-only after chunk-size; 5;\\n; bare ;; bad token; long ext",
    ),
    Row(
        "9112 7.1",
        LEVEL,
        "body decoded, 2xx",
        VALID_CHUNKS,
        "chunked, valid ext 5;a=b, upper-case hex, trailers, several chunks, split at every byte",
    ),
    Row(
        "9110 6.5.1",
        LEVEL,
        "ignored or 400, never merged",
        tuple(
            case(chunked(b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n" + NEXT), trailer_apart)
            for trailer in (b"Content-Length: 100", b"Transfer-Encoding: chunked", b"Host: b")
        ),
        "trailer named Content-Length/Transfer-Encoding/Host",
    ),
    Row(
        "9112 6.1, 6.3",
        LEVEL,
        "400 and close; second never answered",
        tuple(
            case(post("/", *lines, body=HELLO + NEXT), refused(400))
            for length in (0, 5, len(HELLO), 10**6)
            for lines in ((f"Content-Length: {length}", CHUNKED), (CHUNKED, f"Content-Length: {length}"))
        ),
        "TE+CL, whatever order, then a second request on the socket",
    ),
    Row(
        "9112 6.1, 6.3",
        LEVEL,
        "400 (never treated as framing)",
        (
            case(chunked(HELLO + NEXT, CHUNKED), refused(400)),
            case(post("/", "Transfer-Encoding: gzip", CHUNKED, body=HELLO + NEXT), refused(400, 501)),
            *(
                case(post("/", f"Transfer-Encoding: {value}", body=HELLO + NEXT), refused(400))
                for value in ("chunked, chunked", ",chunked", "chunked;q=1", "chunked x", "")
            ),
            *(
                case(post("/", f"Transfer-Encoding: {value}", body=HELLO + NEXT), refused(400))
                for blank in "\v\f\0"
                for value in (f"{blank}chunked", f"chunked{blank}")
            ),
            case(post("/", "Transfer_Encoding: chunked", body=HELLO + NEXT), never_framing),
        ),
        "two Transfer-Encoding; chunked, chunked; ,chunked; chunked;q=1; VTAB/FF/NUL; Transfer_Encoding",
    ),
    Row(
        "9110 8.6",
        LEVEL,
        "400 (or single value for identical list)",
        (
            *(case(with_length(value), five_octets_or(400)) for value in ("5, 5", "5,5", "05", "5 ")),
            case(
                post("/", "Content-Length: 5", "Content-Length: 5", body=b"hello" + NEXT), five_octets_or(400)
            ),
            case(with_length(""), refused(400)),
            *(case(with_length(str(2**64 + more)), refused(400, 413)) for more in (0, 5)),
        ),
        "Content-Length: 5, 5 / 05 / 5_ / empty / 2^64",
    ),
    Row(
        "9110 15.5.9",
        LEVEL,
        "408 or close by the body deadline",
        (
            quick(post("/", "Content-Length: 10", body=b"hello"), cut_in_time),
            quick(post("/", "Content-Length: 10"), cut_in_time),
            quick(chunked(b"5\r\nhel"), cut_in_time),
            quick(chunked(b"5\r\nhello\r\n"), cut_in_time),
            quick(post("/f.txt", "Content-Length: 10", body=b"hello"), status(405), cut_in_silence),
        ),
        "incomplete body then idle",
    ),
    Row(
        "9110 10.1.1",
        LEVEL,
        "exactly one 100, then final",
        (
            case(
                post("/", "Content-Length: 5", "Expect: 100-continue"),
                no_answer_yet,
                then(b"hello"),
                status(200),
                interim(),
                body_is(b"hello"),
                goes_on,
            ),
            case(
                chunked(b"", "Expect: 100-Continue"),
                no_answer_yet,
                then(HELLO),
                status(200),
                interim(),
                body_is(b"hello"),
                goes_on,
            ),
            case(
                post("/", "Content-Length: 5", "Expect: 100-continue", body=b"hello"),
                at_most_one_interim,
                status(200),
                body_is(b"hello"),
                goes_on,
            ),
        ),
        "Expect: 100-continue with accepted body",
    ),
    Row(
        "9112 3.2.1-3.2.4",
        LEVEL,
        "400; 2xx; 405/501; 400; 400",
        (
            case(get("*"), status(400)),
            case(request("OPTIONS", "*"), status(200, 204)),
            case(request("CONNECT", "a:80"), status(405, 501)),
            case(get("a:80"), status(400)),
            case(get("f.txt"), status(400)),
            case(get("?f.txt"), status(400)),
        ),
        "GET *; OPTIONS *; CONNECT host:port; authority-form with GET; target without leading /",
    ),
    Row(
        "9112 3.2.2",
        LEVEL,
        "authority wins (or 400)",
        (
            case(b"GET http://a/f.txt HTTP/1.1\r\nHost: evil.example\r\n\r\n", whole(400)),
            case(b"GET http://a/dir HTTP/1.1\r\nHost: evil.example\r\n\r\n", own_authority),
        ),
        "absolute-form authority differs from Host",
    ),
    Row(
        "9112 3, 2.3",
        LEVEL,
        "400",
        tuple(
            case(line + b"\r\nHost: a\r\n\r\n", status(400))
            for line in (
                b"GET /f.txt#x HTTP/1.1",
                b"GET http://a/f.txt#x HTTP/1.1",
                b"GET\t/f.txt\tHTTP/1.1",
                b"GET  /f.txt HTTP/1.1",
                b"GET /f.txt  HTTP/1.1",
                b"GET /f.txt x HTTP/1.1",
                b"GET /f.txt HTTP/1.1 ",
                b" GET /f.txt HTTP/1.1",
                b"GET /f.txt http/1.1",
                b"GET /f.txt HTTP/01.1",
                b"GET /f.txt HTTP/1.01",
                b"GET /f.txt HTTP/1",
                b"GET /f.txt HTTP/1.",
            )
        ),
        "fragment #x in target; tab or double SP in request line; HTTP/1.1_; http/1.1; HTTP/01.1; HTTP/1",
    ),
    Row(
        "9112 5.1, 2.2",
        LEVEL,
        "400",
        tuple(
            case(b"GET /f.txt HTTP/1.1\r\n" + lines + b"\r\n\r\n", status(400))
            for lines in (
                b"Host: a\r\n: x",
                b"Host: a\r\nX",
                b"Host: a\r\nX(y): z",
                b"Host: a\r\nX y: z",
                b"Host: a\r\nX\xfc: z",
                b" X: y\r\nHost: a",
                b"\tX: y\r\nHost: a",
                b" \r\nHost: a",
            )
        ),
        "empty field name, no colon, non-token name, leading space on first field line",
    ),
    Row(
        "6585 5",
        LEVEL,
        "431/400, then the process still answers others",
        (
            too_much(get("/f.txt", *["X: y"] * 10_000), 431, 400),
            too_much(get("/f.txt", "X" * 100_000 + ": y"), 431, 400),
            too_much(get("/f.txt", "X: " + "y" * 100_000), 431, 400),
            too_much(request("X" * 100_000, "/f.txt"), 431, 400, 501),  # RFC 9112 §3 knows this, too
        ),
        "10,000 fields; 100 kB name/value/method",
    ),
    Row(
        "-",
        LEVEL,
        "400/505/close, never 5xx or hang",
        strangers(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
            client_hello(),
            random.Random(1).randbytes(256),
            random.Random(2).randbytes(256).replace(b"\n", b""),
            bytes(256),
            b"",
        ),
        "HTTP/2 preface, TLS ClientHello, 256 random bytes, zero bytes",
    ),
    Row(
        "9110 7.8",
        LEVEL,
        "ignored, normal answer",
        (
            unchanged("GET", "/f.txt", "Upgrade: foo"),
            unchanged("GET", "/f.txt", *UPGRADE),
            unchanged("GET", "/f.txt", *UPGRADE, version="HTTP/1.0"),
            unchanged("POST", "/", "Upgrade: foo", body=b"hello"),
            unchanged("POST", "/", *UPGRADE, body=b"hello"),
            unchanged(
                "GET",
                "/f.txt",
                "Upgrade: h2c",
                "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
                "Connection: Upgrade, HTTP2-Settings",
            ),
        ),
        "Upgrade: foo with and without Connection: upgrade, in HTTP/1.0, on POST",
    ),
    Row(
        "9110 8.6, 9112 6.1",
        LEVEL,
        "no Content-Length body, no Transfer-Encoding",
        (
            case(request("OPTIONS", "/f.txt"), *bodiless(204)),
            case(request("OPTIONS", "*"), *bodiless(204)),
            case(get("/f.txt", "If-None-Match: {etag}"), *bodiless(304)),
            case(request("HEAD", "/f.txt", "If-None-Match: {etag}"), *bodiless(304)),
            case(post("/", "Content-Length: 5", "Expect: 100-continue"), bare_interim),
        ),
        "204/304/1xx",
    ),
    Row(
        "9112 6.1, 9110 15.2",
        LEVEL,
        "never chunked, never 1xx",
        (
            case(old("GET", "/f.txt"), *old_style(TEXT), closes),
            case(old("GET", "/f.txt", "TE: trailers, chunked", "Connection: TE"), *old_style(TEXT), closes),
            case(old("GET", "/f.txt", "Connection: keep-alive"), *old_style(TEXT), goes_on),
            case(old("POST", "/", "Content-Length: 5", body=b"hello"), *old_style(b"hello"), closes),
            case(
                old("POST", "/", "Content-Length: 5", "Expect: 100-continue"),
                no_continue,
                *old_style(b"hello"),
                closes,
            ),
        ),
        "response to HTTP/1.0",
    ),
    Row(
        "9112 9.6",
        LEVEL,
        "download completes, idle closed, next response carries Connection: close, exit <= grace",
        (Scene(drains), Scene(cuts_at_the_grace)),
        "SIGTERM during a download and with idle keep-alive peers",
    ),
    Row(
        "9110 8.6",
        LEVEL,
        "never more than Content-Length octets; connection closed if short",
        (truncated_to(0), truncated_to(FEW * 2), unharmed(replace), unharmed(append)),
        "file replaced / truncated while being sent",
    ),
)
