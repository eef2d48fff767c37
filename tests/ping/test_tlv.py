"""STAMP's options in octets, made by hand from RFC 8972."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.ping import tlv
from netlab.ping.tlv import Direct, FollowUp, Option, Service, decode_options, encode_options, sign, verify

KEY = b"secret"
DIRECT = bytes.fromhex("80 05 000c 00000002 00000000 00000000")
HMAC = bytes.fromhex("80 08 0010 865e47ef0b32ee9046838d0ed9865a98")  # of the sequence number 1 and `DIRECT`


class OptionTests(SynchronousTestCase):
    """Options one after the other."""

    def test_literal(self) -> None:
        """Each type, to the octet."""
        for octets, kind, value in (
            (DIRECT, tlv.DIRECT, tlv.encode_direct(Direct(2))),
            (bytes.fromhex("80040004 b9210000"), tlv.SERVICE, tlv.encode_service(Service(46, 18, 0, 1))),
            (
                bytes.fromhex("80070010 00000003 83aa7e80c0000000 02 000000"),
                tlv.FOLLOW_UP,
                tlv.encode_follow_up(FollowUp(3, 0x83AA7E80_C0000000, 2)),
            ),
            (bytes.fromhex("80010003 000000"), tlv.PADDING, bytes(3)),
        ):
            with self.subTest(kind=kind):
                self.assertEqual(encode_options([Option(kind, value)]), octets)
                self.assertEqual(decode_options(octets), [Option(kind, value)])

    def test_values(self) -> None:
        """Values are read as they were written; counts wrap around."""
        service, follow_up = Service(46, 18, 1, 1), FollowUp(3, 2**63, 2)
        self.assertEqual(tlv.decode_service(tlv.encode_service(service)), service)
        self.assertEqual(tlv.decode_follow_up(tlv.encode_follow_up(follow_up)), follow_up)
        self.assertEqual(tlv.decode_direct(tlv.encode_direct(Direct(2**32 + 1, 2, 3))), Direct(1, 2, 3))
        for decode in (tlv.decode_service, tlv.decode_direct, tlv.decode_follow_up):
            self.assertRaises(WireError, decode, b"12345")

    def test_malformed(self) -> None:
        """An option that claims more than there is, or not its type's length, is the last, and so marked."""
        for octets, option in (
            (b"\x80\x05\x00\x0c\x00", Option(tlv.DIRECT, b"\0", 0xC0, 12)),
            (b"\x80\x04\x00\x02ab" + DIRECT, Option(tlv.SERVICE, b"ab" + DIRECT, 0xC0, 2)),
        ):
            self.assertEqual(decode_options(octets), [option])
            self.assertEqual(encode_options([option]), b"\xc0" + octets[1:])

    def test_padding(self) -> None:
        """Zeros are padding and no options, and neither is a head that is cut off."""
        for octets in (b"", bytes(3), bytes(40), b"\x80\x01\x00"):
            self.assertEqual(decode_options(octets), [])
        self.assertEqual(decode_options(DIRECT + bytes(8)), decode_options(DIRECT))

    def test_bounded(self) -> None:
        """Only so many are read."""
        found = decode_options(b"\x80\xfe\x00\x00" * 10_000)
        self.assertEqual(len(found), tlv.MAX_OPTIONS + 1)
        self.assertTrue(found[-1].flags & tlv.MALFORMED)

    @given(st.binary(max_size=120))
    def test_any(self, octets: bytes) -> None:
        """Whatever the octets: what was read is written as it was, but for the mark."""
        found = decode_options(octets)
        written = encode_options([option._replace(flags=option.flags & ~tlv.MALFORMED) for option in found])
        unmarked = bytearray(octets[: len(written)])
        at = 0
        for option in found:
            unmarked[at] &= ~tlv.MALFORMED & 0xFF
            at += 4 + len(option.value)
        self.assertEqual(written, bytes(unmarked))


class SignatureTests(SynchronousTestCase):
    """The HMAC option."""

    def test_literal(self) -> None:
        """Over the sequence number and the options before it; the digest is openssl's."""
        signed = sign(decode_options(DIRECT), 1, KEY)
        self.assertEqual(encode_options(signed), DIRECT + HMAC)
        self.assertTrue(verify(decode_options(DIRECT + HMAC), 1, KEY))

    def test_padding_stands_last(self) -> None:
        """Extra padding may follow the HMAC, and alone needs none."""
        padding = Option(tlv.PADDING, bytes(5))
        signed = sign([*decode_options(DIRECT), padding], 1, KEY)
        self.assertEqual([option.kind for option in signed], [tlv.DIRECT, tlv.HMAC, tlv.PADDING])
        self.assertTrue(verify(signed, 1, KEY))
        self.assertEqual(sign([padding], 1, KEY), [padding])
        self.assertTrue(verify([padding], 1, KEY))
        self.assertTrue(verify([], 1, KEY))

    def test_forged(self) -> None:
        """Another number, another key, no HMAC, two of them, or one that does not stand last, is forged."""
        options = decode_options(DIRECT + HMAC)
        for forged, number, key in (
            (options, 2, KEY),
            (options, 1, b"other"),
            (options[:1], 1, KEY),
            ([*options, options[1]], 1, KEY),
            (options[::-1], 1, KEY),
            ([options[0]._replace(value=bytes(12)), options[1]], 1, KEY),
        ):
            self.assertFalse(verify(forged, number, key))
