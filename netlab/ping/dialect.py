"""
Dialects: how a ping of each protocol is written, and how a reply is read and checked.

A dialect knows the octets; the prober knows the time. What a reflector does against its standard is
named as a fault, one of `FAULTS`, and never becomes a wrong figure.
"""

from typing import NamedTuple, Protocol

from netlab.clocks import seconds_text
from netlab.errors import WireError
from netlab.ping import echo, stamp, text, tlv
from netlab.ping.ntp import ErrorEstimate, decode_error, decode_time, encode_error, encode_time

SHORT = "short reply"
PADDED = "padded with NUL"
ONE_STAMP = "T2 = T3"
SWAPPED = "stamps swapped"
NO_OPTIONS = "options not understood"
IMPOSSIBLE = "impossible stamps"
FAULTS = (SHORT, PADDED, ONE_STAMP, SWAPPED, NO_OPTIONS, IMPOSSIBLE)

UNSYNCHRONISED = ErrorEstimate(1.0)  # what a sender says of its clock as long as it knows nothing better


class Corrupt(WireError):
    """A reply of the reflector's that is damaged, or whose number cannot be believed."""


class Sent(NamedTuple):
    """What a dialect has to know of a request in order to check the reply."""

    place: int  # 0, 1, 2… over the whole run
    wall_ns: int  # T1 as the request carries it
    length: int


class Answer(NamedTuple):
    """A reply, read. Stamps are nanoseconds on the reflector's clock."""

    number: int | None  # as on the wire; None: the reply carries none
    words: str  # for people
    mark: object = None  # the copy of T1; None: there is none
    received_ns: int | None = None  # T2
    sent_ns: int | None = None  # T3
    error: ErrorEstimate | None = None  # the reflector's, of its own stamps
    sequence: int | None = None  # the reflector's own number, or a copy of ours
    ttl: int | None = None  # of the request, as it arrived
    service: tlv.Service | None = None
    direct: tlv.Direct | None = None
    follow_up: tlv.FollowUp | None = None
    faults: tuple[str, ...] = ()


class Dialect(Protocol):
    """What the prober asks of a protocol."""

    first: int  # the number of the first ping
    modulus: int  # numbers on the wire are taken modulo this

    def request(self, number: int, wall_ns: int, sent: int) -> bytes:
        """Write ping *number*, of which *sent* have left before."""
        ...

    def answer(self, datagram: bytes) -> Answer:
        """Read a reply. Raises: WireError: it is none; Corrupt: it is damaged."""
        ...

    def check(self, answer: Answer, sent: Sent, length: int) -> Answer:
        """Check a reply of *length* octets against its request. Raises: WireError, Corrupt, as `answer`."""
        ...


class Text:
    """The course's line of text."""

    first = 1
    modulus = 1 << 64

    def __init__(self, size: int = 0) -> None:
        self._size = size
        self._copies = False  # this reflector copies our time, so a reply without it is damaged

    def request(self, number: int, wall_ns: int, sent: int) -> bytes:
        return text.encode_ping(text.Ping(number, seconds_text(wall_ns))).ljust(self._size, b"\0")

    def answer(self, datagram: bytes) -> Answer:
        pong = text.decode_pong(datagram)
        words = datagram.rstrip(text.PADDING).decode("ascii")
        if self._copies and not pong.time:
            raise Corrupt(f"truncated: {words}")
        return Answer(pong.sequence, words, (pong.time, pong.copied))

    def check(self, answer: Answer, sent: Sent, length: int) -> Answer:
        """A copy of the request must carry that request's time; a server's own pong may carry any."""
        mine = seconds_text(sent.wall_ns)
        match answer.mark:
            case (time, _) if time == mine:
                self._copies = True
            case (str(time), copied) if time and mine.startswith(time) and (copied or self._copies):
                raise Corrupt(f"truncated: {answer.words}")
            case (time, True):
                raise WireError(f"foreign: ping {answer.number} was sent at {mine}, not {time}")
        padded = max(self._size, len(answer.words)) < length - 2  # a line may end with CR LF
        return answer._replace(faults=(PADDED,)) if padded else answer


class Echo:
    """The request itself comes back (RFC 862)."""

    first = 0
    modulus = 1 << 32

    def __init__(self, token: int, size: int = 0) -> None:
        self._token = token
        self._size = size

    def request(self, number: int, wall_ns: int, sent: int) -> bytes:
        return echo.encode(self._token, number, self._size)

    def answer(self, datagram: bytes) -> Answer:
        token, number = echo.decode(datagram)
        if token != self._token:
            raise WireError("foreign: not an echo of a ping of this run")
        if any(datagram[echo.SHORTEST :]):
            raise Corrupt(f"altered: echo of ping {number}")
        return Answer(number, "echo")

    def check(self, answer: Answer, sent: Sent, length: int) -> Answer:
        if length == sent.length:
            return answer
        return answer._replace(faults=(SHORT if length < sent.length else PADDED,))


