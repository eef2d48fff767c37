"""scapy's STAMP dissector, somebody else's reading of RFC 8762 and RFC 8972, reads our packets."""

import warnings
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant, Reception
from netlab.ping import tlv
from netlab.ping.dialect import Stamp
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.stamping import StampReflector

with warnings.catch_warnings():  # what scapy does as it is loaded is not ours to mend
    warnings.simplefilter("ignore")
    from scapy.contrib import stamp as scapy

T1, T2, T3 = 1_795_358_159_250_000_000, 1_795_358_159_500_000_000, 1_795_358_159_750_000_000
SECONDS = 1_795_358_159 + 2_208_988_800


def stamp_of(fraction: float) -> int:
    """NTP bits as the RFC has them, made here by hand."""
    return SECONDS << 32 | int(fraction * 2**32)


class DissectorTests(SynchronousTestCase):
    """Both packets, field for field."""

    def setUp(self) -> None:
        estimate = ErrorEstimate(3 * 2**-20, synchronised=True)
        self.request = Stamp(7, size=100, dscp=46, error=estimate).request(5, T1, 5)
        reflector = StampReflector()
        draft = reflector.read(self.request, ("127.0.0.1", 4000), Instant(0.0, 0), Reception(T2, 61, 184))
        draft.prepare()
        self.reflection = draft.finish(Instant(0.0, T3)).datagram

    def test_request(self) -> None:
        """The session-sender's."""
        packet = scapy.STAMPSessionSenderTestUnauthenticated(self.request)
        self.assertEqual((packet.seq, packet.ssid), (5, 7))
        self.assertEqual(int(packet.getfieldval("ts")), stamp_of(0.25))
        self.assert_error(packet.err_estimate, 1, 6, 192)
        self.assertEqual(int.from_bytes(bytes(packet)[16:44], "big"), 0)
        self.assert_options(packet, tlv.UNKNOWN)
        self.assertEqual(bytes(packet), self.request)

    def test_reflection(self) -> None:
        """The session-reflector's."""
        packet = scapy.STAMPSessionReflectorTestUnauthenticated(self.reflection)
        self.assertEqual((packet.seq, packet.seq_sender, packet.ssid, packet.ttl_sender), (0, 5, 7, 61))
        for field, fraction in (("ts", 0.75), ("ts_rx", 0.5), ("ts_sender", 0.25)):
            self.assertEqual(int(packet.getfieldval(field)), stamp_of(fraction))
        self.assert_error(packet.err_estimate_sender, 1, 6, 192)
        self.assertEqual((packet.mbz1, packet.mbz2), (0, 0))
        self.assert_options(packet, 0)
        self.assertEqual(bytes(packet), self.reflection)

    def assert_error(self, estimate: Any, synchronised: int, scale: int, multiplier: int) -> None:
        read = (estimate.S, estimate.Z, estimate.scale, estimate.multiplier)
        self.assertEqual(read, (synchronised, 0, scale, multiplier))

    def assert_options(self, packet: Any, flags: int) -> None:
        kinds = [tlv.SERVICE, tlv.DIRECT, tlv.FOLLOW_UP, tlv.PADDING]
        self.assertEqual([option.type for option in packet.tlv_objects], kinds)
        self.assertEqual([int(option.flags) for option in packet.tlv_objects], [flags] * 4)
        self.assertEqual([option.len for option in packet.tlv_objects], [4, 12, 16, 8])
