"""
What a site's owner asks for beside its files: fields, redirects, CORS, passwords, pages for errors.

Nothing here opens a file. Paths are decoded and begin with a slash; a folder's ends in one.
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import scrypt
from hmac import compare_digest, digest
from posixpath import basename
from re import Pattern
from urllib.parse import quote

from netlab.http import respond
from netlab.http.message import Fields, Request, Response

_NOT_PLAIN = re.compile(r"[^?#]*?/(?:/|\.{1,2}(?=[/?#]|\Z))")
_SKIP = "(?:[^/]*/)*?"
_QUERY = "/?:@!$&'()*+,;=-._~%"  # RFC 3986 §3.4; a percent sign is part of %C3 and the like
_NO_WEIGHT = re.compile(r"q=0(?:\.0{0,3})?")


def is_plain(target: str) -> bool:
    """No segment of the path is empty or a dot segment (RFC 3986 §3.3); a query may follow it."""
    return not _NOT_PLAIN.match(target)


def compile_glob(glob: str) -> Pattern[str]:
    """
    Make of *glob* a regular expression for `fullmatch`.

    ``?`` is one character and ``*`` any number of them, both within a segment. The segment ``**`` is
    any number of segments; at the end it is all that follows. Each ``*``, and a ``**`` at the end, is
    a group. What is atomic is never tried again, so that the time is linear in the path's length.

    Raises:
        ValueError: no path can match, or ``**`` is a part of a segment.
    """
    if not glob.startswith("/") or not is_plain(re.sub(r"[?#]", "x", glob)):
        raise ValueError("is not a path that begins with / and has no empty and no dot segment")
    if re.search(r"[^/]\*\*|\*\*[^/]", glob):
        raise ValueError("has a ** that is not a whole segment, as in /a/** or /**/b")
    first, *others = map(_chunk, re.split(r"(?:\*\*/)+", glob[1:]))
    between = "".join(f"(?>{_SKIP}{chunk})" for chunk in others[:-1])
    return re.compile("/" + first + between + "".join(_SKIP + chunk for chunk in others[-1:]), re.DOTALL)


def _chunk(glob: str) -> str:
    return "".join(f"(?>{_segment(segment)})" for segment in re.findall(r"[^/]*/|[^/]+", glob))


def _segment(glob: str) -> str:
    if glob == "**":
        return "(.*)"
    first, *others = ("[^/]".join(map(re.escape, part.split("?"))) for part in glob.split("*"))
    between = "".join(f"(?>([^/]*?){part})" for part in others[:-1])
    return first + between + "".join("([^/]*)" + part for part in others[-1:])


@dataclass(frozen=True, slots=True)
class AddedFields:
    """Fields of successful responses about what matches; they replace others of their names."""

    glob: Pattern[str]
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """
    Where a path leads: *to* a target in one part, or in two around what the glob's star stands for.

    The origin is fixed: no request can lead to another one, nor to an empty or a dot segment.
    """

    glob: Pattern[str]
    to: tuple[str, ...]
    status: int = 308
    origin: str = ""  # scheme and authority; empty: this server's own

    def location(self, path: str, query: str) -> str | None:
        """The value of ``Location``, with the *query* unless *to* has one; None: *path* is not led on."""
        match = self.glob.fullmatch(path)
        if match is None:
            return None
        target = quote("".join(match.groups()), errors="surrogateescape").join(self.to)
        if not is_plain(target):  # //evil.example is a host, and /.. is not below
            return None
        kept = "" if "?" in target or "#" in target else quote(query, _QUERY, errors="replace")
        return self.origin + target + kept


@dataclass(frozen=True, slots=True)
class Cors:
    """Which other origins' pages may read the responses (Fetch Standard, CORS protocol)."""

    origins: tuple[str, ...]  # or "*" alone, for all of them, and then never with credentials
    methods: tuple[str, ...] = ("GET", "HEAD")
    headers: tuple[str, ...] = ()
    max_age: int = 600  # seconds for which a preflight's answer holds
    credentials: bool = False

    def preflight(self, request: Request) -> Response | None:
        """Answer a CORS-preflight request; None: it is none."""
        asked = map(request.fields.get, ("origin", "access-control-request-method"))
        if request.method != "OPTIONS" or None in asked:
            return None
        methods = ("Access-Control-Allow-Methods", ", ".join(self.methods))
        headers = [("Access-Control-Allow-Headers", ", ".join(self.headers))] if self.headers else []
        seconds = ("Access-Control-Max-Age", str(self.max_age))
        return Response(204, self.mark(request, Fields((methods, *headers, seconds))))

    def mark(self, request: Request, fields: Fields) -> Fields:
        """Add to a response's *fields* who may read it."""
        if self.origins == ("*",):
            return _set(fields, [("Access-Control-Allow-Origin", "*")])
        fields = _set(fields, [("Vary", "Origin")])
        if (origin := request.fields.get("origin")) is None or origin not in self.origins:
            return fields
        credentials = [("Access-Control-Allow-Credentials", "true")] if self.credentials else []
        return _set(fields, [("Access-Control-Allow-Origin", origin), *credentials])


