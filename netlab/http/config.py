"""
A TOML file becomes the `Rules` of a web server, or one line that says what is wrong with it, and where.

Its tables are told at the end, as readers: functions that take a value as TOML gives it and return
what the rules need, or raise `ValueError`. No message repeats a value, since that may be a password.
"""

import re
import tomllib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import scrypt
from re import Pattern
from typing import Any

from netlab.errors import NetlabError
from netlab.http.rules import AddedFields, Cors, Protected, Redirect, Rules, Secret, compile_glob, is_plain

MAX_COST = 2**27  # octets that the making of one hash may write

Keys = tuple[str | int, ...]  # of tables in tables; numbers, from 0, in arrays
Reader = Callable[[Any], Any]

_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_LINE = re.compile(rf"\s*(?P<header>\[{{0,2}})\s*(?P<keys>{_KEY}(?:\s*\.\s*{_KEY})*)\s*[\]=]")
_PLACE = re.compile(r" \(at (?:line ([0-9]+), column [0-9]+|end of document)\)")

_HOST = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_PATH = r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?#]|%[0-9A-Fa-f]{2})*"
_TARGET = re.compile(rf"(https://{_HOST})?({_PATH})")
_ORIGIN = r"\*|[a-z][a-z0-9+.-]*://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_RESERVED = (  # the connection's, or the server's own
    "connection|content-length|content-range|date|keep-alive|server|te|trailer|transfer-encoding|upgrade"
)
_BASE64 = r"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"
_HASH = re.compile(rf"scrypt\$([0-9]{{1,9}})\$([0-9]{{1,4}})\$([0-9]{{1,4}})\${_BASE64}\${_BASE64}")


class ConfigError(NetlabError):
    """A configuration file is wrong: its name, the line, the key, and what is wrong there."""


class _Refused(ValueError):
    """The value to which *keys* lead is wrong."""

    def __init__(self, why: str, *keys: str | int) -> None:
        super().__init__(why)
        self.keys = keys


def parse(text: str, name: str) -> Rules:
    """
    Read the rules in *text*, which is the content of the file *name*.

    Raises:
        ConfigError: ``name:line: key: why``.
    """
    try:
        rules: Rules = _FILE(tomllib.loads(text))
    except _Refused as error:
        keys = (key if re.fullmatch(_TOKEN, key) else repr(key) for key in error.keys if isinstance(key, str))
        raise ConfigError(f"{name}:{find_line(text, error.keys)}: {'.'.join(keys)}: {error}") from None
    except (ValueError, RecursionError) as error:
        place = _PLACE.search(str(error))
        line = place[1] if place and place[1] else len(text.rstrip().split("\n"))
        raise ConfigError(f"{name}:{line}: TOML: {_PLACE.sub('', str(error))}") from None
    return rules


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


def hash_password(password: str, salt: bytes) -> str:
    """Write *password* as ``users`` wants it; *salt* is 16 octets drawn at random."""
    made = scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return f"scrypt${2**14}$8$1${b64encode(salt).decode()}${b64encode(made).decode()}"


