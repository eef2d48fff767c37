"""
STAMP test packets (RFC 8762), and those of TWAMP-Light (RFC 5357 appendix I), which look alike.

Unauthenticated, 44 octets (§4.2.1, §4.3.1; SSID: RFC 8972 §3):

    sender      | seq u32 | T1 u64 | error u16 | SSID u16 | 28 zeros |
    reflector   | seq u32 | T3 u64 | error u16 | SSID u16 | T2 u64 | sender's seq u32 | T1 u64
                | sender's error u16 | 2 zeros | TTL u8 | 3 zeros |

Authenticated, 112 octets (§4.2.2, §4.3.2), every field but the first in a block of 16:

    sender      | seq u32 | 12 zeros | T1 u64 | error u16 | SSID u16 | 68 zeros | HMAC 16 |
    reflector   | seq u32 | 12 zeros | T3 u64 | error u16 | SSID u16 | 4 zeros | T2 u64 | 8 zeros
                | sender's seq u32 | 12 zeros | T1 u64 | sender's error u16 | 6 zeros | TTL u8 | 15 zeros
                | HMAC 16 |

The HMAC is the first half of HMAC-SHA-256 over the first 96 octets (§4.4). Options or padding may follow.
"""

import hmac
from struct import Struct
from typing import NamedTuple

from netlab.errors import WireError

PLAIN = 44  # octets of an unauthenticated packet
SIGNED = 112  # octets of an authenticated one
DIGEST = 16
UNREADABLE_TTL = 255

_REQUEST = Struct("!IQHH28x")
_REFLECTION = Struct("!IQHHQIQH2xB3x")
_SIGNED_REQUEST = Struct("!I12xQHH68x")
_SIGNED_REFLECTION = Struct("!I12xQHH4xQ8xI12xQH6xB15x")
_TWAMP_REFLECTIONS = (38, 41)  # octets of reflections without the fields that came later
_LIGHT_REQUEST = 14  # octets of the shortest TWAMP-Light request


class Request(NamedTuple):
    """What a session-sender sends; stamps and error estimates as the bits of `netlab.ping.ntp`."""

    sequence: int
    sent: int  # T1
    error: int
    ssid: int = 0
    tail: bytes = b""  # options or padding


class Reflection(NamedTuple):
    """What a session-reflector answers."""

    sequence: int
    sent: int  # T3
    error: int
    ssid: int
    received: int  # T2
    sender_sequence: int
    sender_sent: int  # T1
    sender_error: int
    ttl: int
    tail: bytes = b""


def mac(key: bytes, octets: bytes) -> bytes:
    """Sign: HMAC-SHA-256, its first 128 bits (§4.4)."""
    return hmac.digest(key, octets, "sha256")[:DIGEST]


def encode_request(request: Request, key: bytes = b"") -> bytes:
    """Write a request, authenticated where there is a key."""
    *fields, tail = request
    if not key:
        return _REQUEST.pack(*fields) + tail
    body = _SIGNED_REQUEST.pack(*fields)
    return body + mac(key, body) + tail


def decode_request(datagram: bytes, key: bytes = b"") -> Request:
    """
    Read a stranger's request; one of TWAMP-Light may be as short as 14 octets.

    Raises:
        WireError: too short, or a reflection, or with a key: not signed with it.
    """
    if key:
        _require(datagram, SIGNED, key)
        if any(datagram[48:52]) or any(datagram[64:72]):
            raise WireError("a reflection, not a request")
        return Request._make((*_SIGNED_REQUEST.unpack_from(datagram), datagram[SIGNED:]))
    if len(datagram) < _LIGHT_REQUEST:
        raise WireError(f"{len(datagram)} octets are no STAMP request")
    if not any(datagram[4:16]):
        raise WireError("an authenticated request, for which there is no key")
    fixed = datagram[:PLAIN].ljust(PLAIN, b"\0")
    request = Request._make((*_REQUEST.unpack(fixed), datagram[PLAIN:]))
    if not request.error & 0xFF:
        raise WireError("an error estimate of zero")
    if any(datagram[16:PLAIN]):  # TWAMP-Light may pad with anything
        raise WireError("no STAMP request: octets 16 to 43 are not zero")
    return request


def encode_reflection(reflection: Reflection, key: bytes = b"") -> bytes:
    """Write a reflection, authenticated where there is a key."""
    *fields, tail = reflection
    if not key:
        return _REFLECTION.pack(*fields) + tail
    body = _SIGNED_REFLECTION.pack(*fields)
    return body + mac(key, body) + tail


def decode_reflection(datagram: bytes, key: bytes = b"") -> Reflection:
    """
    Read a reflection; TWAMP-Light's of 38 and 41 octets lack what is then zero, or a TTL of 255.

    Raises:
        WireError: too short, or with a key: not signed with it.
    """
    if key:
        _require(datagram, SIGNED, key)
        return Reflection._make((*_SIGNED_REFLECTION.unpack_from(datagram), datagram[SIGNED:]))
    if len(datagram) < PLAIN:
        if len(datagram) not in _TWAMP_REFLECTIONS:
            raise WireError(f"truncated: {len(datagram)} octets of at least {PLAIN}")
        ttl = b"" if len(datagram) > 40 else bytes((0, 0, UNREADABLE_TTL))
        datagram = (datagram + ttl).ljust(PLAIN, b"\0")
    return Reflection._make((*_REFLECTION.unpack_from(datagram), datagram[PLAIN:]))


def _require(datagram: bytes, length: int, key: bytes) -> None:
    if len(datagram) < length:
        raise WireError(f"truncated: {len(datagram)} octets of at least {length}")
    signed = length - DIGEST
    if not hmac.compare_digest(mac(key, datagram[:signed]), datagram[signed:length]):
        raise WireError("not signed with the key")
