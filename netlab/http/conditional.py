"""Preconditions of a request, in the order of RFC 9110 §13.2.2."""

from enum import Enum, auto

from netlab.http.dates import parse_date
from netlab.http.message import Fields, Request
from netlab.http.validators import ETag, match_strongly, match_weakly, parse_etag, parse_etags

_SELECTING = frozenset(
    {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"}
)


def wants_whole(fields: Fields) -> bool:
    """There are no preconditions and no range: a request with these fields gets all that it asks for."""
    return _SELECTING.isdisjoint(fields.by_name)


class Verdict(Enum):
    """What the preconditions say of a request that would else succeed."""

    PERFORM = auto()
    NOT_MODIFIED = auto()  # 304
    FAILED = auto()  # 412


def evaluate(request: Request, etag: ETag, modified: int, now: float) -> Verdict:
    """Judge the request by the validators of what it would get; *modified* is in whole seconds."""
    fields = request.fields
    if_match, if_unmodified = fields.get("if-match"), fields.get("if-unmodified-since")
    if if_match is not None:
        if not _any(if_match, etag, strong=True):
            return Verdict.FAILED
    elif if_unmodified is not None:
        date = parse_date(if_unmodified, now)
        if date is not None and modified > date:
            return Verdict.FAILED
    safe = request.method in ("GET", "HEAD")
    if_none_match, if_modified = fields.get("if-none-match"), fields.get("if-modified-since")
    if if_none_match is not None:
        if _any(if_none_match, etag, strong=False):
            return Verdict.NOT_MODIFIED if safe else Verdict.FAILED
    elif if_modified is not None and safe:
        date = parse_date(if_modified, now)
        if date is not None and modified <= date:
            return Verdict.NOT_MODIFIED
    return Verdict.PERFORM


def range_applies(request: Request, etag: ETag, modified: int, now: float) -> bool:
    """
    The request wants ranges, of just the representation that it would get (RFC 9110 §14.2, §13.1.5).

    A date proves that only when it is a strong validator: when a change within its second would
    have been seen by now.
    """
    if request.method != "GET" or not request.fields.all("range"):
        return False
    if_range = request.fields.get("if-range")
    if if_range is None:
        return True
    tag = parse_etag(if_range)
    if tag is not None:
        return match_strongly(tag, etag)
    return parse_date(if_range, now) == modified and now - modified >= 1


def _any(text: str, etag: ETag, strong: bool) -> bool:
    if text.strip(" \t") == "*":
        return True
    match = match_strongly if strong else match_weakly
    return any(match(tag, etag) for tag in parse_etags(text))
