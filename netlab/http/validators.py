"""Validators of a representation: entity tags and how they compare (RFC 9110 §8.8)."""

import re
from dataclasses import dataclass

_ETAG = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')
_LIST = re.compile(r'[ \t,]*(?:W/)?"[!#-~\x80-\xff]*"[ \t]*(?=,|\Z)')


@dataclass(frozen=True, slots=True)
class ETag:
    """An entity tag; *opaque* is what stands between its quotes."""

    opaque: str
    weak: bool = False

    def __str__(self) -> str:
        return f'{"W/" if self.weak else ""}"{self.opaque}"'


def etag_of_file(size: int, modified_ns: int, inode: int) -> ETag:
    """A strong tag: a file that is changed or replaced differs in at least one of the three."""
    return ETag(f"{size:x}-{modified_ns:x}-{inode:x}")


def parse_etag(text: str) -> ETag | None:
    """Read one entity tag; None: it is none."""
    match = _ETAG.fullmatch(text.strip(" \t"))
    return ETag(match[2], match[1] is not None) if match else None


def parse_etags(text: str) -> list[ETag]:
    """Read a list of entity tags up to the first that is none."""
    tags: list[ETag] = []
    position = 0
    while match := _LIST.match(text, position):
        tag = _ETAG.search(match[0])
        if tag is not None:
            tags.append(ETag(tag[2], tag[1] is not None))
        position = match.end()
    return tags


def match_strongly(a: ETag, b: ETag) -> bool:
    """Equal octet for octet (RFC 9110 §8.8.3.2)."""
    return not a.weak and not b.weak and a.opaque == b.opaque


def match_weakly(a: ETag, b: ETag) -> bool:
    """Equal for most purposes (RFC 9110 §8.8.3.2)."""
    return a.opaque == b.opaque
