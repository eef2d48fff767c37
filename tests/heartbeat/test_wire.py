"""The heartbeat's line in octets."""

import contextlib
import time
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.errors import WireError
from netlab.heartbeat.wire import FORMS, MAX_LINE, MAX_SEQUENCE, SIGNATURE, Beat, decode, encode

SENT = 1_795_358_159_498_196_000
FULL = Beat(
    sequence=42,
    sent_ns=SENT,
    id="web-1",
    inc=0x197F3C2A91,
    mono_ns=84_112_201_553_000,
    interval=1.0,
    mult=5,
    status="ok",
    exit=-15,
    lag=0.003,
    tags=("eu", "api"),
    message="disk full",
)
LINE = (
    b"Heartbeat 42 1795358159.498196 id=web-1 inc=197f3c2a91 m=84112.201553 int=1000 mult=5 st=ok exit=-15"
    b" lag=3 tag=eu,api msg=disk%20full"
)
MAC = b"00112233445566778899aabbccddeeff"
HEAD = b"Heartbeat 42 1795358159.498196"
LINES = {
    b"Heartbeat 42 1795358159.498196": Beat(42, SENT),
    b"heartbeat 0 0": Beat(0, 0),
    b"Heartbeat 1 1795358159.4981961234567\r\n": Beat(1, 1_795_358_159_498_196_123),
    b"Heartbeat 18446744073709551615 999999999999": Beat(MAX_SEQUENCE, 999_999_999_999 * 10**9),
    b"Heartbeat 9999999999999999999 1.000000": Beat(9_999_999_999_999_999_999, 10**9),
    b"Heartbeat 1 2" + b"\0" * 400: Beat(1, 2 * 10**9),
    b"7,1.5": Beat(7, 1_500_000_000),
    b"Sequence No.: 7": Beat(7),
    b"Heartbeat 1.5": Beat(None, 1_500_000_000),
    b"alive\n": Beat(),
    LINE: FULL,
    LINE + b"\n": FULL,
    HEAD + b" id=web-1": Beat(42, SENT, "web-1"),
    HEAD + b" id=a m=5": Beat(42, SENT, "a", mono_ns=5 * 10**9),
    HEAD + b" id=a m=5.25": Beat(42, SENT, "a", mono_ns=5_250_000_000),
    HEAD + b" id=a lag=0.5 int=50": Beat(42, SENT, "a", interval=0.05, lag=0.0005),
    HEAD + b" id=a inc=ffffffffffffffff": Beat(42, SENT, "a", inc=2**64 - 1),
    HEAD + b" id=a inc=0 lag=0 exit=0": Beat(42, SENT, "a", inc=0, lag=0.0, exit=0),
    HEAD + b" id=a st=bye  inc=1f later=x ": Beat(42, SENT, "a", inc=31, status="bye"),  # order, unknown
    HEAD + b" id=a tag=a%2Cb,c%25": Beat(42, SENT, "a", tags=("a,b", "c%")),
    HEAD + b" id=a msg=a=b,c": Beat(42, SENT, "a", message="a=b,c"),
    HEAD + " id=\xfcber msg=\u65e5\u672c".encode(): Beat(42, SENT, "\xfcber", message="\u65e5\u672c"),
    HEAD + b" id=%C3%BCber": Beat(42, SENT, "\xfcber"),
    HEAD + b" id=a inc=1 k=7 mac=" + MAC: Beat(42, SENT, "a", inc=1, key=7, mac=bytes.fromhex(MAC.decode())),
    HEAD + b" id=a st=ok inc=1 k=7 mac=" + MAC + b"\n": Beat(
        42, SENT, "a", inc=1, status="ok", key=7, mac=bytes.fromhex(MAC.decode())
    ),
    b"7 1.5 id=a": Beat(7, 1_500_000_000, "a"),
    b"7 id=a": Beat(7, None, "a"),
    b"alive id=a st=bye": Beat(id="a", status="bye"),
}
REFUSED = (
    b"",
    b"Heartbeat -1 5",
    b"Heartbeat 1 -5",
    b"Heartbeat 18446744073709551616 5",
    b"Heartbeat " + b"9" * 400 + b" 5",
    b"Heartbeat 1 nan",
    b"Heartbeat 1 1e9",
    b"Heartbeat 1 5 6",
    b"Heartbeat 1 5\n6",
    b"Heart 1 5",
    b"Heartbeat 1 5\xff",
    "Heartbeat \u0661 5".encode(),
    b"Heartbeat 1 5" + b"\0" * MAX_LINE,
    bytes(65_507),
    b"id=a",
    HEAD + b" st=ok",
    HEAD + b" st=ok id=a",
    HEAD + b" id=",
    HEAD + b" id= st=ok",
    HEAD + b" id=" + b"a" * 65,
    HEAD + b" id=a%20b",
    HEAD + b" id=a id=b",
    HEAD + b" id=a st=ok st=ok",
    HEAD + b" id=a x=1 x=1",
    HEAD + b" id=a st",
    HEAD + b" id=a =ok",
    HEAD + b" id=a ST=ok",
    HEAD + b" id=a st=OK",
    HEAD + b" id=a st=",
    HEAD + b" id=a inc=",
    HEAD + b" id=a inc=0x1",
    HEAD + b" id=a inc=1_0",
    HEAD + b" id=a inc=+1",
    HEAD + b" id=a inc=10000000000000000",
    HEAD + b" id=a int=0",
    HEAD + b" id=a int=-1",
    HEAD + b" id=a int=nan",
    HEAD + b" id=a mult=0",
    HEAD + b" id=a mult=256",
    HEAD + b" id=a m=-1",
    HEAD + b" id=a lag=1e3",
    HEAD + b" id=a exit=1000",
    HEAD + b" id=a tag=",
    HEAD + b" id=a tag=a,,b",
    HEAD + b" id=a msg=%",
    HEAD + b" id=a msg=%4",
    HEAD + b" id=a msg=%zz",
    HEAD + b" id=a msg=%0A",
    HEAD + b" id=a msg=%E2%80%AE",  # turns the direction of what is printed after it
    HEAD + b" id=a msg=%ff",
    HEAD + b" id=a msg=\xff",
    HEAD + b" id=a msg=a\nb",
    HEAD + b" id=a\tst=ok",
    HEAD + b" id=a\x7f",
    HEAD + b" id=a k=1",
    HEAD + b" id=a inc=1 mac=" + MAC,
    HEAD + b" id=a k=1 mac=" + MAC,  # without inc= it could be replayed
    HEAD + b" id=a inc=1 k=1 mac=" + MAC[1:],
    HEAD + b" id=a inc=1 k=1 mac=" + MAC.upper(),
    HEAD + b" id=a inc=1 k=1 mac=" + MAC + b" st=ok",
    HEAD + b" id=a k=1 mac=" + MAC + b" inc=1",
    HEAD + b" id=a inc=1 k=1 st=ok mac=" + MAC,
    HEAD + b" id=a inc=1 k=1 mac=" + MAC + b" mac=" + MAC,
    b"Heartbeat 1.5 id=a inc=1 k=1 mac=" + MAC,
    b"7 id=a inc=1 k=1 mac=" + MAC,
)
WORDS = st.text(st.characters(min_codepoint=33, exclude_categories=["C", "Z"]), min_size=1, max_size=12)
BEATS = st.builds(
    Beat,
    key=st.none(),
    mac=st.none(),
    sequence=st.integers(0, MAX_SEQUENCE),
    sent_ns=st.integers(0, 10**18 - 1).map(lambda us: us * 1000),
    id=WORDS,
    inc=st.none() | st.integers(0, 2**64 - 1),
    mono_ns=st.none() | st.integers(0, 10**15).map(lambda us: us * 1000),
    interval=st.none() | st.integers(1, 10**8).map(lambda ms: ms / 1000),
    mult=st.none() | st.integers(1, 255),
    status=st.none() | st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True),
    exit=st.none() | st.integers(-64, 255),
    lag=st.none() | st.integers(0, 10**8).map(lambda ms: ms / 1000),
    tags=st.lists(WORDS, max_size=3).map(tuple),
    message=st.none()
    | st.text(
        st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]) | st.just(" "), min_size=1, max_size=20
    ),
)


