"""The course's ping in octets."""

import time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.ping.text import Ping, Pong, decode_ping, decode_pong, encode_ping, encode_pong

PINGS = {
    b"Ping 1 1795358159.498196": Ping(1, "1795358159.498196"),
    b"ping 2 Mon Nov 23 01:00:00 2026": Ping(2, "Mon Nov 23 01:00:00 2026"),
    b"PING 3 x\r\n": Ping(3, "x"),
    b"Ping 4": Ping(4, ""),
    b"Ping\t5  x" + b"\0" * 1000: Ping(5, "x"),
}
PONGS = {
    b"Pong 1 1795358159.498196": Pong(1, "1795358159.498196"),
    b"PING 1 X": Pong(1, "X", copied=True),
    b"Ping 1 x" + b"\0" * 1000: Pong(1, "x", copied=True),
    b"pong": Pong(None, ""),
    b"PONG\n": Pong(None, ""),
    b"pong 7": Pong(7, ""),
}
REFUSED = (
    b"",
    b"\0" * 65_507,
    b"Hello",
    b"Ping x y",
    b"Ping -1 x",
    b"Ping " + b"9" * 21 + b" x",
    b"Ping 1 \xff",
    b"Ping 1 a\nb",
    b"Ping1 x",
    b"Pings 1 x",
    "Ping 1 ü".encode(),
)


class TextTests(SynchronousTestCase):
    """Requests and replies."""

    def test_literal(self) -> None:
        """To the octet."""
        self.assertEqual(encode_ping(Ping(3, "T")), b"Ping 3 T")
        self.assertEqual(encode_pong(Ping(3, "T")), b"Pong 3 T")
        self.assertEqual(encode_ping(Ping(3, "")), b"Ping 3")

    def test_pings(self) -> None:
        """Requests as people write them."""
        for datagram, ping in PINGS.items():
            with self.subTest(datagram=datagram[:40]):
                self.assertEqual(decode_ping(datagram), ping)
                self.assertLessEqual(len(encode_pong(ping)), len(datagram))

    def test_pongs(self) -> None:
        """Replies as servers write them."""
        for datagram, pong in PONGS.items():
            with self.subTest(datagram=datagram[:40]):
                self.assertEqual(decode_pong(datagram), pong)

    def test_refused(self) -> None:
        """Anything else is neither."""
        for datagram in REFUSED:
            with self.subTest(datagram=datagram[:40]):
                self.assertRaises(WireError, decode_ping, datagram)
                self.assertRaises(WireError, decode_pong, datagram)
        for datagram in (b"Pong 1 x", b"pong"):
            self.assertRaises(WireError, decode_ping, datagram)
        self.assertRaises(WireError, decode_pong, b"ping")

    def test_long(self) -> None:
        """The longest datagram is refused as fast as it is read."""
        begun = time.monotonic()
        for filler in (b" ", b"1", b"\0", b"a"):
            for start in (b"Ping 1 ", b"Ping", b""):
                self.assertRaises(WireError, decode_ping, start + filler * 65_000 + b"\x80")
        self.assertLess(time.monotonic() - begun, 1)

    @given(st.integers(0, 10**20 - 1), st.from_regex(r"\A(|[!-~]([ -~]*[!-~])?)\Z"))
    def test_round_trip(self, sequence: int, words: str) -> None:
        """What is written is read."""
        ping = Ping(sequence, words)
        self.assertEqual(decode_ping(encode_ping(ping)), ping)
        self.assertEqual(decode_pong(encode_pong(ping)), Pong(sequence, words))

    @given(st.one_of(st.binary(max_size=60), st.binary(max_size=30).map(lambda b: b"Ping 1 " + b)))
    def test_random(self, datagram: bytes) -> None:
        """No octets raise anything but `WireError`."""
        for decode in (decode_ping, decode_pong):
            try:
                decode(datagram)
            except WireError:
                continue

    def test_truncations(self) -> None:
        """A line that is cut off anywhere is refused, or read as what is left of it."""
        line = b"Ping 12 1795358159.498196"
        for length in range(len(line)):
            part = line[:length]
            with self.subTest(part=part):
                if length < len(b"Ping 1"):
                    self.assertRaises(WireError, decode_ping, part)
                    continue
                _, number, *time_left = part.decode().split()
                self.assertEqual(decode_ping(part), Ping(int(number), "".join(time_left)))
