"""HTTP dates (RFC 9110 §5.6.7): English names whatever the locale, and always GMT."""

import re
from datetime import UTC, datetime
from time import gmtime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LAST_SECOND = 253_402_300_799  # 9999-12-31 23:59:59; the format has four digits for the year
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>[0-5]\d|60)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_FORMS = (
    re.compile(rf"(?:{'|'.join(_DAYS)}), (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT", re.ASCII),
    re.compile(rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT", re.ASCII),
    re.compile(rf"(?:{'|'.join(_DAYS)}) {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})", re.ASCII),
)


def imf_fixdate(seconds: float) -> str:
    """Write *seconds* since 1970 as an IMF-fixdate: ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    moment = gmtime(min(max(seconds, 0), _LAST_SECOND))
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {_MONTHS[moment.tm_mon - 1]} {moment.tm_year:04d}"
        f" {moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} GMT"
    )


def log_date(seconds: float) -> str:
    """Write *seconds* since 1970 as access logs have it: ``06/Nov/1994:08:49:37 +0000``."""
    moment = gmtime(seconds)
    return (
        f"{moment.tm_mday:02d}/{_MONTHS[moment.tm_mon - 1]}/{moment.tm_year}"
        f":{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )


def parse_date(text: str, now: float) -> int | None:
    """
    Read a date in any of the three forms, as seconds since 1970; None: it is none.

    A year of two digits that would lie more than 50 years after *now* is one of the past (§5.6.7).
    """
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        parts = match.groupdict()
        year = int(parts["year"])
        if len(parts["year"]) == 2:
            year += gmtime(now).tm_year // 100 * 100
            year -= 100 if year > gmtime(now).tm_year + 50 else 0
        month, day = _MONTHS.index(parts["month"]) + 1, int(parts["day"])
        hour, minute, second = int(parts["hour"]), int(parts["minute"]), min(int(parts["second"]), 59)
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            return None
        return int(moment.timestamp())
    return None
