"""HTTP dates (RFC 9110 §5.6.7): English names whatever the locale, and always GMT."""

from time import gmtime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LAST_SECOND = 253_402_300_799  # 9999-12-31 23:59:59; the format has four digits for the year


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
