"""What a row of the tables is, how it is judged, and the checks that several rows share."""

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from subprocess import TimeoutExpired
from urllib.parse import quote, urljoin, urlsplit

from tests.obligations.site import TEXT, Site
from tests.obligations.wire import PATIENCE, Answer, Connection, Ended, Silent

_IMF_FIXDATE = re.compile(
    "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
_REQUEST = re.compile(rb"^([A-Z]+) [^ \r\n]+ HTTP/1\.[0-9]\r?$", re.MULTILINE)
_OF_F_TXT = b"GET /f.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Broken(AssertionError):
    """An obligation is not kept; the text says in what."""


def must(kept: object, why: str) -> None:
    """Raise `Broken` with *why* unless it is *kept*."""
    if not kept:
        raise Broken(why)


@dataclass
class Place:
    """
    A server, and the site that it serves.

    *quick* is one that differs only in its deadlines, which are short; where there is none, the rows
    that need it cannot be asked.
    """

    host: str
    port: int
    site: Site
    quick: "Place | None" = None

    def connect(self, window: int | None = None) -> Connection:
        return Connection(self.host, self.port, window)

    @cached_property
    def _f_txt(self) -> Answer:
        with self.connect() as connection:
            connection.send(_OF_F_TXT)
            return connection.answer()

    @property
    def etag(self) -> str:
        """The entity tag of /f.txt."""
        tag = self._f_txt.get("etag")
        if tag is None:
            raise Broken("/f.txt has no ETag to ask with")
        return tag

    @property
    def modified(self) -> datetime:
        """When /f.txt was last modified, as the server says."""
        date = self._f_txt.get("last-modified")
        if date is None or not _IMF_FIXDATE.fullmatch(date):
            raise Broken("/f.txt has no Last-Modified to ask with")
        return parsedate_to_datetime(date)

    def fill(self, octets: bytes) -> bytes:
        """Put into a request what only the server can tell: ``{etag}`` and the like."""
        for name, value in _PLACEHOLDERS.items():
            if name in octets:
                octets = octets.replace(name, value(self).encode())
        return octets


def imf_fixdate(date: datetime) -> str:
    """RFC 9110 §5.6.7, the form that everyone writes; the two obsolete ones follow."""
    return f"{date:%a, %d %b %Y %H:%M:%S} GMT"


def _moved(place: Place, seconds: int) -> str:
    return imf_fixdate(datetime.fromtimestamp(place.modified.timestamp() + seconds, UTC))


_PLACEHOLDERS: dict[bytes, Callable[[Place], str]] = {
    b"{etag}": lambda place: place.etag,
    b"{bare etag}": lambda place: place.etag.removeprefix("W/"),
    b"{modified}": lambda place: imf_fixdate(place.modified),
    b"{modified + 1 s}": lambda place: _moved(place, 1),
    b"{modified - 1 s}": lambda place: _moved(place, -1),
    b"{modified, rfc850}": lambda place: f"{place.modified:%A, %d-%b-%y %H:%M:%S} GMT",
    b"{modified, asctime}": lambda place: (
        f"{place.modified:%a %b} {place.modified.day:2} {place.modified:%H:%M:%S %Y}"
    ),
    b"{outside}": lambda place: quote(str(place.site.outside)),
}


class Talk:
    """One connection on which a request was sent; its answers are read as the checks ask for them."""

    def __init__(self, place: Place, request: bytes) -> None:
        self.place = place
        self.request = place.fill(request)
        self.connection = place.connect()
        self.answers: list[Answer] = []
        self._methods = [method.decode() for method in _REQUEST.findall(self.request)]

    @property
    def first(self) -> Answer:
        return self.nth(0)

    def nth(self, number: int, seconds: float = PATIENCE) -> Answer:
        """The answer to the request of this number, from 0 on."""
        while len(self.answers) <= number:
            method = (self._methods[len(self.answers) :] or ["GET"])[0]
            self.answers.append(self.connection.answer(method, seconds))
        return self.answers[number]

    def all(self, seconds: float = 1.0) -> list[Answer]:
        """Every answer until the connection ends, or nothing more comes for *seconds*."""
        with suppress(Ended, Silent):
            while True:
                self.nth(len(self.answers), seconds)
        return self.answers

    @property
    def got(self) -> str:
        """What came, in a few words."""
        words = [str(status) for answer in self.answers for status in (*answer.interim, answer.status)]
        return " ".join([*words, *filter(None, [self.connection.end])]) or "nothing"


Check = Callable[[Talk], None]
Send = Callable[[Talk], None]


def at_once(talk: Talk) -> None:
    """Send the request as one piece."""
    talk.connection.send(talk.request)


def octet_by_octet(talk: Talk) -> None:
    """Send every octet of it as a segment of its own."""
    talk.connection.send_slowly(talk.request)


def then_shut(talk: Talk) -> None:
    """Send it and close for writing."""
    talk.connection.send(talk.request)
    talk.connection.finish()


def without_reading(talk: Talk) -> None:
    """Send it to its end before anything is read."""
    talk.connection.send(talk.request, reading=False)


@dataclass(frozen=True)
class Heard:
    """What came of one case; *fault* is empty where the obligation was kept."""

    got: str
    fault: str = ""
    sent: bytes = b""
    received: bytes = b""


@dataclass(frozen=True)
class Case:
    """A request, sent on a connection of its own, and what has to be true of the answer."""

    request: bytes
    checks: tuple[Check, ...]
    send: Send = at_once
    quick: bool = False  # ask the server that has short deadlines

    def run(self, place: Place) -> Heard:
        asked = place.quick if self.quick else place
        if asked is None:
            return Heard("-", "there is no server with short deadlines to ask")
        try:
            talk = Talk(asked, self.request)
        except (AssertionError, ValueError) as broken:
            return Heard("-", str(broken), self.request)
        with talk.connection as connection:
            fault = ""
            try:
                self.send(talk)
                for check in self.checks:
                    check(talk)
            except (AssertionError, ValueError, OSError) as broken:
                fault = str(broken) or type(broken).__name__
            return Heard(talk.got, fault, connection.sent, connection.received)


@dataclass(frozen=True)
class Scene:
    """What takes more than one connection; *act* says what was got, or raises `Broken`."""

    act: Callable[[Place], str]

    def run(self, place: Place) -> Heard:
        try:
            return Heard(self.act(place))
        except (AssertionError, OSError, TimeoutExpired) as broken:
            return Heard("-", str(broken))


@dataclass(frozen=True)
class Verdict:
    """How a row was kept."""

    heard: tuple[Heard, ...]

    @property
    def faults(self) -> list[Heard]:
        return [heard for heard in self.heard if heard.fault]

    @property
    def kept(self) -> bool:
        return not self.faults

    @property
    def got(self) -> str:
        """What the cases got, equal ones once."""
        counted = Counter(heard.got for heard in self.heard)
        return ", ".join(got if times == 1 else f"{got} (x{times})" for got, times in counted.items())


@dataclass(frozen=True)
class Row:
    """One obligation: where it stands, how strong it is, what it requires of which requests."""

    source: str
    level: str
    required: str
    cases: tuple[Case | Scene, ...]
    asked: str = field(default="")  # the requests in words; empty: the first one's octets tell

    @property
    def request(self) -> str:
        """What is asked, on one line."""
        if self.asked:
            return self.asked
        case = self.cases[0]
        text = repr(case.request)[2:-1].replace(r"\r\n", "|") if isinstance(case, Case) else ""
        return text.replace(" HTTP/1.1|Host: a|", "|")

    def judge(self, place: Place) -> Verdict:
        """Run every case against *place*."""
        return Verdict(tuple(case.run(place) for case in self.cases))


def row(
    source: str,
    level: str,
    required: str,
    requests: bytes | list[bytes],
    *checks: Check,
    send: Send = at_once,
) -> Row:
    """A row whose requests all have to meet the same checks."""
    variants = [requests] if isinstance(requests, bytes) else requests
    return Row(source, level, required, tuple(Case(request, checks, send) for request in variants))


# Requests.


def request(method: str, target: str, *lines: str, body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """A request in octets; *lines* follow its Host."""
    head = "\r\n".join([f"{method} {target} {version}", "Host: a", *lines, "", ""])
    return head.encode("latin-1") + body


def get(target: str, *lines: str, version: str = "HTTP/1.1") -> bytes:
    return request("GET", target, *lines, version=version)


def post(target: str, *lines: str, body: bytes = b"") -> bytes:
    return request("POST", target, *lines, body=body)


# Checks.


def status(*codes: int) -> Check:
    """The final status is one of *codes*."""

    def check(talk: Talk) -> None:
        must(talk.first.status in codes, f"status {talk.first.status}, not {_either(codes)}")

    return check


def carries(name: str, *tokens: str) -> Check:
    """The field is there, and each of *tokens* is a member of it."""

    def check(talk: Talk) -> None:
        must(talk.first.get(name) is not None, f"no {name}")
        missing = {token.lower() for token in tokens} - talk.first.tokens(name)
        must(not missing, f"{name}: {talk.first.get(name)} lacks {', '.join(sorted(missing))}")

    return check


def field_is(name: str, value: str) -> Check:
    """The field has just this value."""

    def check(talk: Talk) -> None:
        must(talk.first.get(name) == value, f"{name} is {talk.first.get(name)!r}, not {value!r}")

    return check


def lacks(name: str) -> Check:
    """The field is not there."""

    def check(talk: Talk) -> None:
        must(talk.first.get(name) is None, f"{name}: {talk.first.get(name)}")

    return check


def body_is(octets: bytes) -> Check:
    """The body has just these octets."""

    def check(talk: Talk) -> None:
        body = talk.first.body
        must(body == octets, f"a body of {len(body)} octets, {body[:30]!r}, not {octets[:30]!r}")

    return check


def body_lacks(octets: bytes) -> Check:
    """No answer has *octets* in its body."""

    def check(talk: Talk) -> None:
        must(all(octets not in answer.body for answer in talk.all(0.2)), f"the body holds {octets[:30]!r}")

    return check


def dated(talk: Talk) -> None:
    """Date is there, in IMF-fixdate, and tells the time."""
    date = talk.first.get("date")
    must(date and _IMF_FIXDATE.fullmatch(date), f"Date: {date}")
    late = abs(time.time() - parsedate_to_datetime(str(date)).timestamp())
    must(late < 60, f"Date is {late:.0f} s wrong")


def delimited(talk: Talk) -> None:
    """The answer tells its own length."""
    answer = talk.first
    must(answer.get("content-length") or answer.get("transfer-encoding"), "the body's length is not told")


def closes(talk: Talk) -> None:
    """The server closes after the first answer, with FIN, and sends nothing more."""
    status = talk.first.status
    more = talk.connection.rest(2.0)
    must(not more, f"after the {status} there came {more[:60]!r}")
    must(talk.connection.end == "FIN", f"after the {status}: {talk.connection.end or 'still open'}")


def goes_on(talk: Talk) -> None:
    """The connection takes another request and answers that one next."""
    talk.connection.send(_OF_F_TXT)
    again = talk.nth(len(talk.answers))
    must(again.status == 200 and again.body == TEXT, f"the next request was answered with {again.status}")


def interim(*codes: int) -> Check:
    """These interim responses, and no others, came before the final one."""

    def check(talk: Talk) -> None:
        must(talk.first.interim == codes, f"interim responses: {talk.first.interim}")

    return check


def whole(*also: int) -> Check:
    """A 200 with the whole of /f.txt; or one of the statuses *also*."""

    def check(talk: Talk) -> None:
        status(200, *also)(talk)
        if talk.first.status == 200:
            body_is(TEXT)(talk)
            lacks("content-range")(talk)

    return check


def part(first: int, last: int, *also: int) -> Check:
    """A 206 with the octets from *first* to *last* of /f.txt; or the whole, where *also* has 200."""

    def check(talk: Talk) -> None:
        status(206, *also)(talk)
        if talk.first.status == 206:
            field_is("content-range", f"bytes {first}-{last}/{len(TEXT)}")(talk)
            body_is(TEXT[first : last + 1])(talk)
        else:
            whole(*also)(talk)

    return check


def not_modified(talk: Talk) -> None:
    """A 304 without content: the connection goes on right after its head."""
    status(304)(talk)
    goes_on(talk)


def location_of(talk: Talk) -> tuple[str, str]:
    """The host and path to which a browser would go; it takes a backslash for a slash."""
    parts = urlsplit(urljoin("http://a/", (talk.first.get("location") or "").replace("\\", "/")))
    return parts.hostname or "", parts.path


def still_serves(talk: Talk) -> None:
    """The server answers the next client as if nothing had happened."""
    with talk.place.connect() as connection:
        connection.send(_OF_F_TXT)
        answer = connection.answer()
    must(answer.status == 200 and answer.body == TEXT, f"the next client got {answer.status}")


def refused(*codes: int) -> Check:
    """An error, said to be the last answer; then the close, and nothing behind it was answered."""

    def check(talk: Talk) -> None:
        for part in (status(*codes), carries("connection", "close"), closes):
            part(talk)

    return check


def _either(codes: tuple[int, ...]) -> str:
    return " or ".join(map(str, codes))