class Stamp:
    """
    STAMP, or TWAMP-Light where *options* is false (RFC 8762, RFC 8972, RFC 5357 appendix I).

    *dscp* asks for replies of that class; *error* says how far our clock may be off.
    """

    first = 0
    modulus = 1 << 32

    def __init__(
        self,
        ssid: int,
        key: bytes = b"",
        size: int = 0,
        options: bool = True,
        dscp: int = 0,
        error: ErrorEstimate = UNSYNCHRONISED,
    ) -> None:
        self._ssid = ssid
        self._key = key
        self._size = size
        self._options = options
        self._dscp = dscp
        self._error = encode_error(error)

    def request(self, number: int, wall_ns: int, sent: int) -> bytes:
        request = stamp.Request(
            number, encode_time(wall_ns), self._error, self._ssid, self._tail(number, sent)
        )
        datagram = stamp.encode_request(request, self._key)
        return datagram if self._options else datagram.ljust(self._size, b"\0")

    def _tail(self, number: int, sent: int) -> bytes:
        if not self._options:
            return b""
        options = [
            tlv.Option(tlv.DIRECT, tlv.encode_direct(tlv.Direct(sent + 1))),
            tlv.Option(tlv.FOLLOW_UP, tlv.encode_follow_up(tlv.FollowUp())),
        ]
        if self._dscp:
            options.insert(0, tlv.Option(tlv.SERVICE, tlv.encode_service(tlv.Service(self._dscp))))
        if self._key:
            options = tlv.sign(options, number, self._key)
        fixed = stamp.SIGNED if self._key else stamp.PLAIN
        tail = tlv.encode_options(options)
        padding = self._size - fixed - len(tail) - 4
        if padding >= 0:
            tail += tlv.encode_options([tlv.Option(tlv.PADDING, bytes(padding))])
        return tail

    def answer(self, datagram: bytes) -> Answer:
        try:
            reply = stamp.decode_reflection(datagram, self._key)
            error = decode_error(reply.error)
        except WireError as damage:
            raise Corrupt(str(damage)) from None
        if reply.ssid not in (self._ssid, 0):
            raise WireError(f"foreign: session {reply.ssid}, not {self._ssid}")
        if not reply.received and not reply.sender_sent:
            raise Corrupt("the request itself came back: this is an echo server, and no STAMP reflector")
        faults: tuple[str, ...] = ()
        options: dict[int, bytes] = {}
        if self._options:
            found = tlv.decode_options(reply.tail)
            if self._key and not tlv.verify(found, reply.sequence, self._key):
                raise Corrupt("the options are not signed with the key")
            options = {option.kind: option.value for option in found if not option.flags}
            if not options:
                faults = (NO_OPTIONS,)
        service, direct, follow_up = (options.get(kind) for kind in (tlv.SERVICE, tlv.DIRECT, tlv.FOLLOW_UP))
        return Answer(
            reply.sender_sequence,
            "STAMP reflection",
            (reply.sender_sent, reply.sent),
            decode_time(reply.received, error.ptp),
            decode_time(reply.sent, error.ptp),
            error,
            reply.sequence,
            None if reply.ttl == stamp.UNREADABLE_TTL else reply.ttl,
            None if service is None else tlv.decode_service(service),
            None if direct is None else tlv.decode_direct(direct),
            None if follow_up is None else tlv.decode_follow_up(follow_up),
            faults,
        )

    def check(self, answer: Answer, sent: Sent, length: int) -> Answer:
        faults = answer.faults
        if length != sent.length:
            faults += (SHORT if length < sent.length else PADDED,)
        mine = encode_time(sent.wall_ns)
        match answer.mark:
            case (int(t1), int(t3)) if t1 != mine and t3 == mine:  # each stands in the other's place
                swapped = decode_time(t1, bool(answer.error and answer.error.ptp))
                answer, faults = answer._replace(sent_ns=swapped), (*faults, SWAPPED)
            case (t1, _) if t1 != mine:
                raise Corrupt(f"altered: the reply to ping {answer.number} carries another time of sending")
        if answer.received_ns == answer.sent_ns:
            faults += (ONE_STAMP,)
        return answer._replace(faults=faults)
