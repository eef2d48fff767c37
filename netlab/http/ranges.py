"""Byte ranges: which octets a request wants, and how parts are told apart (RFC 9110 §14)."""

import re

MAX_RANGES = 100  # more are nobody's honest wish: the field is ignored
_GAP = 80  # octets between two ranges that cost less than another part's head

_SPEC = re.compile(r"[ \t]*(?:(?P<first>[0-9]{1,19})-(?P<last>[0-9]{0,19})|-(?P<suffix>[0-9]{1,19}))[ \t]*")

Range = tuple[int, int]
"""First octet, and the one after the last."""


def parse_ranges(text: str, size: int) -> list[Range] | None:
    """
    Read a ``Range`` field for a representation of *size* octets.

    The ranges come in ascending order, none overlaps another, and near ones are joined, so that
    together they are never more than the whole. An empty list: none can be satisfied (416). None:
    another unit, or malformed, or too many; the field is to be ignored.
    """
    unit, equals, specs = text.partition("=")
    wanted = specs.split(",")
    if unit.strip(" \t").lower() != "bytes" or not equals or len(wanted) > MAX_RANGES:
        return None
    found: list[Range] = []
    for spec in wanted:
        match = _SPEC.fullmatch(spec)
        if match is None:
            return None
        if match["suffix"] is not None:
            first, end = max(size - int(match["suffix"]), 0), size
        else:
            first = int(match["first"])
            last = int(match["last"]) if match["last"] else size - 1
            if match["last"] and last < first:
                return None
            end = min(last + 1, size)
        if first < end:
            found.append((first, end))
    return _joined(sorted(found))


def content_range(part: Range, size: int) -> str:
    """The value of ``Content-Range`` for one part."""
    return f"bytes {part[0]}-{part[1] - 1}/{size}"


def part_head(boundary: str, content_type: str, part: Range, size: int) -> bytes:
    """What stands before one part of a multipart/byteranges body (RFC 9110 §14.6)."""
    return (
        f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
        f"Content-Range: {content_range(part, size)}\r\n\r\n"
    ).encode("latin-1")


def last_boundary(boundary: str) -> bytes:
    """What stands after the last part."""
    return f"\r\n--{boundary}--\r\n".encode("ascii")


def _joined(parts: list[Range]) -> list[Range]:
    joined: list[Range] = []
    for first, end in parts:
        if joined and first <= joined[-1][1] + _GAP:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((first, end))
    return joined
