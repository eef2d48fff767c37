"""Which of a file's encoded siblings a client would like best (RFC 9110 §8.4, §12.5.3)."""

import re
from collections.abc import Container

# Codings by their file extensions, the smallest result first.
SIBLINGS = {"zstd": ".zst", "br": ".br", "gzip": ".gz"}

_MEMBER = re.compile(
    r"[ \t]*(?P<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*"
    r"(?:;[ \t]*[qQ][ \t]*=[ \t]*(?P<q>0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)
_ALIASES = {"x-gzip": "gzip"}


def choose(accept_encoding: str | None, available: Container[str]) -> str | None:
    """
    The best of the *available* codings; None: the file as it is.

    A field that is absent or malformed asks for nothing. The file as it is stays the last resort,
    also where the client excludes it: an answer is better than none.
    """
    weights = _weights(accept_encoding or "")
    others = weights.get("*", 0.0)
    identity = weights.get("identity", others if "*" in weights else 0.0)
    best, best_weight = None, 0.0
    for name in SIBLINGS:
        weight = weights.get(name, others)
        if name in available and weight > best_weight:
            best, best_weight = name, weight
    return best if best_weight >= identity else None


def _weights(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for member in text.split(","):
        match = _MEMBER.fullmatch(member)
        if match is not None:
            name = match["name"].lower()
            weights[_ALIASES.get(name, name)] = float(match["q"] or 1)
    return weights
