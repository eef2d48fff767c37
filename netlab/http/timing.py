"""How long each step of an exchange took."""

from dataclasses import dataclass

STEPS = ("lookup", "connect", "tls", "first_byte", "transfer")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each step, one after the other; None: there was no such step, as on a used connection."""

    lookup: float | None
    connect: float | None
    tls: float | None
    first_byte: float | None  # from when the request could be sent
    transfer: float | None
    total: float  # from the beginning, redirects included


class Marks:
    """When the steps of one exchange ended; all are readings of the same clock."""

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._last = begun
        self._seconds: dict[str, float] = {}

    def ready(self, now: float) -> None:
        """The next step begins now: what passed since the last one, such as waiting, belongs to none."""
        self._last = now

    def ended(self, step: str, now: float) -> None:
        """The step has ended, and the next begins."""
        self._seconds[step] = now - self._last
        self._last = now

    def restart(self, now: float) -> None:
        """Another exchange begins, to which the steps belong from now on."""
        self._seconds.clear()
        self._last = now

    def timing(self, now: float) -> Timing:
        """What was measured; the total ends now."""
        lookup, connect, tls, first_byte, transfer = map(self._seconds.get, STEPS)
        return Timing(lookup, connect, tls, first_byte, transfer, now - self._begun)
