"""What can go wrong that is not the caller's own mistake (that is a `ValueError`)."""


class NetlabError(Exception):
    """Base of netlab's errors; its text is one line that a user can act on."""


class WireError(NetlabError):
    """A peer broke the format: refuse or drop what it sent, and count it."""


class Unreachable(NetlabError):
    """The peer cannot be reached: no such host, refused, no route, or the connection was lost."""


class TimedOut(NetlabError):
    """The peer was silent for longer than allowed."""
