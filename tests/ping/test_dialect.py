"""Dialects: requests to the octet, replies checked, faults of reflectors named."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.ping import stamp, tlv
from netlab.ping.dialect import (
    NO_OPTIONS,
    ONE_STAMP,
    PADDED,
    SHORT,
    SWAPPED,
    Answer,
    Corrupt,
    Dialect,
    Echo,
    Sent,
    Stamp,
    Text,
)
from netlab.ping.ntp import encode_time

T1, T2, T3 = 1_000_000_000, 1_000_100_000, 1_000_150_000  # nanoseconds
KEY = b"secret"


def read(dialect: Dialect, datagram: bytes, length: int) -> Answer:
    """Read and check a reply to a request of *length* octets that was sent at `T1`."""
    return dialect.check(dialect.answer(datagram), Sent(0, T1, length), len(datagram))


def reflection(**fields: Any) -> stamp.Reflection:
    basic = {
        "sequence": 0,
        "sent": encode_time(T3),
        "error": 1,
        "ssid": 7,
        "received": encode_time(T2),
        "sender_sequence": 0,
        "sender_sent": encode_time(T1),
        "sender_error": 1,
        "ttl": 64,
    }
    return stamp.Reflection(**{**basic, **fields})


class TextTests(SynchronousTestCase):
    """The course's line."""

    def test_request(self) -> None:
        """The course's line, padded where a size is asked for."""
        self.assertEqual(Text().request(1, T1, 0), b"Ping 1 1.000000")
        self.assertEqual(Text(20).request(1, T1, 0), b"Ping 1 1.000000\0\0\0\0\0")

    def test_padded(self) -> None:
        """A server that pads with NULs is named; a line's end is no padding."""
        self.assertEqual(read(Text(), b"Pong 1 x" + b"\0" * 1000, 15).faults, (PADDED,))
        self.assertEqual(read(Text(), b"Pong 1 x\r\n", 15).faults, ())
        self.assertEqual(read(Text(50), b"Pong 1 x".ljust(50, b"\0"), 50).faults, ())

    def test_truncated(self) -> None:
        """A reply that was cut off is damaged, where it is known what it should have been."""
        dialect = Text()
        self.assertEqual(read(dialect, b"Pong 1 1", 15).number, 1)  # whole seconds of the server's own
        self.assertRaises(Corrupt, read, dialect, b"PING 1 1.0000", 15)
        read(dialect, b"Pong 1 1.000000", 15)
        for reply in (b"Pong 1 1.0000", b"Pong 1 1"):
            self.assertRaises(Corrupt, read, dialect, reply, 15)
        self.assertRaises(Corrupt, dialect.answer, b"Pong 1")  # may have been 12, or 100

    def test_other_servers(self) -> None:
        """A server's own time is no fault; a copy of another request is foreign."""
        self.assertEqual(read(Text(), b"Pong 1 17:05", 15).number, 1)
        self.assertEqual(read(Text(), b"pong", 15).number, None)
        self.assertRaises(WireError, read, Text(), b"PING 1 0.900000", 15)


class EchoTests(SynchronousTestCase):
    """The request itself comes back."""

    def test_literal(self) -> None:
        """Eight octets of token, four of number, zeros."""
        request = Echo(0x0102030405060708, 16).request(9, T1, 0)
        self.assertEqual(request, bytes.fromhex("0102030405060708 00000009 00000000"))

    def test_replies(self) -> None:
        """The same octets; shorter and longer ones are named."""
        dialect = Echo(5, 16)
        request = dialect.request(9, T1, 0)
        self.assertEqual((read(dialect, request, 16).number, read(dialect, request, 16).faults), (9, ()))
        self.assertEqual(read(dialect, request[:14], 16).faults, (SHORT,))
        self.assertEqual(read(dialect, request + b"\0", 16).faults, (PADDED,))

    def test_refused(self) -> None:
        """Another run's, altered ones, cut ones."""
        dialect = Echo(5, 16)
        request = dialect.request(9, T1, 0)
        self.assertRaises(WireError, dialect.answer, Echo(6, 16).request(9, T1, 0))
        self.assertRaises(Corrupt, dialect.answer, request[:-1] + b"x")
        self.assertRaises(WireError, dialect.answer, request[:11])


