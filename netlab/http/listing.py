"""A folder's entries as a page that people can read and sort, and as JSON."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from json import dumps
from math import floor
from os import fsencode
from typing import Any
from unicodedata import category
from urllib.parse import parse_qsl, quote


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or a folder; its name is as `os.listdir` gives it, and may hold anything but slash and NUL."""

    name: str
    folder: bool
    size: int  # octets; of a folder it says nothing, and is not shown
    modified: float  # wall clock, seconds since 1970


@dataclass(frozen=True, slots=True)
class _Column:
    heading: str
    key: Callable[[Entry], Any]  # by which the entries are sorted


_COLUMNS = {
    "name": _Column("Name", lambda entry: (entry.name.casefold(), entry.name)),
    "size": _Column("Size", lambda entry: 0 if entry.folder else entry.size),
    "date": _Column("Modified (UTC)", lambda entry: entry.modified),
}
_ORDERS = {"asc": "ascending", "desc": "descending"}  # and their names in aria-sort

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 0001 and 9999
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"  # invisible, but letters of Persian and Hindi words and of emoji hang on them

_STYLE = """\
:root { color-scheme: light dark; --ink: #1c2a39; --paper: #fbfaf7; --accent: #0b6e69; --quiet: #eceae3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7ea; --paper: #14191f; --accent: #5cc8bd; --quiet: #222a33 }
}
body { margin: 0; font: 1.05rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem }
h1, p { padding-inline: .5rem }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.3; overflow-wrap: anywhere }
a { color: var(--accent); text-underline-offset: .2em; text-decoration-thickness: 1px }
a:hover { text-decoration-thickness: 2px }
table { width: 100%; border-collapse: collapse }
th, td { padding: .45rem .5rem; text-align: start; vertical-align: baseline; font-weight: 400 }
th:first-child { overflow-wrap: anywhere }
tr { border-bottom: 1px solid var(--quiet) }
thead th { font-size: .9rem }
thead tr { border-bottom: 2px solid var(--accent) }
[aria-sort] { font-weight: 700 }
[aria-sort=ascending] a::after { content: "\\a0↑" }
[aria-sort=descending] a::after { content: "\\a0↓" }
tbody tr:hover { background: var(--quiet) }
tbody th a { display: block; text-align: left; white-space: pre-wrap }
tbody th a[href$="/"] { font-weight: 600 }
td { width: 1%; white-space: nowrap; font-variant-numeric: tabular-nums }
th:nth-child(2), td:nth-child(2) { text-align: end }
@media (max-width: 40rem) {
  main { padding: 1rem .5rem 3rem }
  td { font-size: .85rem }
  td:last-child { width: 10ch; white-space: normal }
}
"""


