"""
The stateful side of a STAMP reflector: a session's own numbers and counts (RFC 8762 §4.3).

A session is a sender's address, port and SSID. At most `MAX_SESSIONS` are remembered; the one heard
longest ago is forgotten first, and begins anew if it comes back.
"""

from collections import OrderedDict

from netlab.arguments import Address
from netlab.ping.stamp import Request
from netlab.ping.tlv import FollowUp

MAX_SESSIONS = 4096
NUMBERS = 2**32  # sequence numbers; after the last comes zero again
WRAP = 65_536  # who was that close to the last number has not begun anew with zero, but gone on


class Session:
    """One sender's packets, counted."""

    __slots__ = ("begun", "follow_up", "highest", "received", "sent")

    def __init__(self, request: Request) -> None:
        self.begun = request.sent  # T1 of its first packet
        self.highest = request.sequence
        self.received = 0
        self.sent = 0  # replies; also the next reply's number
        self.follow_up = FollowUp()  # of the last reply whose leaving is known


class Sessions:
    """The table of sessions."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[Address, int], Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, peer: Address, request: Request) -> Session:
        """The session of a request: a new one for a new sender, and when it starts again from zero."""
        key = peer, request.ssid
        session = self._sessions.get(key)
        restarted = (
            session is not None
            and request.sequence == 0
            and 0 < session.highest < NUMBERS - WRAP
            and request.sent != session.begun  # else it is the first packet again
        )
        if session is None or restarted:
            session = self._sessions[key] = Session(request)
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        if (request.sequence - session.highest) % NUMBERS < NUMBERS // 2:
            session.highest = request.sequence
        return session
