"""The reflector's answers to STAMP: octet for octet, counted by session, never longer than the request."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant, Reception
from netlab.errors import WireError
from netlab.ping import session as session_module
from netlab.ping import stamp, tlv
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.reflector import Reflector
from netlab.ping.session import Sessions
from netlab.ping.stamp import Request
from netlab.ping.stamping import Reply, StampReflector, followed_up

PEER = ("127.0.0.1", 4000)
KEY = b"secret"
ARRIVED = 250_000_000  # nanoseconds: T2
LEAVING = Instant(1.0, 750_000_000)  # T3
RECEPTION = Reception(ARRIVED, 61, 46 << 2 | 1)


def request(
    sequence: int = 0, options: list[tlv.Option] | None = None, key: bytes = b"", **fields: Any
) -> bytes:
    options = options or []
    if key:
        options = tlv.sign(options, sequence, key)
    tail = fields.pop("tail", b"")
    basic = {"sent": 0x83AA7E80_00000001 + sequence, "error": 0x8001, "ssid": 0x1234}
    packet = Request(sequence, tail=tlv.encode_options(options) + tail, **{**basic, **fields})
    return stamp.encode_request(packet, key)


class ReflectionTests(SynchronousTestCase):
    """`StampReflector`"""

    def setUp(self) -> None:
        self.reflector = StampReflector()
        self.reflector.clock_error = ErrorEstimate(2**-32, synchronised=True)

    def answer(self, datagram: bytes, reception: Reception = RECEPTION, peer: Any = PEER) -> Reply:
        draft = self.reflector.read(datagram, peer, Instant(0.0, 111), reception)
        draft.prepare()
        return draft.finish(LEAVING)

    def reflect(self, datagram: bytes, key: bytes = b"", **options: Any) -> stamp.Reflection:
        return stamp.decode_reflection(self.answer(datagram, **options).datagram, key)

    def test_literal(self) -> None:
        """A whole answer, to the octet: T2 is the kernel's, T3 the time of leaving, the rest a copy."""
        wanted = bytes.fromhex(
            "00000000 83aa7e80 c0000000 8001 1234 83aa7e80 40000000"
            "00000009 83aa7e80 0000000a 8001 0000 3d 000000"
        )
        self.assertEqual(self.answer(request(9)), Reply(wanted, PEER, None, None))

    def test_without_kernel(self) -> None:
        """Where the kernel told nothing, T2 is ours and the TTL 255."""
        reflection = self.reflect(request(), reception=Reception())
        self.assertEqual(
            (reflection.received, reflection.ttl), (0x83AA7E80_00000000 | (111 << 32) // 10**9, 255)
        )

    def test_stateful(self) -> None:
        """A stateful reflector counts a session's answers; a stateless one copies the sender's numbers."""
        for stateful, numbers in ((True, [0, 1, 2]), (False, [5, 7, 9])):
            self.reflector = StampReflector(stateful=stateful)
            self.assertEqual([self.reflect(request(number)).sequence for number in (5, 7, 9)], numbers)

    def test_sessions(self) -> None:
        """Another SSID or port is another session; so is one that starts again from zero."""
        for number in range(3):
            self.reflect(request(number))
        self.assertEqual(self.reflect(request(3, ssid=1)).sequence, 0)
        self.assertEqual(self.reflect(request(3), peer=("127.0.0.1", 4001)).sequence, 0)
        self.assertEqual(self.reflect(request(0)).sequence, 3)  # the very first packet once more
        self.assertEqual(self.reflect(request(0, sent=99 << 32)).sequence, 0)

    def test_wrap(self) -> None:
        """A session that has used up its numbers goes on with zero, and may begin anew later on."""
        for number in (2**32 - 2, 2**32 - 1, 0, 1):
            last = self.reflect(request(number)).sequence
        self.assertEqual(last, 3)
        self.assertEqual(self.reflect(request(0, sent=99 << 32)).sequence, 0)

    def test_bounded(self) -> None:
        """Only so many sessions are remembered; the one heard longest ago begins anew."""
        self.patch(session_module, "MAX_SESSIONS", 3)
        for ssid in (1, 2, 3, 1, 4):
            self.reflect(request(0, ssid=ssid))
        self.assertEqual(len(self.reflector.sessions), 3)
        self.assertEqual([self.reflect(request(5, ssid=ssid)).sequence for ssid in (1, 2)], [2, 0])

    def test_options(self) -> None:
        """Class of service, direct measurement and follow-up telemetry, as RFC 8972 has them."""
        options = [
            tlv.Option(tlv.SERVICE, tlv.encode_service(tlv.Service(10))),
            tlv.Option(tlv.DIRECT, tlv.encode_direct(tlv.Direct(5))),
            tlv.Option(tlv.FOLLOW_UP, bytes(16)),
            tlv.Option(tlv.PADDING, b"abc"),
        ]
        self.reflect(request(0))
        first = self.answer(request(1, options))
        self.assertEqual(first.tos, 10 << 2)
        assert first.session is not None
        followed_up(*first.session, 800_000_000)
        found = tlv.decode_options(self.reflect(request(2, options)).tail)
        self.assertEqual([option.flags for option in found], [0, 0, 0, 0])
        self.assertEqual(tlv.decode_service(found[0].value), tlv.Service(10, 46, 1, 0))
        self.assertEqual(tlv.decode_direct(found[1].value), tlv.Direct(5, 3, 3))
        left = 0x83AA7E80_00000000 | (800_000_000 << 32) // 10**9
        self.assertEqual(tlv.decode_follow_up(found[2].value), tlv.FollowUp(1, left, 2))
        self.assertEqual(found[3].value, b"abc")

    def test_strange_options(self) -> None:
        """What is not understood comes back with U, as an HMAC without a key; what is malformed with M."""
        strange = [tlv.Option(200, b"?"), tlv.Option(tlv.HMAC, bytes(16))]
        found = tlv.decode_options(self.reflect(request(0, strange)).tail)
        self.assertEqual([option.flags for option in found], [tlv.UNKNOWN, tlv.UNKNOWN])
        cut = b"\x80\x05\x00\x0c\x00\x00"
        self.assertEqual(self.reflect(request(0, tail=cut)).tail, b"\xc0" + cut[1:])
        self.assertEqual(self.reflect(request(0, tail=bytes(9))).tail, bytes(9))
        direct = request(0, [tlv.Option(tlv.DIRECT, bytes(12))], tail=bytes(7))
        self.assertEqual(len(self.answer(direct).datagram), len(direct))

    def test_signed(self) -> None:
        """With a key only what is signed is answered, and the answer and its options are signed."""
        self.reflector = StampReflector(KEY)
        options = [tlv.Option(tlv.DIRECT, tlv.encode_direct(tlv.Direct(1)))]
        reflection = self.reflect(request(4, options, KEY), KEY)
        found = tlv.decode_options(reflection.tail)
        self.assertTrue(tlv.verify(found, reflection.sequence, KEY))
        self.assertEqual([option.flags for option in found], [0, 0])
        for datagram in (request(4), request(4, options, b"other")):
            self.assertRaises(WireError, self.answer, datagram)

    def test_forged_options(self) -> None:
        """Options that are not signed come back marked, and nothing else is done about them."""
        self.reflector = StampReflector(KEY)
        packet = Request(4, 1, 0x8001, 7, tlv.encode_options([tlv.Option(tlv.SERVICE, bytes(4))]))
        answer = self.answer(stamp.encode_request(packet, KEY))
        (option,) = tlv.decode_options(stamp.decode_reflection(answer.datagram, KEY).tail)
        self.assertEqual((option.flags, answer.tos), (tlv.UNKNOWN | tlv.FORGED, None))

    def test_twamp_light(self) -> None:
        """A request of 41 octets or more gets as many; a shorter one none, unless that was asked for."""
        whole = request(ssid=0)
        for length in (41, 42, 43, 44):
            self.assertEqual(len(self.answer(whole[:length]).datagram), length)
        for length in (14, 27, 40):
            self.assertRaises(WireError, self.answer, whole[:length])
        self.reflector = StampReflector(short=True)
        self.assertEqual(len(self.answer(whole[:14]).datagram), 44)

    @given(st.integers(0, 2**32 - 1), st.binary(max_size=80), st.sampled_from([b"", KEY]))
    def test_never_longer(self, sequence: int, tail: bytes, key: bytes) -> None:
        """Whatever follows the packet, the answer has exactly as many octets."""
        self.reflector = StampReflector(key)
        datagram = stamp.encode_request(Request(sequence, 1 << 40, 1, 7, tail), key)
        answer = self.answer(datagram)
        self.assertEqual(len(answer.datagram), len(datagram))
        self.assertRaises(WireError, self.reflector.read, answer.datagram, PEER, LEAVING, RECEPTION)


class PortTests(SynchronousTestCase):
    """`Reflector`, which picks the format."""

    def test_formats(self) -> None:
        """Text and STAMP are answered on one port; garbage is not."""
        reflector = Reflector()
        for datagram in (b"Ping 1 T", request(), b"PING 2 T"):
            reflector.receive(datagram, PEER, LEAVING)
        self.assertEqual([len(reply.datagram) for reply in reflector.outgoing(LEAVING)], [8, 44, 8])
        for datagram in (b"", b"Hello", bytes(44), b"\xff" * 100, b"pong"):
            self.assertRaises(WireError, reflector.receive, datagram, PEER, LEAVING)

    @given(
        st.lists(st.tuples(st.integers(0, 90), st.binary(max_size=8)), max_size=6), st.binary(max_size=150)
    )
    def test_any_octets(self, changes: list[tuple[int, bytes]], octets: bytes) -> None:
        """Whatever the octets: an answer no longer than they are, or a refusal."""
        changed = bytearray(
            request(1, [tlv.Option(tlv.DIRECT, bytes(12)), tlv.Option(tlv.FOLLOW_UP, bytes(16))])
        )
        for place, patch in changes:
            changed[place : place + len(patch)] = patch
        for datagram in (bytes(changed), octets):
            reflector = Reflector()
            try:
                reflector.receive(datagram, PEER, LEAVING)
            except WireError:
                continue
            (reply,) = reflector.outgoing(LEAVING)
            self.assertLessEqual(len(reply.datagram), len(datagram))

    def test_table(self) -> None:
        """The table of sessions by itself."""
        sessions = Sessions()
        first = sessions.of(PEER, Request(0, 1, 1))
        self.assertIs(sessions.of(PEER, Request(1, 2, 1)), first)
