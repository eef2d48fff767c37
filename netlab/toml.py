"""
A TOML file becomes a value, or one line that says what is wrong with it, and where.

What may stand in a file is told by readers: functions that take a value as TOML gives it and return
what the program needs, or raise `ValueError`. Readers of tables and arrays are made of others:

    parse(text, name, table(Point, {"x": WHOLE, "y": WHOLE}))

No message repeats a value, since that may be a secret.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from netlab.errors import NetlabError

Keys = tuple[str | int, ...]  # of tables in tables; numbers, from 0, in arrays
Reader = Callable[[Any], Any]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_LINE = re.compile(rf"\s*(?P<header>\[{{0,2}})\s*(?P<keys>{_KEY}(?:\s*\.\s*{_KEY})*)\s*[\]=]")
_PLACE = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)")


class ConfigError(NetlabError):
    """A configuration file is wrong: its name, the line, the key, and what is wrong there."""


class Refused(ValueError):
    """The value to which *keys* lead is wrong."""

    def __init__(self, why: str, *keys: str | int) -> None:
        super().__init__(why)
        self.keys = keys


def parse(text: str, name: str, read: Reader) -> Any:
    """
    Have *read* make a value of the table that *text* is, the content of the file *name*.

    Raises:
        ConfigError: ``name:line: key: why``.
    """
    try:
        return read(tomllib.loads(text))
    except Refused as error:
        keys = (key if re.fullmatch(_TOKEN, key) else repr(key) for key in error.keys if isinstance(key, str))
        raise ConfigError(f"{name}:{find_line(text, error.keys)}: {'.'.join(keys)}: {error}") from None
    except (ValueError, RecursionError) as error:
        place = _PLACE.search(str(error))
        line = place[1] if place and place[1] else len(text.rstrip().split("\n"))
        raise ConfigError(f"{name}:{line}: TOML: {_PLACE.sub('', str(error))}") from None


def find_line(text: str, keys: Keys) -> int:
    """
    The number, from 1, of the line where the value stands to which *keys* lead.

    What has no line of its own is looked for in the line of what holds it. The text is read line by
    line: one within a string of many lines may be mistaken for a key.
    """
    tables: Counter[str] = Counter()
    table: Keys = ()
    found, depth = 1, 0
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.match(line)
        if match is None:
            continue
        first, *others = (key.strip("\"'") for key in re.findall(_KEY, match["keys"]))
        if match["header"]:
            tables[first] += match["header"] == "[["
            here = table = (first, *([tables[first] - 1] if tables[first] else []), *others)
        else:
            here = (*table, first, *others)
        if len(here) > depth and here == keys[: len(here)]:
            found, depth = number, len(here)
    return found


def at(key: str | int, read: Reader, value: Any) -> Any:
    """Read a value that stands under *key*. Raises: Refused: it is wrong, with the keys that lead to it."""
    try:
        return read(value)
    except Refused as error:
        raise Refused(str(error), key, *error.keys) from None
    except ValueError as error:
        raise Refused(str(error), key) from None


def is_a(kind: type, why: str, accepts: Callable[[Any], object] = lambda value: True) -> Reader:
    """A value of that type, and no other, that *accepts* finds right; *why* is what it has to be."""

    def read(value: Any) -> Any:
        if type(value) is not kind or not accepts(value):  # exactly: True is an int, too
            raise ValueError(f"is not {why}")
        return value

    return read


ARRAY, STRING, TABLE = is_a(list, "an array"), is_a(str, "a string"), is_a(dict, "a table")


def each(read: Reader) -> Reader:
    """An array."""
    return lambda value: tuple(at(number, read, item) for number, item in enumerate(ARRAY(value)))


def mapping(read_key: Reader, read: Reader) -> Reader:
    """A table whose keys are the owner's."""
    return lambda value: {at(key, read_key, key): at(key, read, item) for key, item in TABLE(value).items()}


def table(
    make: Callable[..., Any], required: Mapping[str, Reader], optional: Mapping[str, Reader] = {}
) -> Reader:
    """A table of known keys, and what is made of their values."""
    readers = {**required, **optional}

    def read(value: Any) -> Any:
        for key in TABLE(value):
            if key not in readers:
                raise Refused(f"is unknown; known are {', '.join(readers)}", key)
        for key in required:
            if key not in value:
                raise Refused("is missing", key)
        return make(**{key.replace("-", "_"): at(key, readers[key], item) for key, item in value.items()})

    return read


def like(pattern: str) -> Callable[[str], object]:
    """Accept the texts that *pattern* matches whole."""
    return re.compile(pattern).fullmatch
