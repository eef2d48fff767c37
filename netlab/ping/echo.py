"""
An echo request (RFC 862): any octets would do; ours carry what tells our own replies from others'.

    | token u64 | seq u32 | padding, any |

The token is one run's own, so that nobody else's datagrams, nor an earlier run's, are taken for replies.
"""

from struct import Struct

from netlab.errors import WireError

_LAYOUT = Struct("!QI")
SHORTEST = _LAYOUT.size


def encode(token: int, sequence: int, size: int = 0) -> bytes:
    """Write a request of *size* octets, at least 12; the padding is zeros."""
    return _LAYOUT.pack(token, sequence).ljust(size, b"\0")


def decode(datagram: bytes) -> tuple[int, int]:
    """
    Read the token and the number.

    Raises:
        WireError: fewer than 12 octets.
    """
    if len(datagram) < _LAYOUT.size:
        raise WireError(f"truncated: {len(datagram)} octets of at least {_LAYOUT.size}")
    token, sequence = _LAYOUT.unpack_from(datagram)
    return token, sequence
