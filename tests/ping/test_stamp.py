"""STAMP and TWAMP-Light in octets, made by hand from RFC 8762; the HMACs by ``openssl dgst``."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.ping.stamp import (
    Reflection,
    Request,
    decode_reflection,
    decode_request,
    encode_reflection,
    encode_request,
)

HALF = 0x83AA7E80_80000000  # half a second after the epoch of Unix
REQUEST = Request(sequence=1, sent=HALF, error=0x8001, ssid=0x1234)
REFLECTION = Reflection(
    sequence=7,
    sent=0x83AA7E80_C0000000,
    error=0x0001,
    ssid=0x1234,
    received=0x83AA7E80_A0000000,
    sender_sequence=1,
    sender_sent=HALF,
    sender_error=0x8001,
    ttl=64,
)
PLAIN_REQUEST = bytes.fromhex("00000001 83aa7e80 80000000 8001 1234" + "00" * 28)
PLAIN_REFLECTION = bytes.fromhex(
    "00000007 83aa7e80 c0000000 0001 1234 83aa7e80 a0000000 00000001 83aa7e80 80000000 8001 0000 40 000000"
)
KEY = b"secret"
SIGNED_REQUEST = bytes.fromhex(
    "00000001" + "00" * 12 + "83aa7e80 80000000 8001 1234" + "00" * 68 + "2fe31d04c56d3b63dcbfa3cc1fdc50fd"
)
SIGNED_REFLECTION = bytes.fromhex(
    "00000007"
    + "00" * 12
    + "83aa7e80 c0000000 0001 1234 00000000 83aa7e80 a0000000"
    + "00" * 8
    + "00000001"
    + "00" * 12
    + "83aa7e80 80000000 8001 000000000000 40"
    + "00" * 15
    + "07678d17dafea63fceec17196dbbed01"
)
WORDS = st.integers(0, 2**16 - 1)
NUMBERS = st.integers(0, 2**32 - 1)
TIMES = st.integers(1, 2**64 - 1)


class PlainTests(SynchronousTestCase):
    """Unauthenticated packets, 44 octets."""

    def test_literal(self) -> None:
        """To the octet, both ways."""
        self.assertEqual(encode_request(REQUEST), PLAIN_REQUEST)
        self.assertEqual(decode_request(PLAIN_REQUEST), REQUEST)
        self.assertEqual(encode_reflection(REFLECTION), PLAIN_REFLECTION)
        self.assertEqual(decode_reflection(PLAIN_REFLECTION), REFLECTION)

    def test_tail(self) -> None:
        """What follows is handed on."""
        self.assertEqual(decode_request(PLAIN_REQUEST + b"xyz").tail, b"xyz")
        self.assertEqual(decode_reflection(PLAIN_REFLECTION + b"xyz").tail, b"xyz")
        self.assertEqual(encode_request(REQUEST._replace(tail=b"xyz")), PLAIN_REQUEST + b"xyz")

    def test_twamp_light(self) -> None:
        """Requests of 14 octets and more; reflections of 38 and 41, whose TTL may be missing."""
        for length in (14, 15, 27, 41, 43):
            without_ssid = PLAIN_REQUEST[:14] + bytes(30)
            self.assertEqual(decode_request(without_ssid[:length]), REQUEST._replace(ssid=0))
        self.assertEqual(decode_reflection(PLAIN_REFLECTION[:41]), REFLECTION)
        self.assertEqual(decode_reflection(PLAIN_REFLECTION[:38]).ttl, 255)

    def test_truncated(self) -> None:
        """Every other length is refused."""
        for length in set(range(44)) - {38, 41}:
            self.assertRaises(WireError, decode_reflection, PLAIN_REFLECTION[:length])
        for length in range(14):
            self.assertRaises(WireError, decode_request, PLAIN_REQUEST[:length])

    def test_refused_requests(self) -> None:
        """A reflection, an authenticated request, and an error estimate of zero are no requests."""
        for datagram in (PLAIN_REFLECTION, SIGNED_REQUEST, PLAIN_REQUEST[:13] + bytes(31)):
            self.assertRaises(WireError, decode_request, datagram)

    @given(
        st.tuples(
            *(NUMBERS, TIMES, WORDS, WORDS, TIMES, NUMBERS, TIMES, WORDS),
            st.integers(0, 255),
            st.binary(max_size=9),
        )
    )
    def test_round_trip(self, fields: tuple[object, ...]) -> None:
        """What is written is read, with a key and without."""
        reflection = Reflection._make(fields)
        for key in (b"", KEY):
            self.assertEqual(decode_reflection(encode_reflection(reflection, key), key), reflection)


class SignedTests(SynchronousTestCase):
    """Authenticated packets, 112 octets."""

    def test_literal(self) -> None:
        """To the octet, both ways."""
        self.assertEqual(encode_request(REQUEST, KEY), SIGNED_REQUEST)
        self.assertEqual(decode_request(SIGNED_REQUEST + b"x", KEY), REQUEST._replace(tail=b"x"))
        self.assertEqual(encode_reflection(REFLECTION, KEY), SIGNED_REFLECTION)
        self.assertEqual(decode_reflection(SIGNED_REFLECTION, KEY), REFLECTION)

    def test_every_octet_is_signed(self) -> None:
        """No octet can be changed, none be left out, and no other key will do."""
        for decode, datagram in ((decode_request, SIGNED_REQUEST), (decode_reflection, SIGNED_REFLECTION)):
            for at in range(112):
                changed = datagram[:at] + bytes((datagram[at] ^ 1,)) + datagram[at + 1 :]
                self.assertRaises(WireError, decode, changed, KEY)
                self.assertRaises(WireError, decode, datagram[:at], KEY)
            self.assertRaises(WireError, decode, datagram, b"other")

    def test_reflection_is_no_request(self) -> None:
        """A signed reflection is not taken for a signed request."""
        self.assertRaises(WireError, decode_request, SIGNED_REFLECTION, KEY)

    @given(st.binary(max_size=200), st.sampled_from([b"", KEY]))
    def test_any(self, datagram: bytes, key: bytes) -> None:
        """No octets raise anything but `WireError`."""
        for decode in (decode_request, decode_reflection):
            try:
                decode(datagram, key)
            except WireError:
                continue