@dataclass(frozen=True, slots=True)
class Secret:
    """A password as scrypt leaves it (RFC 7914); the cost numbers are such that it can be run."""

    n: int
    r: int
    p: int
    salt: bytes
    hash: bytes

    def matches(self, password: bytes) -> bool:
        """Hash *password*, which takes its time, and compare."""
        n, r, p, length = self.n, self.r, self.p, len(self.hash)
        memory = 128 * r * (n + p + 2)  # octets
        made = scrypt(password, salt=self.salt, n=n, r=r, p=p, maxmem=memory, dklen=length)
        return compare_digest(made, self.hash)


@dataclass(frozen=True, slots=True)
class Protected:
    """
    What only some *users*, at least one, may see (RFC 7617).

    Each one's right password is remembered, as a digest keyed by its hash, so that only the first
    request takes long. A wrong one always does, and so does a user who does not exist.
    """

    glob: Pattern[str]
    realm: str
    users: Mapping[str, Secret]
    _proven: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    def admits(self, request: Request) -> bool:
        """The request has the credentials of one of the users."""
        credentials = _credentials(request.fields.get("authorization") or "")
        if credentials is None:
            return False
        user, password = credentials
        secret = self.users.get(user) or next(iter(self.users.values()))
        mark = digest(secret.hash, password, "sha256")
        if not compare_digest(self._proven.get(user, b""), mark):
            if not secret.matches(password) or user not in self.users:
                return False
            self._proven[user] = mark
        return True

    def challenge(self) -> Response:
        """Ask for credentials."""
        challenge = f'Basic realm="{self.realm}", charset="UTF-8"'
        return respond.error(401, "This needs a name and a password.", ("WWW-Authenticate", challenge))


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    scheme, _, token = authorization.partition(" ")
    try:
        user, colon, password = b64decode(token.strip(" "), validate=True).partition(b":")
        return (user.decode(), password) if scheme.lower() == "basic" and colon else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Rules:
    """All that a site's owner asks for; by default nothing."""

    headers: tuple[AddedFields, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    spa: str | None = None  # path of the page whose script knows the site's other addresses
    cors: Cors | None = None
    auth: tuple[Protected, ...] = ()
    error_pages: Mapping[str, str] = field(default_factory=dict)  # paths by status: 404, or 4xx

    def before(self, request: Request, path: str) -> Response | None:
        """Answer a preflight, which never has credentials; demand these; redirect. None: go on."""
        preflight = self.cors.preflight(request) if self.cors else None
        if preflight is not None:
            return preflight
        for protected in self.auth:
            if protected.glob.fullmatch(path) and not protected.admits(request):
                return protected.challenge()
        _, mark, query = request.target.partition("?")
        for redirect in self.redirects:
            location = redirect.location(path, mark + query)
            if location is not None:
                return respond.error(redirect.status, "This has another address.", ("Location", location))
        return None

    def fallback(self, request: Request, path: str) -> str | None:
        """The path to serve, with status 200, in place of one where nothing is; None: it is a 404."""
        wanted = request.method in ("GET", "HEAD") and "." not in basename(path)
        return self.spa if wanted and _admits_html(request.fields.get("accept")) else None

    def error_page(self, status: int) -> str | None:
        """The path of the file that is the body of responses of this *status*."""
        return self.error_pages.get(str(status)) or self.error_pages.get(f"{status // 100}xx")

    def after(self, request: Request, path: str, response: Response) -> Response:
        """Add what the response about *path* has to have; once more changes nothing."""
        fields = response.fields
        if 200 <= response.status < 300 or response.status == 304:
            for added in self.headers:
                if added.glob.fullmatch(path):
                    fields = _set(fields, added.fields)
        if self.cors:
            fields = self.cors.mark(request, fields)
        return replace(response, fields=fields)


def _set(fields: Fields, lines: Iterable[tuple[str, str]]) -> Fields:
    """Add *lines*, each in place of those of its name; but ``Vary`` grows (RFC 9110 §12.5.5)."""
    for name, value in lines:
        grows = name.lower() == "vary"
        others = (line for line in fields if line[0].lower() != name.lower() or (grows and line[1] != value))
        fields = Fields((*others, (name, value)))
    return fields


def _admits_html(accept: str | None) -> bool:  # RFC 9110 §12.5.1
    admitted: dict[str, bool] = {}
    for member in (accept or "*/*").lower().split(","):
        media_range, *parameters = (part.strip(" \t") for part in member.split(";"))
        admitted[media_range] = not any(_NO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return admitted.get("text/html", admitted.get("text/*", admitted.get("*/*", False)))
