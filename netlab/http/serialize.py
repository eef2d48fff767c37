"""Start lines and fields as octets (RFC 9112 §3, §4, §5)."""

import re
from collections.abc import Iterable

from netlab.http.message import REASONS

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")

Lines = Iterable[tuple[str, str]]


def request_head(method: str, target: str, fields: Lines) -> bytes:
    """Write the head of a request whose parts are `require_sendable`."""
    return _head(f"{method} {target} HTTP/1.1", fields)


def response_head(status: int, fields: Lines) -> bytes:
    """Write the head of a response whose fields are `require_sendable`."""
    return _head(f"HTTP/1.1 {status} {REASONS.get(status, '')}", fields)


def require_sendable(fields: Lines) -> None:
    """
    Make sure that no field can end its line and begin another.

    Raises:
        ValueError: a name that is no token, or a control character or one past U+00FF in a value.
    """
    for name, value in fields:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"this field cannot be sent: {name!r}: {value!r}")


def _head(start_line: str, fields: Lines) -> bytes:
    lines = [start_line, *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
