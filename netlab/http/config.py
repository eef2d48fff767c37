"""
A TOML file becomes the `Rules` of a web server, or one line that says what is wrong with it, and where.

Its tables are told at the end, as readers (see `netlab.toml`).
"""

import re
from base64 import b64decode, b64encode
from hashlib import scrypt
from re import Pattern
from typing import Any

from netlab import toml
from netlab.http.rules import AddedFields, Cors, Protected, Redirect, Rules, Secret, compile_glob, is_plain
from netlab.toml import STRING, Refused, each, is_a, like, mapping, table

MAX_COST = 2**27  # octets that the making of one hash may write

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


def parse(text: str, name: str) -> Rules:
    """
    Read the rules in *text*, which is the content of the file *name*.

    Raises:
        ConfigError: ``name:line: key: why``.
    """
    rules: Rules = toml.parse(text, name, _FILE)
    return rules


def hash_password(password: str, salt: bytes) -> str:
    """Write *password* as ``users`` wants it; *salt* is 16 octets drawn at random."""
    made = scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return f"scrypt${2**14}$8$1${b64encode(salt).decode()}${b64encode(made).decode()}"


def _glob(value: Any) -> Pattern[str]:
    return compile_glob(STRING(value))


def _target(value: Any) -> tuple[str, tuple[str, ...]]:
    match = _TARGET.fullmatch(STRING(value))
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
        raise Refused("has a *, but from has not exactly one, or a ** at its end", "to")
    return Redirect(glob, parts, keys.get("status", 308), origin)


def _cors(**keys: Any) -> Cors:
    cors = Cors(**keys)
    if cors.credentials and "*" in cors.origins:
        raise Refused("cannot be allowed to every origin", "credentials")
    if not cors.origins or "*" in cors.origins[1:] + cors.origins[:-1]:
        raise Refused('is neither ["*"] nor a list of origins', "origins")
    return cors


def _secret(value: Any) -> Secret:
    match = _HASH.fullmatch(STRING(value))
    salt, made = map(b64decode, match.group(4, 5)) if match else (b"", b"")
    if match is None or len(salt) < 8 or not 16 <= len(made) <= 64:
        raise ValueError("is not scrypt$N$r$p$salt$hash, as hash_password writes it")
    n, r, p = map(int, match.group(1, 2, 3))
    if n < 2 or n & (n - 1) or not r or not p or n >= 2 ** (16 * r) or 128 * n * r * p > MAX_COST:
        raise ValueError("has an N, r or p that scrypt does not take (RFC 7914 §2) or that costs too much")
    return Secret(n, r, p, salt, made)


def _protected(**keys: Any) -> Protected:
    if not keys["users"]:
        raise Refused("is empty", "users")
    return Protected(**keys)


_PAGE = is_a(
    str,
    "the path, from / on, of a file below the root",
    lambda path: re.fullmatch(r"/[^\0]*[^/\0]", path) and is_plain(re.sub(r"[?#]", "x", path)),
)
_TOKENS = each(is_a(str, "a token", like(_TOKEN)))
_FIELD_NAME = is_a(str, "the name of a field that can be set", like(rf"(?!(?i:{_RESERVED})\Z){_TOKEN}"))
_FIELD_VALUE = is_a(str, "text within ISO 8859-1, without control characters", like(r"[\t -~\x80-\xff]*"))
_ORIGINS = each(is_a(str, "an origin such as https://a.example", like(_ORIGIN)))
_STATUS = is_a(int, "301, 302, 307 or 308", (301, 302, 307, 308).__contains__)
_SECONDS = is_a(int, "a number of seconds", range(2**31).__contains__)
_REALM = is_a(str, "ASCII text without quotes", like(r"[ !#-\[\]-~]+"))
_USER = is_a(str, "a name without colons and control characters", like(r"[^:\0-\x1f\x7f]+"))
_ERRORS = is_a(str, "a status such as 404, or 5xx", like("[45](?:[0-9]{2}|xx)"))

_FILE = table(
    Rules,
    {},
    {
        "headers": each(table(_added, {"glob": _glob, "set": mapping(_FIELD_NAME, _FIELD_VALUE)})),
        "redirects": each(table(_redirect, {"from": _glob, "to": _target}, {"status": _STATUS})),
        "spa": table(lambda fallback: fallback, {"fallback": _PAGE}),
        "cors": table(
            _cors,
            {"origins": _ORIGINS},
            {
                "methods": _TOKENS,
                "headers": _TOKENS,
                "max-age": _SECONDS,
                "credentials": is_a(bool, "true or false"),
            },
        ),
        "auth": each(table(_protected, {"glob": _glob, "realm": _REALM, "users": mapping(_USER, _secret)})),
        "error-pages": mapping(_ERRORS, _PAGE),
    },
)
