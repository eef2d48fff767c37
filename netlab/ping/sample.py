"""`Sample`: what became of one ping, or of one datagram that came as a reply."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    RECEIVED = "received"  # the reply came in time
    LOST = "lost"  # the time was up; a late reply may follow
    LATE = "late"  # the reply of a ping that was called lost
    DUPLICATE = "duplicate"  # one more reply to an answered ping
    CORRUPT = "corrupt"  # a damaged reply; the ping stays outstanding
    UNSENT = "unsent"  # our own system did not take the ping; the network has not lost it


class Clock(StrEnum):
    """Where a stamp came from."""

    KERNEL = "kernel"
    USER = "user"  # read by this program: the time it took to be woken is in it


class Leaving(StrEnum):
    """How it is known when the reflector's packet left."""

    REPLY = "reply"  # T3, which the reflector wrote beforehand
    FOLLOW_UP = "follow-up"  # the reflector's own stamp of the departure, told with its next reply
    ESTIMATE = "estimate"  # T3, and the median time between the two in the last replies


class Sample(NamedTuple):
    """
    One ping's fate. Durations are seconds.

    `rtt` is the network's alone: where the reflector tells it, its own time, `residence`, is taken out.
    """

    sequence: int | None  # as on the wire; None for `CORRUPT` where it cannot be read
    state: State
    rtt: float | None = None  # for `RECEIVED`, and for `LATE` where the sending is still known
    reply: str = ""  # the reply's text, or what is wrong with it
    unnumbered: bool = False  # the reply carried no number; the oldest outstanding ping was taken for its own
    sent_by: Clock = Clock.USER
    received_by: Clock = Clock.USER
    user_rtt: float | None = None  # as this program's own clock has it, the reflector's time included
    residence: float | None = None  # between the reflector's receiving and its sending
    leaving: Leaving | None = None  # how the end of `residence` is known
    forward: float | None = None  # the reflector's clock at its receiving less ours at sending
    backward: float | None = None
    delay_error: float | None = None  # how far those two may be off; None: a clock is not synchronised
    lateness: float = 0.0  # how much after its intended moment the ping left
    reordered: bool = False  # a later ping's reply came before (RFC 4737 §3)
    ttl: int | None = None  # of the reply, as it arrived
    tos: int | None = None
    reflector_ttl: int | None = None  # of the request, as it arrived at the reflector
    reflector_dscp: int | None = None
    faults: tuple[str, ...] = ()
    place: int = -1  # 0, 1, 2… over the whole run, where `sequence` may wrap around; -1: not known

    @property
    def intended_rtt(self) -> float | None:
        """The RTT from the intended moment of sending: what a user who came then would have waited."""
        return None if self.rtt is None else self.rtt + self.lateness
