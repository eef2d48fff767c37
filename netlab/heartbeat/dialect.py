"""
The beats of course implementations: what they send in place of the classic line.

    FORM      EXAMPLE                                       WHAT IT LACKS
    bare      42 1795358159.498196
    csv       42,1795358159.498196
    ping      Ping 42 1795358159.498196
    time      Heartbeat 1795358159.498196                   a number
    number    Sequence No.: 42                              a time
    ms        42 1795358159498
    ctime     42 Sun Nov 22 14:35:59 2026                   parts of a second, a time zone
    iso       42 2026-11-22 14:35:59.498196                 a time zone
    word      alive                                         both

Upper and lower case are one; blanks, commas and semicolons part a line; "Heartbeat" or "Ping" may
stand before any of them, and any of the times may follow a number or stand alone. A date names no
time zone: it is read as UTC. How many digits stand before the point tells a time's unit: up to 12
seconds, up to 15 milliseconds, up to 18 microseconds, else nanoseconds. A number alone, of fewer than
ten digits and without a point, is a number and no time.
"""

import re
from calendar import timegm
from collections.abc import Callable
from datetime import UTC, datetime

from netlab.clocks import seconds_text
from netlab.errors import WireError

MAX_SEQUENCE = 2**64 - 1

Reading = tuple[int | None, int | None]  # number; time of sending, nanoseconds since 1970-01-01 UTC

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ((12, 10**9), (15, 10**6), (18, 10**3), (20, 1))  # most digits before the point, nanoseconds
_DIGITS_OF_NOW = 10  # seconds since 1970 have had as many since 2001

_PREFIX = r"(?: (?: heartbeat | ping ) [ ,;]{1,4} )?"
_NUMBER = r"(?P<number> [0-9]{1,20} )"
_CLOCK = "[0-9]{2} : [0-9]{2} : [0-9]{2}"
_TIME = rf"""(?:
    (?P<units> [0-9]{{1,20}} ) (?: \. (?P<fraction> [0-9]{{1,30}} ) )?
  | (?P<date> [0-9]{{4}} - [0-9]{{2}} - [0-9]{{2}} ) [T ] (?P<clock> {_CLOCK} )
    (?: [.,] (?P<parts> [0-9]{{1,9}} ) )? Z?
  | (?: {"|".join(_DAYS)} ) [ ] (?P<month> {"|".join(_MONTHS)} ) [ ]{{1,2}} (?P<day> [0-9]{{1,2}} )
    [ ] (?P<hour> {_CLOCK} ) [ ] (?P<year> [0-9]{{4}} )
)"""
_DIALECTS = [
    re.compile(pattern.encode("ascii"), re.IGNORECASE | re.VERBOSE)
    for pattern in (
        rf"{_PREFIX} {_NUMBER} [ ,;]{{1,4}} {_TIME}",
        rf"{_PREFIX} {_TIME}",
        rf"sequence [ ] no \.? [ ]? : [ ]? {_NUMBER}",
        r"(?P<word> [a-z] [a-z_-]{0,63} ) [.!]?",
    )
]


def read(line: bytes) -> Reading:
    """
    Read what *line*, without blanks around it, says of a beat's number and its time.

    Raises:
        WireError: no dialect has such a line. Nothing else.
    """
    for dialect in _DIALECTS:
        found = dialect.fullmatch(line)
        if found is not None:
            return _reading({name: text.decode("ascii") for name, text in found.groupdict().items() if text})
    raise WireError(f"not a heartbeat: {line[:40]!r}")


def _reading(parts: dict[str, str]) -> Reading:
    number, units = parts.get("number"), parts.get("units")
    if number is None and units and len(units) < _DIGITS_OF_NOW and "fraction" not in parts:
        return int(units), None
    sequence = None if number is None else int(number)
    if sequence is not None and sequence > MAX_SEQUENCE:
        raise WireError(f"number {sequence} does not fit in 64 bits")
    if units:
        return sequence, _scaled(units, parts.get("fraction", ""))
    if "date" in parts:
        return sequence, _dated(f"{parts['date']} {parts['clock']}", parts.get("parts", ""))
    if "month" in parts:
        month = _MONTHS.index(parts["month"].title()) + 1
        return sequence, _dated(f"{parts['year']}-{month:02d}-{int(parts['day']):02d} {parts['hour']}")
    return sequence, None


def _scaled(units: str, fraction: str) -> int:
    scale = next(scale for digits, scale in _UNITS if len(units) <= digits)
    return int(units) * scale + int(fraction[:9].ljust(9, "0")) * scale // 10**9


def _dated(text: str, parts: str = "") -> int:
    try:
        seconds = timegm(datetime.fromisoformat(text).timetuple())
    except ValueError as error:
        raise WireError(f"no such time: {text}") from error
    if seconds < 0:
        raise WireError(f"a time before 1970: {text}")
    return seconds * 10**9 + int(parts.ljust(9, "0"))


def _utc(ns: int) -> datetime:
    try:
        moment = datetime.fromtimestamp(ns // 10**9, UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"time {ns} has no date") from error
    return moment.replace(microsecond=ns % 10**9 // 1000, tzinfo=None)


def _ctime(ns: int) -> str:
    moment = _utc(ns)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]  # not those of the sender's language
    return f"{day} {month} {moment.day:2d} {moment:%H:%M:%S} {moment.year:04d}"


FORMATS: dict[str, Callable[[int, int], str]] = {
    "classic": lambda number, ns: f"Heartbeat {number} {seconds_text(ns)}",
    "bare": lambda number, ns: f"{number} {seconds_text(ns)}",
    "csv": lambda number, ns: f"{number},{seconds_text(ns)}",
    "ping": lambda number, ns: f"Ping {number} {seconds_text(ns)}",
    "time": lambda number, ns: f"Heartbeat {seconds_text(ns)}",
    "number": lambda number, ns: f"Sequence No.: {number}",
    "ms": lambda number, ns: f"{number} {ns // 10**6}",
    "ctime": lambda number, ns: f"{number} {_ctime(ns)}",
    "iso": lambda number, ns: f"{number} {_utc(ns).isoformat(' ', 'microseconds')}",
    "word": lambda number, ns: "alive",
}  # number and time of sending, nanoseconds -> the line, for monitors that know no other
