"""NTP timestamps and error estimates."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.ping.ntp import ErrorEstimate, decode_error, decode_time, encode_error, encode_time


class TimeTests(SynchronousTestCase):
    """Nanoseconds since 1970 as 64 bits, and back."""

    def test_literal(self) -> None:
        """The epoch of Unix, half a second after it, and the era that begins in 2036."""
        self.assertEqual(encode_time(0), 0x83AA7E80_00000000)
        self.assertEqual(encode_time(500_000_000), 0x83AA7E80_80000000)
        self.assertEqual(encode_time((2**32 - 2_208_988_800) * 10**9), 0)
        self.assertEqual(decode_time(1 << 32), (2**32 - 2_208_988_800 + 1) * 10**9)

    def test_ptp(self) -> None:
        """A PTP timestamp counts nanoseconds."""
        self.assertEqual(decode_time(5 << 32 | 999_999_999, ptp=True), 5_999_999_999)

    @given(st.integers(0, 4_000_000_000 * 10**9))
    def test_round_trip(self, ns: int) -> None:
        """Every nanosecond comes back as it was, from 1970 to 2096."""
        self.assertEqual(decode_time(encode_time(ns)), ns)


class ErrorTests(SynchronousTestCase):
    """Error estimates."""

    def test_literal(self) -> None:
        """RFC 4656 §4.1.2: multiplier * 2**scale * 2**-32 seconds."""
        self.assertEqual(encode_error(ErrorEstimate(1.0)), 0x1980)  # 128 * 2**25
        self.assertEqual(encode_error(ErrorEstimate(0.0, synchronised=True)), 0x8001)
        self.assertEqual(decode_error(0xC0FF), ErrorEstimate(255 / 2**32, True, True))
        self.assertEqual(decode_error(0x2001), ErrorEstimate(1.0))

    def test_zero(self) -> None:
        """A multiplier of zero is corrupt."""
        self.assertRaises(WireError, decode_error, 0x8100)

    @given(st.floats(0, 1e9), st.booleans(), st.booleans())
    def test_round_trip(self, seconds: float, synchronised: bool, ptp: bool) -> None:
        """What is read is never less than what was written, and hardly more."""
        read = decode_error(encode_error(ErrorEstimate(seconds, synchronised, ptp)))
        self.assertEqual((read.synchronised, read.ptp), (synchronised, ptp))
        self.assertGreaterEqual(read.seconds, seconds)
        self.assertLessEqual(read.seconds, seconds * 1.02 + 2**-31)

    @given(st.integers(0, 0xFFFF))
    def test_any(self, octets: int) -> None:
        """No octets raise anything but `WireError`."""
        try:
            self.assertGreater(decode_error(octets).seconds, 0)
        except WireError:
            self.assertEqual(octets & 0xFF, 0)
