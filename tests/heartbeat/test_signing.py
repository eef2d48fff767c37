"""Signatures: who knows the key has sent this line, and nobody else."""

import hmac

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.heartbeat.signing import MAC_LENGTH, Keyring, derive, sign
from netlab.heartbeat.wire import MAX_LINE, SIGNATURE, Beat, decode, encode

MASTER, OTHER = bytes(range(32)), bytes(range(1, 33))
LINE = b"Heartbeat 42 1795358159.498196 id=web-1 inc=197f3c2a91 st=ok"
SIGNED = LINE + b" k=1 mac=57e3d78e20ea22c86e856043e2826deb"


def verify(ring: Keyring, datagram: bytes) -> bool:
    """Whether *datagram* is a beat and rightly signed."""
    try:
        return ring.verify(datagram, decode(datagram))
    except WireError:
        return False


class SigningTests(SynchronousTestCase):
    """`derive`, `sign` and `Keyring`"""

    def setUp(self) -> None:
        self.ring = Keyring({1: MASTER, 2: OTHER}, cached=2)

    def test_literal(self) -> None:
        """To the octet."""
        self.assertEqual(sign(LINE, 1, derive(MASTER, "web-1")), SIGNED)
        self.assertTrue(verify(self.ring, SIGNED))

    def test_derivation(self) -> None:
        """RFC 5869 with SHA-256: extracted without salt, expanded to one block."""
        extracted = hmac.new(b"", MASTER, "sha256").digest()
        expanded = hmac.new(extracted, b"netlab heartbeat web-1\x01", "sha256").digest()
        self.assertEqual(derive(MASTER, "web-1"), expanded)
        self.assertEqual(self.ring.key(1, "web-1"), expanded)
        self.assertIsNone(self.ring.key(3, "web-1"))
        self.assertNotEqual(derive(MASTER, "web-2"), expanded)
        self.assertNotEqual(derive(OTHER, "web-1"), expanded)

    def test_mac(self) -> None:
        """HMAC-SHA256 over everything before ` mac=`, its first 128 bits."""
        signed, _, mac = SIGNED.rpartition(b" mac=")
        whole = hmac.new(derive(MASTER, "web-1"), signed, "sha256").digest()
        self.assertEqual(bytes.fromhex(mac.decode()), whole[:MAC_LENGTH])

    @given(st.binary(max_size=150))
    def test_any_key(self, key: bytes) -> None:
        """The signature is the library's HMAC, whatever the key."""
        signed = sign(LINE, 1, key)
        expected = hmac.digest(key, LINE + b" k=1", "sha256")[:MAC_LENGTH]
        self.assertEqual(signed, LINE + b" k=1 mac=" + expected.hex().encode())

    def test_bit_flips(self) -> None:
        """No octet can be changed: not by a bit, not removed, not added."""
        for place in range(len(SIGNED)):
            for bit in range(8):
                flipped = bytearray(SIGNED)
                flipped[place] ^= 1 << bit
                self.assertFalse(verify(self.ring, bytes(flipped)), bytes(flipped))
            self.assertFalse(verify(self.ring, SIGNED[:place] + SIGNED[place + 1 :]))
            self.assertFalse(verify(self.ring, SIGNED[:place] + b"0" + SIGNED[place:]))
        for around in (b"", b"\n", b"\0\0"):
            self.assertTrue(verify(self.ring, SIGNED + around))

    def test_others(self) -> None:
        """Not with the key of another identity, of another master, under another number, or without."""
        for number, key in (
            (1, derive(MASTER, "web-2")),
            (1, derive(OTHER, "web-1")),
            (2, derive(MASTER, "web-1")),
            (3, derive(MASTER, "web-1")),
            (1, MASTER),
        ):
            self.assertFalse(verify(self.ring, sign(LINE, number, key)))
        self.assertFalse(verify(self.ring, LINE))
        self.assertFalse(verify(self.ring, b"Heartbeat 42 1795358159.498196"))
        self.assertTrue(verify(self.ring, sign(LINE, 2, derive(OTHER, "web-1"))))
        self.assertFalse(verify(self.ring, SIGNED.replace(b"id=web-1", b"id=web-2")))

    def test_not_signed(self) -> None:
        """A line that could be replayed, or that grows too long, is not signed."""
        key = derive(MASTER, "web-1")
        long = LINE + b" msg=" + b"a" * (MAX_LINE - len(LINE) - 5)
        for line in (
            b"Heartbeat 42 1795358159.498196",
            b"Heartbeat 42 1795358159.498196 id=web-1",
            b"Heartbeat 42 id=web-1 inc=1",
            b"no beat at all",
            long,
            SIGNED,
        ):
            with self.subTest(line=line):
                self.assertRaises(ValueError, sign, line, 1, key)
        self.assertRaises(ValueError, sign, LINE, 10**9, key)
        longest = encode(Beat(2**64 - 1, 10**21 - 1, "a", 2**64 - 1, message="b" * 600))
        self.assertTrue(
            verify(Keyring({999_999_999: MASTER}), sign(longest, 999_999_999, derive(MASTER, "a")))
        )
        self.assertEqual(len(longest), MAX_LINE - SIGNATURE)

    def test_arguments(self) -> None:
        """A short secret, an impossible number or no memory is a mistake."""
        self.assertRaises(ValueError, derive, b"secret", "web-1")
        for masters, cached in (
            ({1: b"secret"}, 1),
            ({-1: MASTER}, 1),
            ({10**9: MASTER}, 1),
            ({1: MASTER}, 0),
        ):
            self.assertRaises(ValueError, Keyring, masters, cached)

    def test_memory(self) -> None:
        """Only who signs rightly is remembered, and only so many."""
        for number in range(100):
            verify(self.ring, sign(LINE.replace(b"web-1", b"x%d" % number), 1, derive(OTHER, "x")))
        self.assertEqual(len(self.ring), 0)
        for _ in range(2):
            for number in range(5):
                identity = f"web-{number}"
                line = sign(LINE.replace(b"web-1", identity.encode()), 1, derive(MASTER, identity))
                self.assertTrue(verify(self.ring, line))
                self.assertLess(len(self.ring), 3)
        self.assertTrue(verify(self.ring, line))
        self.assertFalse(verify(self.ring, line.replace(b"st=ok", b"st=no")))

    @given(st.binary(max_size=200), st.integers(0, 3))
    def test_random(self, octets: bytes, where: int) -> None:
        """No octets are taken for a signed line, and none raise."""
        for datagram in (octets, LINE + octets, SIGNED[:-where] + octets, octets + SIGNED[30 + where :]):
            if datagram.rstrip(b"\0\r\n\t ") != SIGNED:
                self.assertFalse(verify(self.ring, datagram))