class WireTests(SynchronousTestCase):
    """`encode` and `decode`"""

    def test_literal(self) -> None:
        """To the octet."""
        self.assertEqual(encode(Beat(42, 1_795_358_159_498_196_999)), b"Heartbeat 42 1795358159.498196")

    def test_lines(self) -> None:
        """Lines as senders write them."""
        for line, beat in LINES.items():
            with self.subTest(line=line[:50]):
                self.assertEqual(decode(line), beat)

    def test_refused(self) -> None:
        """Anything else is refused."""
        for line in REFUSED:
            with self.subTest(line=line[:50]):
                self.assertRaises(WireError, decode, line)

    def test_fast(self) -> None:
        """The longest line that is read is refused at once."""
        begun = time.monotonic()
        for filler in (b" ", b",", b"1", b"\0", b"a ", b" a=", b" id="):
            for _ in range(100):
                self.assertRaises(WireError, decode, (b"1" + filler * MAX_LINE)[: MAX_LINE - 1] + b"\x80")
        self.assertLess(time.monotonic() - begun, 1)

    def test_tagged(self) -> None:
        """To the octet, tags in their order, blanks written as such."""
        self.assertEqual(encode(FULL), LINE)
        self.assertEqual(encode(FULL, "tagged"), LINE)
        self.assertEqual(encode(FULL._replace(tags=("a b,c%",))).split()[11], b"tag=a%20b%2Cc%25")

    def test_forms(self) -> None:
        """Foreign forms have no tags; the classic one has none without an id."""
        self.assertEqual(encode(FULL, "csv"), b"42,1795358159.498196")
        self.assertEqual(encode(FULL._replace(id=None)), HEAD)
        self.assertEqual({form for form in FORMS if encode(FULL, form) == LINE}, {"classic", "tagged"})

    def test_not_written(self) -> None:
        """What no line can say is the caller's mistake."""
        for beat, form in (
            (FULL, "morse"),
            (Beat(1, 1), "tagged"),
            (Beat(None, 1), "classic"),
            (Beat(1), "bare"),
            (Beat(-1, 1), "classic"),
            (Beat(2**64, 1), "classic"),
            (Beat(1, -1), "ms"),
            (Beat(1, 10**21), "classic"),
            (FULL._replace(id=""), "classic"),
            (FULL._replace(id="a b"), "classic"),
            (FULL._replace(id="a\nb"), "classic"),
            (FULL._replace(id="a" * 65), "classic"),
            (FULL._replace(inc=2**64), "classic"),
            (FULL._replace(inc=-1), "classic"),
            (FULL._replace(mult=0), "classic"),
            (FULL._replace(mult=256), "classic"),
            (FULL._replace(status="Not OK"), "classic"),
            (FULL._replace(exit=1000), "classic"),
            (FULL._replace(lag=-1.0), "classic"),
            (FULL._replace(tags=("",)), "classic"),
            (FULL._replace(tags=("a" * 60,) * 6), "classic"),
        ):
            with self.subTest(beat=beat, form=form):
                self.assertRaises(ValueError, encode, beat, form)

    def test_long_message(self) -> None:
        """A message is cut between two characters, so that a signature still fits; controls become blanks."""
        for message in ("a" * 600, "\u65e5" * 600, " " * 600):
            line = encode(FULL._replace(message=message))
            self.assertTrue(MAX_LINE - SIGNATURE - 9 < len(line) <= MAX_LINE - SIGNATURE)
            read = decode(line).message
            assert read is not None
            self.assertTrue(message.startswith(read))
        self.assertEqual(decode(encode(FULL._replace(message="a\nb\0"))).message, "a b ")
        full = FULL._replace(tags=("a" * 57,) * 5)
        self.assertEqual(decode(encode(full._replace(message="b" * 600))).tags, full.tags)

    def test_messages_of_errors(self) -> None:
        """A refusal says in one line what is wrong."""
        for line, text in (
            (HEAD + b" id=a st=ok st=ok", "st= stands there twice"),
            (HEAD + b" id=a k=1 mac=" + MAC, "a signed line needs"),
            (b"Heart 1 5", "not a heartbeat"),
            (bytes(600), "600 octets, at most 512"),
        ):
            self.assertIn(text, str(self.assertRaises(WireError, decode, line)))

    @given(st.integers(0, MAX_SEQUENCE), st.integers(0, 10**18 - 1))
    def test_round_trip(self, sequence: int, microseconds: int) -> None:
        """What is written is read, to the microsecond."""
        beat = Beat(sequence, microseconds * 1000)
        self.assertEqual(decode(encode(beat)), beat)

    @given(BEATS)
    def test_round_trip_tagged(self, beat: Beat) -> None:
        """What is written is read, whatever the tags."""
        self.assertEqual(decode(encode(beat)), beat)

    @given(BEATS, st.randoms(use_true_random=False))
    def test_any_order(self, beat: Beat, random: Random) -> None:
        """The order of the tags after the id changes nothing, nor do unknown ones."""
        head, number, time, identity, *fields = encode(beat).split(b" ")
        fields.append(b"unknown=1")
        random.shuffle(fields)
        self.assertEqual(decode(b" ".join([head, number, time, identity, *fields])), beat)

    @given(
        st.one_of(
            st.binary(max_size=60),
            st.binary(max_size=30).map(lambda octets: b"Heartbeat 1 " + octets),
            st.binary(max_size=40).map(lambda octets: HEAD + b" id=a " + octets),
            st.text("abkmsint=% 0123456789,", max_size=40).map(lambda text: HEAD + b" id=" + text.encode()),
        )
    )
    def test_random(self, datagram: bytes) -> None:
        """No octets raise anything but `WireError`."""
        with contextlib.suppress(WireError):
            decode(datagram)

    def test_truncations(self) -> None:
        """A line that is cut off anywhere is refused, or read as what is left of it."""
        shortest = b"Heartbeat 42 1"
        for length in range(len(HEAD)):
            part = HEAD[:length]
            with self.subTest(part=part):
                if not part or part.endswith(b"."):
                    self.assertRaises(WireError, decode, part)
                elif length < len(b"Heartbeat 4"):
                    self.assertEqual(decode(part), Beat())
                elif length < len(shortest):
                    self.assertEqual(decode(part), Beat(int(part.split()[1])))
                else:
                    seconds, _, fraction = part.split()[-1].decode().partition(".")
                    sent_ns = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
                    self.assertEqual(decode(part), Beat(42, sent_ns))

    def test_truncated_signature(self) -> None:
        """A signed line that is cut off is never taken for a signed one."""
        line = LINE + b" k=1 mac=" + MAC
        for length in range(len(line)):
            with self.subTest(length=length), contextlib.suppress(WireError):
                self.assertIsNone(decode(line[:length]).mac)
