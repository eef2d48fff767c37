"""
The reflector: a datagram machine that answers pings, or loses them on purpose.

It answers text and STAMP on one port, and picks the format by the octets. It never answers what looks
like a reply, nor a port where something answers by itself, so that two reflectors cannot be set upon
each other; and an answer is never longer than its request.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from netlab.arguments import Address
from netlab.clocks import Instant, Reception
from netlab.errors import WireError
from netlab.ping import text
from netlab.ping.impair import Impairment
from netlab.ping.stamping import Draft, Reply, StampReflector

# Port 0 cannot be answered; the others belong to services that answer whoever writes to them:
# echo, daytime, quote, chargen, DNS, TFTP, NTP, NetBIOS, SNMP, CLDAP, SSDP, memcached.
UNANSWERED_PORTS = frozenset({0, 7, 13, 17, 19, 53, 69, 123, 137, 161, 389, 1900, 11211})
UNSTAMPED = Reception()


def pong(datagram: bytes) -> bytes:
    """Answer ``Ping 3 T`` with ``Pong 3 T``. Raises: WireError: it is no such ping."""
    return text.encode_pong(text.decode_ping(datagram))


def upper(datagram: bytes) -> bytes:
    """Answer with the same text in capitals. Raises: WireError: it is in capitals, so a reply."""
    if datagram.isupper():
        raise WireError("all in capitals: this looks like a reply")
    return datagram.upper()


def echo(datagram: bytes) -> bytes:
    """Answer with the same octets (RFC 862)."""
    return datagram


REPLIES: dict[str, Callable[[bytes], bytes]] = {"pong": pong, "upper": upper, "echo": echo}


@dataclass(frozen=True, slots=True)
class Dropped:
    """One ping was lost on purpose."""

    peer: Address
    datagram: bytes


class Reflector:
    """
    Answer pings: text with one of `REPLIES`, STAMP with *stamp*; without an impairment, every one.

    `received` = `answered` + `dropped`; what is refused raises `WireError` and is in neither.
    """

    def __init__(
        self,
        reply: Callable[[bytes], bytes] = pong,
        impairment: Impairment | None = None,
        stamp: StampReflector | None = None,
    ) -> None:
        self.received = 0
        self.answered = 0
        self.dropped = 0
        self.own_ports: frozenset[int] = frozenset()
        self.stamp = stamp or StampReflector()
        self._reply = reply
        self._impairment = impairment
        self._due: list[Draft | TextDraft] = []

    def receive(
        self, datagram: bytes, peer: Address, now: Instant, reception: Reception = UNSTAMPED
    ) -> list[Dropped]:
        """Take in one ping; its answer, if it has one, is `outgoing` at once. Raises: WireError."""
        if peer[1] in UNANSWERED_PORTS or peer[1] in self.own_ports:
            raise WireError(f"port {peer[1]} is never answered")
        draft = self._read(datagram, peer, now, reception)
        self.received += 1
        if self._impairment is not None and self._impairment.drops(peer):
            self.dropped += 1
            return [Dropped(peer, datagram)]
        self.answered += 1
        draft.prepare()
        self._due.append(draft)
        return []

    def outgoing(self, now: Instant) -> list[Reply]:
        """Give up the answers; *now* is what those that carry a time of sending carry."""
        due, self._due = self._due, []
        return [draft.finish(now) for draft in due]

    def deadline(self) -> None:
        """Nothing ever waits here."""

    def expire(self, now: Instant) -> list[Dropped]:
        return []

    def _read(
        self, datagram: bytes, peer: Address, now: Instant, reception: Reception
    ) -> "Draft | TextDraft":
        """Pick the format, and read the request."""
        if self._reply is pong and datagram[:4].lower() not in (b"ping", b"pong"):
            return self.stamp.read(datagram, peer, now, reception)
        return TextDraft(self._reply(datagram), peer)


class TextDraft(NamedTuple):
    """An answer in which no time of leaving stands."""

    datagram: bytes
    peer: Address

    def prepare(self) -> None:
        """There is nothing left to do."""

    def finish(self, leaving: Instant) -> Reply:
        return Reply(self.datagram, self.peer)
