"""A request and what was found for it become a response; nothing is opened here."""

from html import escape

from netlab.http.dates import imf_fixdate
from netlab.http.media import media_type
from netlab.http.message import KNOWN_METHODS, REASONS, Fields, FileSlice, Request, Response

ALLOWED = "GET, HEAD, OPTIONS"
_NOSNIFF = ("X-Content-Type-Options", "nosniff")

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


def refuse_method(request: Request) -> Response | None:
    """Answer what a file server does not do: OPTIONS aside, all but GET and HEAD (RFC 9110 §9)."""
    if request.method in ("GET", "HEAD"):
        return None
    if request.method == "OPTIONS":
        return Response(204, Fields((("Allow", ALLOWED),)))
    if request.method in KNOWN_METHODS:
        return error(405, f"{request.method} is not done to files here.", ("Allow", ALLOWED))
    return error(501, "This method is not known here.")


def file(name: str, body: FileSlice, modified: float) -> Response:
    """The whole of a file called *name*, last *modified* at so many seconds since 1970."""
    return Response(
        200,
        Fields(
            (
                ("Content-Type", media_type(name)),
                ("Last-Modified", imf_fixdate(modified)),
                _NOSNIFF,
            )
        ),
        body,
    )


def redirect(location: str) -> Response:
    """The folder stands at *location* for good."""
    return error(301, "This folder's address ends in a slash.", ("Location", location))


def error(status: int, why: str, *fields: tuple[str, str]) -> Response:
    """A page that a person can read: the status and one sentence."""
    title = f"{status} {REASONS[status]}"
    page = _PAGE.format(title=title, why=escape(why))
    return Response(
        status, Fields((("Content-Type", "text/html; charset=utf-8"), _NOSNIFF, *fields)), page.encode()
    )
