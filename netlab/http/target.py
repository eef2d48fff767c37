"""
A request target becomes path segments, or is refused (RFC 9112 §3.2, RFC 3986 §3.3).

Segments are split before they are decoded, so ``%2F`` never separates; and none of them is empty,
``.`` or ``..``, so that joined to a folder they stay inside it.
"""

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from netlab.http.framing import Malformed

_ABSOLUTE = re.compile(r"https?://[^/?#@]+(?P<rest>[/?].*)?", re.IGNORECASE)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Path:
    """The path of a target, decoded: what the file system knows it by."""

    segments: tuple[str, ...]
    folder: bool  # it ends in a slash
    raw: str  # the path as written, percent signs and all
    query: str  # with its question mark; empty: none

    @property
    def decoded(self) -> str:
        """The path in characters: ``/`` before each segment, and at the end of a folder's."""
        return "/".join(("", *self.segments, *("",) * self.folder))


def parse_path(target: str) -> Path:
    """
    Read the path of an origin-form or absolute-form target.

    Raises:
        Malformed: 400, any other form, or a path that can name nothing inside a folder.
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        rest = absolute["rest"] or "/"
        target = rest if rest.startswith("/") else "/" + rest
    if not target.startswith("/") or "#" in target:
        raise Malformed(400, "the target is not an absolute path")
    raw, mark, query = target.partition("?")
    if _BAD_PERCENT.search(raw):
        raise Malformed(400, "a percent sign without two hexadecimal digits")
    parts = [os.fsdecode(unquote_to_bytes(part)) for part in raw[1:].split("/")]
    folder = parts[-1] == ""
    segments = tuple(parts[:-1] if folder else parts)
    for segment in segments:
        if segment in ("", ".", "..") or "\0" in segment or "/" in segment:
            raise Malformed(400, "the path has an empty segment, a dot segment, NUL or %2F")
    return Path(segments, folder, raw, mark + query)