def _at(key: str | int, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except _Refused as error:
        raise _Refused(str(error), key, *error.keys) from None
    except ValueError as error:
        raise _Refused(str(error), key) from None


def _is(kind: type, why: str, accepts: Callable[[Any], object] = lambda value: True) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not kind or not accepts(value):  # exactly: True is an int, too
            raise ValueError(f"is not {why}")
        return value

    return read


_ARRAY, _STRING, _TABLE = _is(list, "an array"), _is(str, "a string"), _is(dict, "a table")


def _each(read: Reader) -> Reader:
    """An array."""
    return lambda value: tuple(_at(number, read, item) for number, item in enumerate(_ARRAY(value)))


def _map(read_key: Reader, read: Reader) -> Reader:
    """A table whose keys are the owner's."""
    return lambda value: {
        _at(key, read_key, key): _at(key, read, item) for key, item in _TABLE(value).items()
    }


def _table(
    make: Callable[..., Any], required: Mapping[str, Reader], optional: Mapping[str, Reader] = {}
) -> Reader:
    """A table of known keys, and what is made of their values."""
    readers = {**required, **optional}

    def read(value: Any) -> Any:
        for key in _TABLE(value):
            if key not in readers:
                raise _Refused(f"is unknown; known are {', '.join(readers)}", key)
        for key in required:
            if key not in value:
                raise _Refused("is missing", key)
        return make(**{key.replace("-", "_"): _at(key, readers[key], item) for key, item in value.items()})

    return read


def _glob(value: Any) -> Pattern[str]:
    return compile_glob(_STRING(value))


def _target(value: Any) -> tuple[str, tuple[str, ...]]:
    match = _TARGET.fullmatch(_STRING(value))
    if match is None:
        raise ValueError("is neither a path, percent-encoded and from / on, nor an https URL with one")
    parts = tuple(re.split(r"\*+", match[2]))
    if len(parts) > 2 or not is_plain("x".join(parts)):
        raise ValueError("has a second *, an empty segment or a dot segment")
    return match[1] or "", parts


def _added(**keys: Any) -> AddedFields:
    return AddedFields(keys["glob"], tuple(keys["set"].items()))


def _redirect(**keys: Any) -> Redirect:
    glob, (origin, parts) = keys["from"], keys["to"]
    if len(parts) == 2 and glob.groups != 1:
        raise _Refused("has a *, but from has not exactly one, or a ** at its end", "to")
    return Redirect(glob, parts, keys.get("status", 308), origin)


def _cors(**keys: Any) -> Cors:
    cors = Cors(**keys)
    if cors.credentials and "*" in cors.origins:
        raise _Refused("cannot be allowed to every origin", "credentials")
    if not cors.origins or "*" in cors.origins[1:] + cors.origins[:-1]:
        raise _Refused('is neither ["*"] nor a list of origins', "origins")
    return cors


def _secret(value: Any) -> Secret:
    match = _HASH.fullmatch(_STRING(value))
    salt, made = map(b64decode, match.group(4, 5)) if match else (b"", b"")
    if match is None or len(salt) < 8 or not 16 <= len(made) <= 64:
        raise ValueError("is not scrypt$N$r$p$salt$hash, as hash_password writes it")
    n, r, p = map(int, match.group(1, 2, 3))
    if n < 2 or n & (n - 1) or not r or not p or n >= 2 ** (16 * r) or 128 * n * r * p > MAX_COST:
        raise ValueError("has an N, r or p that scrypt does not take (RFC 7914 §2) or that costs too much")
    return Secret(n, r, p, salt, made)


def _protected(**keys: Any) -> Protected:
    if not keys["users"]:
        raise _Refused("is empty", "users")
    return Protected(**keys)


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).fullmatch


_PAGE = _is(
    str,
    "the path, from / on, of a file below the root",
    lambda path: re.fullmatch(r"/[^\0]*[^/\0]", path) and is_plain(re.sub(r"[?#]", "x", path)),
)
_TOKENS = _each(_is(str, "a token", _like(_TOKEN)))
_FIELD_NAME = _is(str, "the name of a field that can be set", _like(rf"(?!(?i:{_RESERVED})\Z){_TOKEN}"))
_FIELD_VALUE = _is(str, "text within ISO 8859-1, without control characters", _like(r"[\t -~\x80-\xff]*"))
_ORIGINS = _each(_is(str, "an origin such as https://a.example", _like(_ORIGIN)))
_STATUS = _is(int, "301, 302, 307 or 308", (301, 302, 307, 308).__contains__)
_SECONDS = _is(int, "a number of seconds", range(2**31).__contains__)
_REALM = _is(str, "ASCII text without quotes", _like(r"[ !#-\[\]-~]+"))
_USER = _is(str, "a name without colons and control characters", _like(r"[^:\0-\x1f\x7f]+"))
_ERRORS = _is(str, "a status such as 404, or 5xx", _like("[45](?:[0-9]{2}|xx)"))

_FILE = _table(
    Rules,
    {},
    {
        "headers": _each(_table(_added, {"glob": _glob, "set": _map(_FIELD_NAME, _FIELD_VALUE)})),
        "redirects": _each(_table(_redirect, {"from": _glob, "to": _target}, {"status": _STATUS})),
        "spa": _table(lambda fallback: fallback, {"fallback": _PAGE}),
        "cors": _table(
            _cors,
            {"origins": _ORIGINS},
            {
                "methods": _TOKENS,
                "headers": _TOKENS,
                "max-age": _SECONDS,
                "credentials": _is(bool, "true or false"),
            },
        ),
        "auth": _each(_table(_protected, {"glob": _glob, "realm": _REALM, "users": _map(_USER, _secret)})),
        "error-pages": _map(_ERRORS, _PAGE),
    },
)