def html(title: str, entries: Sequence[Entry], query: str, top: bool) -> bytes:
    """
    Write the page of a folder, sorted as *query* asks: ``sort=name|size|date``, ``order=asc|desc``.

    Folders come first in any order. A folder that is not the *top* one has a link to its parent.
    """
    column, order = _asked(query)
    parent = "" if top else '<p><a href="../">Parent folder</a></p>\n'
    content = _table(entries, column, order) if entries else "<p>This folder is empty.</p>\n"
    shown = _shown(title)
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{shown}</title>
<style>
{_STYLE}</style>
</head>
<body>
<main>
<h1>{shown}</h1>
{parent}{content}</main>
</body>
</html>
""".encode()


def json(entries: Sequence[Entry]) -> bytes:
    """
    Write an array of objects: name, type ("file" or "folder"), size in octets, modified (ISO 8601, UTC).

    Folders come first, then by name. A folder's size is null; an octet of a name that is not UTF-8
    is U+FFFD.
    """
    objects = [
        {
            "name": _SURROGATE.sub("\ufffd", entry.name),
            "type": "folder" if entry.folder else "file",
            "size": None if entry.folder else entry.size,
            "modified": _iso_date(entry.modified),
        }
        for entry in _sorted(entries, "name", "asc")
    ]
    return dumps(objects, ensure_ascii=False).encode() + b"\n"


def prefers_json(accept: str | None) -> bool:
    """
    Whether a client likes JSON better than HTML, by its ``Accept`` (RFC 9110 §12.5.1).

    Of equal weights, the one that it names wins over one that it only admits.
    """
    weights = _weights(accept or "")
    json_like = _liking(weights, "application/json", "application/*", "*/*")
    return json_like > _liking(weights, "text/html", "text/*", "*/*") and json_like[0] > 0


def _liking(weights: dict[str, float], *ranges: str) -> tuple[float, int]:
    """The weight of the first of *ranges* that is there, and how specific it is."""
    for vagueness, media_range in enumerate(ranges):
        if media_range in weights:
            return weights[media_range], -vagueness
    return 0.0, -len(ranges)


def _weights(accept: str) -> dict[str, float]:
    """The weight of each media range; parameters but q say nothing, and what is malformed is ignored."""
    weights: dict[str, float] = {}
    for member in accept.lower().split(","):
        media_range, *parameters = (part.strip(" \t") for part in member.split(";"))
        written = [parameter[2:] for parameter in parameters if parameter.startswith("q=")] or ["1"]
        if _WEIGHT.fullmatch(written[0]):
            weights[media_range] = max(float(written[0]), weights.get(media_range, 0.0))
    return weights


def _asked(query: str) -> tuple[str, str]:
    """The column and the order that a query asks for, as far as there are such."""
    asked = dict(parse_qsl(query.removeprefix("?")))
    column, order = asked.get("sort", ""), asked.get("order", "")
    return column if column in _COLUMNS else "name", order if order in _ORDERS else "asc"


def _sorted(entries: Sequence[Entry], column: str, order: str) -> list[Entry]:
    found = sorted(entries, key=_COLUMNS["name"].key)
    found.sort(key=_COLUMNS[column].key, reverse=order == "desc")
    found.sort(key=lambda entry: not entry.folder)
    return found


def _table(entries: Sequence[Entry], column: str, order: str) -> str:
    headings = "".join(_heading(name, order if name == column else None) for name in _COLUMNS)
    rows = "".join(map(_row, _sorted(entries, column, order)))
    return f"<table>\n<thead>\n<tr>\n{headings}</tr>\n</thead>\n<tbody>\n{rows}</tbody>\n</table>\n"


def _heading(name: str, order: str | None) -> str:
    """The head of a column, whose link sorts by it, or turns the *order* in which it is sorted now."""
    sort = f' aria-sort="{_ORDERS[order]}"' if order else ""
    link = f"?sort={name}&amp;order={'desc' if order == 'asc' else 'asc'}"
    return f'<th scope="col"{sort}><a href="{link}">{_COLUMNS[name].heading}</a></th>\n'


def _row(entry: Entry) -> str:
    slash = "/" if entry.folder else ""
    link = f"./{quote(fsencode(entry.name), safe='')}{slash}"  # the dot: no name is a scheme
    size = "<td></td>" if entry.folder else f'<td title="{entry.size} B">{_human(entry.size)}</td>'
    date = _iso_date(entry.modified)
    return (
        f'<tr>\n<th scope="row"><a href="{link}" dir="auto">{_shown(entry.name)}{slash}</a></th>\n'
        f'{size}\n<td><time datetime="{date}">{date[:10]} {date[11:16]}</time></td>\n</tr>\n'
    )


def _shown(text: str) -> str:
    """Escape for HTML; what is invisible, turns the writing's direction, or is no character is U+FFFD."""
    return escape("".join(character if _visible(character) else "\ufffd" for character in text))


def _visible(character: str) -> bool:
    return character.isprintable() or character in _JOINERS or category(character) == "Zs"


def _human(size: int) -> str:
    """A size to three or four digits: ``1.5 KiB``."""
    if size < 1024:
        return f"{size} B"
    number = float(size)
    for unit in _UNITS:  # noqa: B007 - used after the loop
        number /= 1024
        if number < 1023.95:  # or it would be written as 1024.0
            break
    return f"{number:.1f} {unit}"


def _iso_date(seconds: float) -> str:
    """Write *seconds* since 1970 as ``1994-11-06T08:49:37Z``; a year has four digits."""
    moment = datetime.fromtimestamp(floor(min(max(seconds, _FIRST_SECOND), _LAST_SECOND)), UTC)
    return moment.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"
