"""
The beats of course implementations: what they send in place of the classic line.

    FORM      EXAMPLE                                       WHAT IT LACKS
    bare      42 1795358159.498196
    csv       42,1795358159.498196
    ping      Ping 42 1795358159.498196
    time      Heartbeat 1795358159.498196                   a number
    number    Sequence No.: 42                              a time
    ms        42 1795358159498
    ctime     42 Sat Nov 21 18:35:59 2026                   parts of a second, a time zone
    iso       42 2026-11-21 18:35:59.498196                 a time zone
    word      alive                                         both

Upper and lower case are one; blanks, commas and semicolons part a line. The time after a number may
be any of those above, or be missing. A date names no time zone: it is read as UTC. How many digits
stand before the point tells the unit of a time: up to 12 seconds, 15 milliseconds, 18 microseconds,
20 nanoseconds; of a single number, with fewer than ten digits and no point, that it is no time.
"""

import re
from calendar import timegm
from collections.abc import Callable
from datetime import datetime, timezone
from time import gmtime

from netlab.clocks import seconds_text
from netlab.errors import WireError

MAX_SEQUENCE = 2**64 - 1

Reading = tuple[int | None, int | None]  # number; time of sending, nanoseconds since 1970-01-01 UTC

_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_UNITS = ((12, 10**9), (15, 10**6), (18, 10**3), (20, 1))  # digits before the point, nanoseconds

_NUMBER = r"(?P<number>[0-9]{1,20})"
_TIME = rf"""
    (?: (?P<units>[0-9]{{1,20}}) (?: \. (?P<fraction>[0-9]{{1,30}}))?
    | (?P<iso>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}) (?: \. (?P<parts>[0-9]{{1,9}}))? Z?
    | (?: {"|".join(_DAYS)} ) [ ] (?P<month> {"|".join(_MONTHS)} ) [ ]{{1,2}} (?P<day>[0-9]{{1,2}})
      [ ] (?P<clock>[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}) [ ] (?P<year>[0-9]{{4}})
    )"""
_PATTERNS = [
    re.compile(pattern.encode("ascii"), re.IGNORECASE | re.VERBOSE)
    for pattern in (
        rf"(?: (?: heartbeat | ping ) [ ,;]{{1,4}} )? {_NUMBER} [ ,;]{{1,4}} {_TIME}",
        rf"(?: (?: heartbeat | ping ) [ ,;]{{1,4}} )? {_TIME}",
        rf"sequence [ ] no \.? [ ]? : [ ]? {_NUMBER}",
        r"(?P<word> [a-z] [a-z_-]{0,63} ) [.!]?",
    )
]


def read(line: bytes) -> Reading:
    """
    Read what *line*, without blanks around it, says of a beat's number and its time.

    Raises:
        WireError: no dialect has such a line.
    """
    for pattern in _PATTERNS:
        found = pattern.fullmatch(line)
        if found is not None:
            return _reading({name: value.decode() for name, value in found.groupdict().items() if value})
    raise WireError(f"no heartbeat: {line[:40]!r}")


def _reading(parts: dict[str, str]) -> Reading:
    raise NotImplementedError


FORMATS: dict[str, Callable[[int, int], str]] = {
    "classic": lambda number, ns: f"Heartbeat {number} {seconds_text(ns)}",
    "bare": lambda number, ns: f"{number} {seconds_text(ns)}",
    "csv": lambda number, ns: f"{number},{seconds_text(ns)}",
    "ping": lambda number, ns: f"Ping {number} {seconds_text(ns)}",
    "time": lambda number, ns: f"Heartbeat {seconds_text(ns)}",
    "number": lambda number, ns: f"Sequence No.: {number}",
    "ms": lambda number, ns: f"{number} {ns // 1_000_000}",
    "ctime": lambda number, ns: f"{number} {_ctime(ns)}",
    "iso": lambda number, ns: f"{number} {_iso(ns)}",
    "word": lambda number, ns: "alive",
}  # (number, time of sending in nanoseconds) -> the line, for monitors that know no other


def _ctime(ns: int) -> str:
    return ""


def _iso(ns: int) -> str:
    return ""
