"""
The prober: a datagram machine that sends pings one at a time and tells each reply from the others.

A ping is outstanding until its reply comes or its time is up; then the next one is sent. A reply
belongs to the ping whose number it carries, whenever it comes.
"""

from dataclasses import dataclass
from enum import StrEnum

from netlab.arguments import Address, address_text
from netlab.clocks import Instant, seconds_text
from netlab.errors import WireError
from netlab.ping.text import PADDING, Ping, Pong, decode_pong, encode_ping

REMEMBERED = 1024  # timed-out pings whose late reply would still be known


class State(StrEnum):
    RECEIVED = "received"  # the reply came in time
    LOST = "lost"  # the time was up; a late reply may follow
    LATE = "late"  # the reply of a ping that was called lost
    DUPLICATE = "duplicate"  # one more reply to an answered ping


@dataclass(frozen=True, slots=True)
class Sample:
    """What became of one ping, or of one reply too many."""

    sequence: int
    state: State
    rtt: float | None = None  # seconds, for `RECEIVED` and `LATE`
    reply: str = ""  # the reply's text
    unnumbered: bool = False  # the reply carried no number; the outstanding ping was taken for its own


@dataclass(frozen=True, slots=True)
class _Sent:
    at: Instant
    ping: Ping


class Prober:
    """Send *count* pings to *reflector*, each waiting *timeout* seconds at most for its reply."""

    def __init__(self, reflector: Address, count: int = 10, timeout: float = 1.0) -> None:
        if count < 1 or timeout <= 0:
            raise ValueError("count is at least 1 and timeout more than 0 seconds")
        self.sent = 0
        self._reflector = reflector
        self._count = count
        self._timeout = timeout
        self._outstanding: _Sent | None = None
        self._lost: dict[int, _Sent] = {}

    @property
    def finished(self) -> bool:
        """Every ping was sent, and was answered or given up."""
        return self.sent == self._count and self._outstanding is None

    def outgoing(self, now: Instant) -> list[tuple[bytes, Address]]:
        """Send the next ping if none is outstanding."""
        if self._outstanding is not None or self.finished:
            return []
        self.sent += 1
        ping = Ping(self.sent, seconds_text(now.wall_ns))
        self._outstanding = _Sent(now, ping)
        return [(encode_ping(ping), self._reflector)]

    def receive(self, datagram: bytes, peer: Address, now: Instant) -> list[Sample]:
        """
        Take in a reply.

        Raises:
            WireError: it is no reply to a ping of ours; nothing has changed.
        """
        if peer != self._reflector:
            raise WireError(f"foreign: from {address_text(peer)}")
        pong = decode_pong(datagram)
        words = datagram.rstrip(PADDING).decode("ascii")
        if pong.sequence is None:
            return self._receive_unnumbered(words, now)
        sequence = pong.sequence
        if not 1 <= sequence <= self.sent:
            raise WireError(f"foreign: ping {sequence} was never sent")
        sent = self._outstanding
        if sent is not None and sent.ping.sequence == sequence:
            self._require_copy(pong, sent.ping)
            self._outstanding = None
            return [Sample(sequence, State.RECEIVED, now.monotonic - sent.at.monotonic, words)]
        late = self._lost.get(sequence)
        if late is None:
            return [Sample(sequence, State.DUPLICATE, None, words)]
        self._require_copy(pong, late.ping)
        del self._lost[sequence]
        return [Sample(sequence, State.LATE, now.monotonic - late.at.monotonic, words)]

    def deadline(self) -> float | None:
        """When the outstanding ping's time is up, on the monotonic clock."""
        return None if self._outstanding is None else self._outstanding.at.monotonic + self._timeout

    def expire(self, now: Instant) -> list[Sample]:
        """Give up the outstanding ping if its time is up."""
        sent, deadline = self._outstanding, self.deadline()
        if sent is None or deadline is None or now.monotonic < deadline:
            return []
        self._outstanding = None
        self._lost[sent.ping.sequence] = sent
        if len(self._lost) > REMEMBERED:
            del self._lost[next(iter(self._lost))]
        return [Sample(sent.ping.sequence, State.LOST)]

    def _receive_unnumbered(self, words: str, now: Instant) -> list[Sample]:
        sent = self._outstanding
        if sent is None:
            raise WireError("foreign: a reply without a number, and no ping is outstanding")
        self._outstanding = None
        rtt = now.monotonic - sent.at.monotonic
        return [Sample(sent.ping.sequence, State.RECEIVED, rtt, words, unnumbered=True)]

    @staticmethod
    def _require_copy(pong: Pong, ping: Ping) -> None:
        """A copy of the request must carry that request's time; a server's own pong may carry any."""
        if pong.copied and pong.time != ping.time:
            raise WireError(f"foreign: ping {ping.sequence} was sent at {ping.time}, not {pong.time}")
