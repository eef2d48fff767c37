"""
Signatures: who knows the key has sent this line.

    MAC = HMAC-SHA256(KEY, the octets before " mac=") cut to its first 16 octets     RFC 2104
    KEY = HKDF-SHA256(master, info = "netlab heartbeat " + id), 32 octets            RFC 5869

Each identity has a key of its own, derived from the master that `k=` numbers: the monitor keeps only
the masters, and a sender that is given its own key cannot sign for another. The signature proves who
wrote a line; that the line is no replay, the ledger tells from incarnation and number.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest, digest

from netlab.errors import WireError
from netlab.heartbeat.wire import MAX_LINE, Beat, decode

MAC_LENGTH = 16  # octets
MIN_MASTER = 16  # octets; a shorter secret can be guessed from one signed line
CACHED = 131_072  # derived keys remembered
_MAC = b" mac="
_INFO = b"netlab heartbeat "
_BLOCK = 64  # octets that SHA-256 takes in at a time
_INNER_PAD = bytes(octet ^ 0x36 for octet in range(256))
_OUTER_PAD = bytes(octet ^ 0x5C for octet in range(256))


def derive(master: bytes, identity: str) -> bytes:
    """Derive the key of *identity*, 32 octets. ValueError: the master has fewer than 16 octets."""
    if len(master) < MIN_MASTER:
        raise ValueError(f"a key of {len(master)} octets; at least {MIN_MASTER} are needed")
    extracted = digest(bytes(32), master, "sha256")
    return digest(extracted, _INFO + identity.encode() + b"\1", "sha256")


def sign(line: bytes, number: int, key: bytes) -> bytes:
    """
    Append ` k=NUMBER mac=MAC` to a tagged line; *key* is the identity's own (see `derive`).

    Raises:
        ValueError: the line cannot be signed: it has no id=, no inc=, or no room.
    """
    signed = line + b" k=%d" % number
    whole = signed + _MAC + _mac(key, signed).hex().encode("ascii")
    try:
        if len(whole) <= MAX_LINE and decode(whole).mac is not None:
            return whole
    except WireError as error:
        raise ValueError(f"cannot be signed: {error}") from error
    raise ValueError(f"cannot be signed: no id=, or more than {MAX_LINE} octets: {line[:80]!r}")


class Keyring:
    """
    The masters by the number that `k=` names, and the keys derived from them.

    A derived key is remembered from its first right signature on, at most *cached* of them: with
    made-up names strangers neither fill nor empty the memory.

    Raises:
        ValueError: a master has fewer than 16 octets, its number is not 0..999,999,999, or *cached* is 0.
    """

    def __init__(self, masters: Mapping[int, bytes], cached: int = CACHED) -> None:
        if cached < 1:
            raise ValueError("at least one key has to be remembered")
        for number, master in masters.items():
            derive(master, "")
            if not 0 <= number < 10**9:
                raise ValueError(f"key number {number} is not 0..999999999")
        self._masters = dict(masters)
        self._cached = cached
        self._keys: dict[tuple[int, str], bytes] = {}

    def __len__(self) -> int:
        """How many derived keys are remembered."""
        return len(self._keys)

    def key(self, number: int, identity: str) -> bytes | None:
        """The identity's own key; None: no master has that number."""
        master = self._masters.get(number)
        return None if master is None else derive(master, identity)

    def verify(self, datagram: bytes, beat: Beat) -> bool:
        """Tell whether *beat*, decoded from *datagram*, is signed with the key of the id that it names."""
        if beat.mac is None or beat.key is None or beat.id is None:
            return False
        name = beat.key, beat.id
        key = self._keys.get(name)
        known = key is not None
        key = key or self.key(beat.key, beat.id)
        if key is None or not compare_digest(_mac(key, datagram.rpartition(_MAC)[0]), beat.mac):
            return False
        if not known:
            while len(self._keys) >= self._cached:
                del self._keys[next(iter(self._keys))]
            self._keys[name] = key
        return True


def _mac(key: bytes, signed: bytes) -> bytes:
    """
    HMAC-SHA256, cut, as RFC 2104, section 2 has it.

    Written out it takes two thirds of the time of `hmac.digest`, which looks its hash up every time.
    """
    block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner = sha256(block.translate(_INNER_PAD) + signed).digest()
    return sha256(block.translate(_OUTER_PAD) + inner).digest()[:MAC_LENGTH]
