"""
Timestamps and error estimates as STAMP and TWAMP carry them (RFC 8762 §4.2.1, RFC 4656 §4.1.2).

    NTP timestamp    | seconds since 1900 u32 | fraction u32, units of 2**-32 s |
    PTP, truncated   | seconds since 1970 u32 | nanoseconds u32 |                    (RFC 8186 §2.3)
    error estimate   | S 1 | Z 1 | scale 6 | multiplier 8, never 0 |

S: the clock is synchronised from outside; Z: the packet's timestamps are PTP's. The error is
multiplier * 2**scale * 2**-32 seconds.
"""

from typing import NamedTuple

from netlab.errors import WireError

UNIX_EPOCH = 2_208_988_800  # seconds from 1900 to 1970
SECOND = 1_000_000_000  # nanoseconds


class ErrorEstimate(NamedTuple):
    """How far a party believes its own timestamps to be off."""

    seconds: float
    synchronised: bool = False
    ptp: bool = False


def encode_time(ns: int) -> int:
    """Write *ns* nanoseconds since 1970 as 64 bits of NTP; eras of 136 years look alike."""
    seconds, rest = divmod(ns, SECOND)
    return (seconds + UNIX_EPOCH & 0xFFFF_FFFF) << 32 | (rest << 32) // SECOND


def decode_time(stamp: int, ptp: bool = False) -> int:
    """Read 64 bits of a timestamp, as nanoseconds since 1970; NTP's seconds are of the years 1968 to 2104."""
    seconds, rest = stamp >> 32, stamp & 0xFFFF_FFFF
    if ptp:
        return seconds * SECOND + rest
    if seconds < 2**31:  # the era that begins in 2036
        seconds += 2**32
    return (seconds - UNIX_EPOCH) * SECOND + (rest * SECOND + 2**31 >> 32)


def encode_error(error: ErrorEstimate) -> int:
    """Write an error estimate, rounded up, in 16 bits."""
    units, scale = max(1, -int(-error.seconds * 2**32 // 1)), 0
    while units > 255:
        units, scale = units + 1 >> 1, scale + 1
    return error.synchronised << 15 | error.ptp << 14 | min(scale, 63) << 8 | units


def decode_error(octets: int) -> ErrorEstimate:
    """
    Read an error estimate.

    Raises:
        WireError: the multiplier is zero, which RFC 4656 §4.1.2 calls corrupt.
    """
    multiplier = octets & 0xFF
    if multiplier == 0:
        raise WireError("an error estimate of zero")
    seconds = multiplier * 2.0 ** ((octets >> 8 & 0x3F) - 32)
    return ErrorEstimate(seconds, bool(octets & 0x8000), bool(octets & 0x4000))
