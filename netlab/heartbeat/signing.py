"""
Signatures: who knows the key has sent this line.

    MAC = HMAC-SHA256(KEY, the octets before " mac=") cut to its first 16 octets     RFC 2104, FIPS 180-4
    KEY = HKDF-SHA256(the master with number k; info = "netlab heartbeat " + id)     RFC 5869, 32 octets

Each identity has a key of its own, derived from a master: the monitor keeps only the masters, and
a sender given its own key cannot sign for another. The signature proves who; that a line is no
replay, the ledger tells from the incarnation and the number.
"""

from collections.abc import Mapping

from netlab.heartbeat.wire import Beat

MAC_LENGTH = 16  # octets
CACHED = 131_072  # derived keys remembered


def derive(master: bytes, identity: str) -> bytes:
    """Derive the key of *identity*, 32 octets. ValueError: the master has fewer than 16 octets."""
    raise NotImplementedError


def sign(line: bytes, number: int, key: bytes) -> bytes:
    """
    Append ` k=NUMBER mac=MAC` to a tagged line; *key* is the identity's own (see `derive`).

    Raises:
        ValueError: the line has no id= or inc=, or grows past 512 octets.
    """
    raise NotImplementedError


class Keyring:
    """
    The masters by their numbers (``k=``), and the keys derived from them.

    A derived key is remembered from its first right signature on, so strangers can neither fill
    nor empty the memory.
    """

    def __init__(self, masters: Mapping[int, bytes], cached: int = CACHED) -> None:
        raise NotImplementedError

    def key(self, number: int, identity: str) -> bytes | None:
        """The identity's own key; None: no master has that number."""
        raise NotImplementedError

    def verify(self, datagram: bytes, beat: Beat) -> bool:
        """Tell whether *beat*, decoded from *datagram*, is signed by the key of the id it names."""
        raise NotImplementedError
