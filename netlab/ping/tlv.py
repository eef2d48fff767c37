"""
STAMP's options (RFC 8972 §4): flags u8, type u8, length u16, value.

    flags   U 0x80 not understood · M 0x40 malformed · I 0x20 integrity failed
    1       extra padding: anything
    4       class of service (§4.4): DSCP1 6 wanted back · DSCP2 6 received · ECN 2 received · RP 2 · 16 zeros
    5       direct measurement (§4.5): sent by the sender u32 · received u32 · sent by the reflector u32
    7       follow-up telemetry (§4.7): reflector's last seq u32 · when it left u64 · how stamped u8 · 3 zeros
    8       HMAC (§4.8): 16 octets over the sequence number and all options before this one

A sender sets U; a reflector clears it in what it understood.
"""

from collections.abc import Iterable
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple

from netlab.errors import WireError
from netlab.ping.stamp import DIGEST, mac

UNKNOWN, MALFORMED, FORGED = 0x80, 0x40, 0x20
PADDING, SERVICE, DIRECT, FOLLOW_UP, HMAC = 1, 4, 5, 7, 8
SOFTWARE_LOCAL = 2  # how a follow-up timestamp was made: by software, as it left (§4.3, table 7)
LENGTHS = {SERVICE: 4, DIRECT: 12, FOLLOW_UP: 16, HMAC: DIGEST}
MAX_OPTIONS = 64  # read of one datagram; what follows counts as malformed

_HEAD = Struct("!BBH")
HEAD = _HEAD.size
_SERVICE = Struct("!I")
_DIRECT = Struct("!III")
_FOLLOW_UP = Struct("!IQB3x")


class Option(NamedTuple):
    """One option; *length* is what it claims, where that is not the length of its value."""

    kind: int
    value: bytes
    flags: int = UNKNOWN
    length: int | None = None


class Service(NamedTuple):
    """Class of service: the DSCP wanted of the reply, and what arrived at the reflector."""

    wanted: int
    received: int = 0
    ecn: int = 0
    refused: int = 0


class Direct(NamedTuple):
    """Direct measurement: counts of this session's packets, modulo 2**32."""

    sent: int
    reflector_received: int = 0
    reflector_sent: int = 0


class FollowUp(NamedTuple):
    """When the reflector's previous packet truly left."""

    sequence: int = 0
    sent: int = 0  # NTP; 0: not known
    method: int = 0


def encode_options(options: Iterable[Option]) -> bytes:
    """Write options one after the other; `decode_options` is the inverse."""
    return b"".join(
        _HEAD.pack(flags, kind, len(value) if length is None else length) + value
        for kind, value, flags, length in options
    )


def decode_options(octets: bytes) -> list[Option]:
    """
    Read what follows a packet's fixed part; never fails.

    Four zeros begin padding of another kind, which is no option. An option that claims more octets
    than there are, or not those of its type, comes back with `MALFORMED`; it is the last one.
    """
    options: list[Option] = []
    at = 0
    while at + HEAD <= len(octets) and octets[at : at + 4] != b"\0\0\0\0":
        flags, kind, length = _HEAD.unpack_from(octets, at)
        value = octets[at + 4 : at + 4 + length]
        short = len(value) < length or length != LENGTHS.get(kind, length)
        if short or len(options) == MAX_OPTIONS:
            options.append(Option(kind, octets[at + 4 :], flags | MALFORMED, length))
            return options
        options.append(Option(kind, value, flags))
        at += 4 + length
    return options


def encode_service(service: Service) -> bytes:
    wanted, received, ecn, refused = service
    return _SERVICE.pack(wanted << 26 | received << 20 | ecn << 18 | refused << 16)


def decode_service(value: bytes) -> Service:
    (word,) = _unpack(_SERVICE, value)
    return Service(word >> 26, word >> 20 & 63, word >> 18 & 3, word >> 16 & 3)


def encode_direct(direct: Direct) -> bytes:
    return _DIRECT.pack(*(count & 0xFFFF_FFFF for count in direct))


def decode_direct(value: bytes) -> Direct:
    return Direct(*_unpack(_DIRECT, value))


def encode_follow_up(follow_up: FollowUp) -> bytes:
    return _FOLLOW_UP.pack(*follow_up)


def decode_follow_up(value: bytes) -> FollowUp:
    return FollowUp(*_unpack(_FOLLOW_UP, value))


def sign(options: list[Option], sequence: int, key: bytes, flags: int = UNKNOWN) -> list[Option]:
    """Put the HMAC option behind *options*, before the padding if that is the last of them."""
    padded = len(options) - 1 if options and options[-1].kind == PADDING else len(options)
    body, padding = options[:padded], options[padded:]
    if not body:
        return options  # nothing to protect
    digest = mac(key, sequence.to_bytes(4, "big") + encode_options(body))
    return [*body, Option(HMAC, digest, flags), *padding]


def verify(options: list[Option], sequence: int, key: bytes) -> bool:
    """Tell whether the HMAC option stands where it must and fits what stands before it."""
    kinds = [option.kind for option in options]
    if kinds in ([], [PADDING]):
        return True
    if kinds[-1] == PADDING:
        kinds.pop()
    if kinds.count(HMAC) != 1 or kinds[-1] != HMAC:
        return False
    end = len(kinds) - 1
    expected = mac(key, sequence.to_bytes(4, "big") + encode_options(options[:end]))
    return compare_digest(expected, options[end].value)


def _unpack(layout: Struct, value: bytes) -> tuple[int, ...]:
    if len(value) != layout.size:
        raise WireError(f"an option of {len(value)} octets, not {layout.size}")
    return layout.unpack(value)
