"""The reflector's answers to STAMP and TWAMP-Light, stateful by default (RFC 8762 §4.3, RFC 8972 §4)."""

from typing import NamedTuple

from netlab.arguments import Address
from netlab.clocks import Instant, Reception
from netlab.errors import WireError
from netlab.ping import stamp, tlv
from netlab.ping.ntp import ErrorEstimate, encode_error, encode_time
from netlab.ping.session import Session, Sessions

SHORTEST = 41  # octets of a request that can be answered in as many: the answer up to its TTL
UNKNOWN_CLOCK = ErrorEstimate(1.0)


class Reply(NamedTuple):
    """An answer to be sent; `session` wants to hear when the kernel sent it."""

    datagram: bytes
    peer: Address
    tos: int | None = None  # None: the system's own
    session: tuple[Session, int] | None = None  # and the answer's number in it


class StampReflector:
    """
    Answer STAMP requests, with a *key* authenticated ones alone.

    *stateful* answers carry the session's own numbers; others copy the sender's. *short* answers
    TWAMP-Light requests of 14 to 40 octets as well, with 44: more octets than came, so it is not for
    an open network. `clock_error` is what the answers say of our clock.
    """

    def __init__(self, key: bytes = b"", stateful: bool = True, short: bool = False) -> None:
        self.clock_error = UNKNOWN_CLOCK
        self.sessions = Sessions()
        self._key = key
        self._stateful = stateful
        self._short = short

    @property
    def clock_error(self) -> ErrorEstimate:
        """How far our clock may be off, as the answers say."""
        return self._clock_error

    @clock_error.setter
    def clock_error(self, error: ErrorEstimate) -> None:
        self._clock_error, self._error = error, encode_error(error)

    def read(self, datagram: bytes, peer: Address, now: Instant, reception: Reception) -> "Draft":
        """Read a request; the draft is the answer. Raises: WireError."""
        request = stamp.decode_request(datagram, self._key)
        if len(datagram) < SHORTEST and not self._short:
            raise WireError(f"a request of {len(datagram)} octets would be answered with more")
        arrived = now.wall_ns if reception.stamp_ns is None else reception.stamp_ns
        return Draft(self, request, len(datagram), peer, arrived, reception)

    def prepare(self, draft: "Draft") -> None:
        """Do all the work but the time of leaving."""
        request, reception = draft.request, draft.reception
        session = self.sessions.of(draft.peer, request)
        session.received += 1
        number = session.sent & 0xFFFF_FFFF
        session.sent += 1
        sequence = number if self._stateful else request.sequence
        tail, draft.tos, followed = self._tail(request, session, sequence, reception)
        draft.session = (session, sequence) if followed else None
        draft.reflection = stamp.Reflection(
            sequence=sequence,
            sent=0,
            error=self._error,
            ssid=request.ssid,
            received=encode_time(draft.arrived),
            sender_sequence=request.sequence,
            sender_sent=request.sent,
            sender_error=request.error,
            ttl=stamp.UNREADABLE_TTL if reception.ttl is None else reception.ttl,
            tail=tail,
        )

    def finish(self, draft: "Draft", leaving: Instant) -> Reply:
        """Write the answer."""
        reflection = draft.reflection._replace(sent=encode_time(leaving.wall_ns))
        datagram = stamp.encode_reflection(reflection, self._key)
        if SHORTEST <= draft.length < len(datagram):
            datagram = datagram[: draft.length]
        return Reply(datagram, draft.peer, draft.tos, draft.session)

    def _tail(
        self, request: stamp.Request, session: Session, sequence: int, reception: Reception
    ) -> tuple[bytes, int | None, bool]:
        """The answer's options, as long as the request's; the TOS to answer with; whether to follow up."""
        options = tlv.decode_options(request.tail)
        if not options:
            return request.tail, None, False
        rest = request.tail[sum(tlv.HEAD + len(option.value) for option in options) :]
        if self._key and not tlv.verify(options, request.sequence, self._key):
            forged = [option._replace(flags=option.flags | tlv.FORGED) for option in options]
            return tlv.encode_options(forged) + rest, None, False
        tos: int | None = None
        answers: list[tlv.Option] = []
        for option in options:
            value = option.value
            if option.flags & tlv.MALFORMED or option.kind not in _UNDERSTOOD:
                answers.append(option._replace(flags=option.flags | tlv.UNKNOWN))
                continue
            if option.kind == tlv.HMAC and not self._key:
                answers.append(option._replace(flags=tlv.UNKNOWN))
                continue
            if option.kind == tlv.SERVICE:
                wanted = tlv.decode_service(value).wanted
                arrived = reception.tos or 0
                value = tlv.encode_service(tlv.Service(wanted, arrived >> 2, arrived & 3))
                tos = wanted << 2
            elif option.kind == tlv.DIRECT:
                counts = tlv.decode_direct(value)._replace(
                    reflector_received=session.received, reflector_sent=session.sent
                )
                value = tlv.encode_direct(counts)
            elif option.kind == tlv.FOLLOW_UP:
                value = tlv.encode_follow_up(session.follow_up)
            answers.append(tlv.Option(option.kind, value, 0))
        if self._key:
            unsigned = [option for option in answers if option.kind != tlv.HMAC]
            answers = tlv.sign(unsigned, sequence, self._key, flags=0)
        followed = any(option.kind == tlv.FOLLOW_UP and not option.flags for option in answers)
        return tlv.encode_options(answers) + rest, tos, followed


class Draft:
    """An answer that is being made: `prepare` it early, `finish` it when it leaves."""

    __slots__ = (
        "_reflector",
        "arrived",
        "length",
        "peer",
        "reception",
        "reflection",
        "request",
        "session",
        "tos",
    )

    def __init__(
        self,
        reflector: StampReflector,
        request: stamp.Request,
        length: int,
        peer: Address,
        arrived: int,
        reception: Reception,
    ) -> None:
        self._reflector = reflector
        self.request = request
        self.length = length  # of the request, octets
        self.peer = peer
        self.arrived = arrived  # T2, nanoseconds
        self.reception = reception
        self.tos: int | None = None
        self.session: tuple[Session, int] | None = None
        self.reflection: stamp.Reflection

    def prepare(self) -> None:
        self._reflector.prepare(self)

    def finish(self, leaving: Instant) -> Reply:
        return self._reflector.finish(self, leaving)


_UNDERSTOOD = {tlv.PADDING, tlv.SERVICE, tlv.DIRECT, tlv.FOLLOW_UP, tlv.HMAC}


def followed_up(session: Session, sequence: int, ns: int) -> None:
    """Take note of when the kernel sent an answer, for the next one's follow-up telemetry."""
    session.follow_up = tlv.FollowUp(sequence, encode_time(ns), tlv.SOFTWARE_LOCAL)
