"""What can go wrong that is not the caller's own mistake (that is a `ValueError`)."""


class NetlabError(Exception):
    """Base of netlab's errors; its text is one line that a user can act on."""


class WireError(NetlabError):
    """A peer broke the format: refuse or drop what it sent, and count it."""


class Unreachable(NetlabError):
    """The peer cannot be reached: no such host, refused, no route, or the connection was lost."""


class TimedOut(NetlabError):
    """The peer was silent for longer than allowed."""


class ConnectionLost(Unreachable):
    """The connection ended too early; `unanswered` where not one octet of the answer had come."""

    def __init__(self, why: str, unanswered: bool = False) -> None:
        super().__init__(why)
        self.unanswered = unanswered


class Untrusted(Unreachable):
    """The peer could not prove who it is: its certificate does not fit, or TLS failed altogether."""


class BadRedirect(NetlabError):
    """A redirect that is not followed: one too many, a broken one, or one that gives up TLS."""


class TooLong(NetlabError):
    """A body is longer than whoever asked for it wanted."""