class StampTests(SynchronousTestCase):
    """STAMP, with options and without."""

    def test_request(self) -> None:
        """Forty-four octets without options; with them, what is asked for stands in its order."""
        bare = Stamp(7, options=False)
        self.assertEqual(len(bare.request(0, T1, 0)), 44)
        self.assertEqual(len(Stamp(7, options=False, size=100).request(0, T1, 0)), 100)
        request = stamp.decode_request(Stamp(7, dscp=46, size=200).request(3, T1, 2))
        options = tlv.decode_options(request.tail)
        kinds = [option.kind for option in options]
        self.assertEqual(kinds, [tlv.SERVICE, tlv.DIRECT, tlv.FOLLOW_UP, tlv.PADDING])
        self.assertTrue(all(option.flags == tlv.UNKNOWN for option in options))
        self.assertEqual(tlv.decode_direct(options[1].value).sent, 3)
        self.assertEqual((request.sequence, request.ssid, 44 + len(request.tail)), (3, 7, 200))

    def test_signed(self) -> None:
        """With a key the packet and its options are signed, and so must the reply's be."""
        dialect = Stamp(7, KEY)
        request = stamp.decode_request(dialect.request(3, T1, 2), KEY)
        self.assertTrue(tlv.verify(tlv.decode_options(request.tail), 3, KEY))
        options = [tlv.Option(tlv.DIRECT, bytes(12), 0)]
        good = reflection(tail=tlv.encode_options(tlv.sign(options, 0, KEY, 0)))
        self.assertEqual(dialect.answer(stamp.encode_reflection(good, KEY)).direct, tlv.Direct(0))
        bad = reflection(tail=tlv.encode_options(options))
        self.assertRaises(Corrupt, dialect.answer, stamp.encode_reflection(bad, KEY))
        self.assertRaises(Corrupt, dialect.answer, stamp.encode_reflection(good, b"other"))

    def test_reply(self) -> None:
        """All that a reply tells."""
        tail = tlv.encode_options(
            [
                tlv.Option(tlv.SERVICE, tlv.encode_service(tlv.Service(46, 10)), 0),
                tlv.Option(tlv.DIRECT, tlv.encode_direct(tlv.Direct(3, 2, 2)), 0),
                tlv.Option(tlv.FOLLOW_UP, tlv.encode_follow_up(tlv.FollowUp(1, 5, 2)), 0),
            ]
        )
        answer = read(Stamp(7), stamp.encode_reflection(reflection(tail=tail)), 44 + len(tail))
        self.assertEqual((answer.received_ns, answer.sent_ns, answer.ttl), (T2, T3, 64))
        self.assertEqual(answer.service, tlv.Service(46, 10))
        self.assertEqual((answer.direct, answer.follow_up), (tlv.Direct(3, 2, 2), tlv.FollowUp(1, 5, 2)))
        self.assertEqual(answer.faults, ())
        unreadable = stamp.encode_reflection(reflection(ttl=255))
        self.assertIsNone(read(Stamp(7, options=False), unreadable, 44).ttl)

    def test_faults(self) -> None:
        """What reflectors get wrong is named, and put right where it can be."""
        bare = Stamp(7, options=False)
        for fields, fault in (
            ({"received": encode_time(T3)}, ONE_STAMP),
            ({"sent": encode_time(T1), "sender_sent": encode_time(T3)}, SWAPPED),
        ):
            answer = read(bare, stamp.encode_reflection(reflection(**fields)), 44)
            self.assertEqual((answer.faults, answer.sent_ns), ((fault,), T3))
        whole = stamp.encode_reflection(reflection())
        self.assertEqual(read(bare, whole[:41], 44).faults, (SHORT,))
        self.assertEqual(read(bare, whole + bytes(20), 44).faults, (PADDED,))
        unknown = tlv.encode_options([tlv.Option(tlv.DIRECT, bytes(12))])
        answer = read(Stamp(7), stamp.encode_reflection(reflection(tail=unknown)), 60)
        self.assertEqual((answer.faults, answer.direct), ((NO_OPTIONS,), None))

    def test_refused(self) -> None:
        """Truncated, altered, another session's."""
        bare = Stamp(7, options=False)
        whole = stamp.encode_reflection(reflection())
        self.assertRaises(Corrupt, bare.answer, whole[:30])
        self.assertRaises(Corrupt, bare.answer, stamp.encode_reflection(reflection(error=0)))
        self.assertRaises(Corrupt, read, bare, stamp.encode_reflection(reflection(sender_sent=9)), 44)
        self.assertRaises(WireError, bare.answer, stamp.encode_reflection(reflection(ssid=8)))

    def test_echo_server(self) -> None:
        """A request that comes back as it was is no reflection: its zeros are nobody's number or time."""
        for dialect in (Stamp(7), Stamp(7, KEY)):
            self.assertRaises(Corrupt, dialect.answer, dialect.request(3, T1, 3))
