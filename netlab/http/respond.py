"""A request and what was found for it become a response; nothing is opened here."""

from dataclasses import dataclass
from hashlib import sha256
from html import escape

from netlab.http.conditional import Verdict, evaluate, range_applies
from netlab.http.dates import imf_fixdate
from netlab.http.media import media_type
from netlab.http.message import KNOWN_METHODS, REASONS, Fields, FileSlice, OpenFile, Request, Response
from netlab.http.ranges import Range, content_range, last_boundary, parse_ranges, part_head
from netlab.http.validators import ETag, etag_of_file

ALLOWED = "GET, HEAD, OPTIONS"
NOSNIFF = ("X-Content-Type-Options", "nosniff")

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1rem }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{why}</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Representation:
    """A file, read or open, as one of the forms in which a resource can be sent."""

    name: str  # of the resource, whose extension tells its type
    content: bytes | OpenFile
    size: int  # octets
    modified_ns: int  # wall clock, since 1970
    inode: int
    coding: str | None = None  # the content coding that the file is in
    negotiated: bool = False  # there are other forms, chosen by Accept-Encoding

    def part(self, start: int, length: int) -> bytes | FileSlice:
        """Some of the content, as a part of a body."""
        if isinstance(self.content, bytes):
            return self.content[start : start + length]
        return FileSlice(self.content, start, length)

    def close(self) -> None:
        """The content is not going to be sent."""
        if not isinstance(self.content, bytes):
            self.content.close()

    @property
    def etag(self) -> ETag:
        """Differs for each form, and after each change."""
        return etag_of_file(self.size, self.modified_ns, self.inode)


def refuse_method(request: Request) -> Response:
    """Answer what a file server does not do: OPTIONS aside, all but GET and HEAD (RFC 9110 §9)."""
    if request.method == "OPTIONS":
        return Response(204, Fields((("Allow", ALLOWED),)))
    if request.method in KNOWN_METHODS:
        return error(405, f"{request.method} is not done to files here.", ("Allow", ALLOWED))
    return error(501, "This method is not known here.")


def file(request: Request, form: Representation, now: float) -> Response:
    """
    Answer with *form*, whole, in part, or not at all: by the request's preconditions and ranges.

    *now* is the wall clock, seconds since 1970. The response takes the file, or closes it.
    """
    modified = min(form.modified_ns // 1_000_000_000, int(now))  # no date of ours is later than Date
    verdict = evaluate(request, form.etag, modified, now)
    vary = (("Vary", "Accept-Encoding"),) if form.negotiated else ()
    validators = (("ETag", str(form.etag)), ("Last-Modified", imf_fixdate(modified)), *vary)
    if verdict is not Verdict.PERFORM:
        form.close()
        if verdict is Verdict.NOT_MODIFIED:
            return Response(304, Fields(validators))
        return error(412, "The file is not the one that the request expects.")
    content = (("Content-Encoding", form.coding),) if form.coding else ()
    fields = (*content, *validators, ("Accept-Ranges", "bytes"), NOSNIFF)
    parts = None
    if range_applies(request, form.etag, modified, now):
        parts = parse_ranges(request.fields.get("range") or "", form.size)
    if parts is None:
        described = ("Content-Type", media_type(form.name))
        return Response(200, Fields((described, *fields)), form.part(0, form.size))
    if not parts:
        form.close()
        return error(416, "The file has none of these octets.", ("Content-Range", f"bytes */{form.size}"))
    return _partial(form, parts, fields)


def _partial(form: Representation, parts: list[Range], fields: tuple[tuple[str, str], ...]) -> Response:
    content_type = media_type(form.name)
    slices = [form.part(first, end - first) for first, end in parts]
    if len(parts) == 1:
        described = ("Content-Type", content_type), ("Content-Range", content_range(parts[0], form.size))
        return Response(206, Fields((*described, *fields)), slices[0])
    # Nobody can write a file that holds its own ETag's digest, its time of change being part of it.
    boundary = sha256(str(form.etag).encode("ascii")).hexdigest()[:32]
    body: list[bytes | FileSlice] = []
    for part, piece in zip(parts, slices, strict=True):
        body += (part_head(boundary, content_type, part, form.size), piece)
    multipart = ("Content-Type", f"multipart/byteranges; boundary={boundary}")
    return Response(206, Fields((multipart, *fields)), (*body, last_boundary(boundary)))


def redirect(location: str) -> Response:
    """The folder stands at *location* for good."""
    return error(301, "This folder's address ends in a slash.", ("Location", location))


def error(status: int, why: str, *fields: tuple[str, str]) -> Response:
    """A page that a person can read: the status and one sentence."""
    title = f"{status} {REASONS[status]}"
    page = _PAGE.format(title=title, why=escape(why))
    return Response(
        status, Fields((("Content-Type", "text/html; charset=utf-8"), NOSNIFF, *fields)), page.encode()
    )
