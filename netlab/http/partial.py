"""
What a download that broke off left behind, and how it goes on (RFC 9110 §13.1.5, §14).

``FILE.part`` holds the octets so far, ``FILE.part.validator`` which version of what URL they are of.
Without a strong validator nobody can tell, and the download begins again.
"""

import re
from dataclasses import dataclass

from netlab.errors import WireError
from netlab.http.dates import parse_date
from netlab.http.message import ResponseHead

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/(\*|[0-9]{1,19})")
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,19})")


class Unjoinable(WireError):
    """Nothing shows that what came and what is there belong together: the download has to begin again."""


@dataclass(frozen=True, slots=True)
class Partial:
    """The beginning of a representation."""

    length: int
    url: str
    validator: str  # a strong entity tag, or a date that is as good

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """Ask for the rest; for all of it, where it has changed."""
        return ("Range", f"bytes={self.length}-"), ("If-Range", self.validator)

    def require_same_version(self, head: ResponseHead) -> None:
        """Raises: Unjoinable: *head* is of another version."""
        dated = not self.validator.startswith('"')
        found = head.fields.get("last-modified" if dated else "etag")
        if found not in (None, self.validator):
            raise Unjoinable(f"the server has another version now: {found}, not {self.validator}")

    def note(self) -> str:
        """What to keep beside the octets."""
        return f"{self.url}\n{self.validator}\n"


def noted(note: str, length: int, url: str) -> Partial | None:
    """Read the note beside *length* octets; None where it is none, or is of another URL."""
    of, _, validator = note.rstrip("\n").partition("\n")
    if not length or of != url or not validator or "\n" in validator:
        return None
    return Partial(length, url, validator)


def strong_validator(head: ResponseHead) -> str | None:
    """The validator that makes two parts fit together (RFC 9110 §8.8.2.2, §8.8.3)."""
    tag = head.fields.get("etag")
    if head.fields.get("content-encoding") is not None:  # it is of the encoded octets, which may be undone
        return None
    if tag is not None:
        return None if tag.startswith("W/") else tag
    modified, date = head.fields.get("last-modified"), head.fields.get("date")
    if modified is None or date is None:
        return None
    then, now = parse_date(modified, 0), parse_date(date, 0)  # the century counts for nothing in a difference
    return modified if then is not None and now is not None and now - then >= 1 else None


def continues(head: ResponseHead, partial: Partial) -> int:
    """
    The length of the whole, when the 206 *head* brings the rest of *partial*.

    Raises:
        Unjoinable: that it does cannot be told (RFC 9110 §15.3.7.3).
        WireError: it brings something that was not asked for.
    """
    partial.require_same_version(head)
    tagged = partial.validator.startswith('"')
    if head.fields.get("content-encoding") is not None or (tagged and head.fields.get("etag") is None):
        raise Unjoinable("the server does not say that the rest is of the same version")
    content_range = head.fields.get("content-range") or ""
    match = _CONTENT_RANGE.fullmatch(content_range)
    if match is None or int(match[1]) != partial.length:
        raise WireError(f"asked for octets from {partial.length} on, and got {content_range!r}")
    if match[3] == "*":
        raise Unjoinable("the server does not say whether the rest goes to the end")
    after, total = int(match[2]) + 1, int(match[3])
    length = head.fields.get("content-length")
    if not partial.length < after == total or length not in (None, str(after - partial.length)):
        was = f"{content_range!r}, in {length or 'some'} octets"
        raise WireError(f"asked for octets from {partial.length} to the end, and got {was}")
    return total


def whole_length(head: ResponseHead) -> int | None:
    """The length of the whole, as a 416 tells it."""
    match = _UNSATISFIED.fullmatch(head.fields.get("content-range") or "")
    return int(match[1]) if match is not None else None
