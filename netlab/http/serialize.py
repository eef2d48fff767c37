"""Start lines and fields as octets (RFC 9112 §3, §4, §5)."""

import re
from collections.abc import Iterable
from functools import lru_cache

from netlab.http.dates import imf_fixdate
from netlab.http.message import BODILESS, REASONS, Response

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")

Lines = Iterable[tuple[str, str]]


def request_head(method: str, target: str, fields: Lines) -> bytes:
    """Write the head of a request whose parts are `require_sendable`."""
    return _lines(f"{method} {target} HTTP/1.1", *fields) + b"\r\n"


def response_head(response: Response) -> bytes:
    """Write a response's start: all of its head but what differs from one sending to the next."""
    if response.head:
        return response.head
    # RFC 9110 §8.6
    length = [] if response.status in BODILESS else [("Content-Length", str(response.length))]
    start_line = f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}"
    return _lines(start_line, ("Server", "netlab"), *response.fields, *length)


@lru_cache(16)
def end_of_head(second: int, connection: str = "") -> bytes:
    """Write the rest of a response's head: *second*, since 1970, as its date, and the option *connection*."""
    fields = [("Date", imf_fixdate(second)), *([("Connection", connection)] if connection else ())]
    return _lines(*fields) + b"\r\n"


def prepare(response: Response) -> Response:
    """
    Write the head now, of a response that is going to be sent often.

    Raises:
        ValueError: as `require_sendable`.
    """
    require_sendable(response.fields)
    object.__setattr__(response, "head", response_head(response))
    return response


def require_sendable(fields: Lines) -> None:
    """
    Make sure that no field can end its line and begin another.

    Raises:
        ValueError: a name that is no token, or a control character or one past U+00FF in a value.
    """
    for name, value in fields:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"this field cannot be sent: {name!r}: {value!r}")


def _lines(*lines: str | tuple[str, str]) -> bytes:
    texts = (line if isinstance(line, str) else f"{line[0]}: {line[1]}" for line in lines)
    return "".join(f"{text}\r\n" for text in texts).encode("latin-1")
