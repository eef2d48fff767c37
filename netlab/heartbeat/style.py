"""How a sender's beats look: which form, whose name, whose key."""

from dataclasses import dataclass
from typing import Any

from netlab.heartbeat import signing, wire


@dataclass(frozen=True, slots=True)
class Style:
    """
    What stands in each of one sender's lines beside number and time.

    With an *id* the line is tagged, with a *key*, the identity's own of that *key_number*, signed.

    Raises:
        ValueError: that cannot be written, or what is given has no place in *form*.
    """

    form: str = "classic"  # one of `netlab.heartbeat.wire.FORMS`
    id: str | None = None
    mult: int | None = None  # intervals of silence after which it wants to be called down, 1..255
    tags: tuple[str, ...] = ()
    message: str | None = None
    key: bytes | None = None
    key_number: int = 1

    def __post_init__(self) -> None:
        if self.form not in wire.FORMS:
            raise ValueError(f"there is no form {self.form!r}: there are {', '.join(wire.FORMS)}")
        if self.id is None and (self.mult or self.tags or self.message or self.key is not None):
            raise ValueError("a line that says more than number and time needs an id")
        if self.id is not None and self.form not in ("classic", "tagged"):
            raise ValueError(f"the form {self.form} has no place for an id")
        self.line(self.beat(1, 0, inc=0, mono_ns=0, interval=1.0))

    @property
    def tagged(self) -> bool:
        """There is more than number and time, such as a goodbye."""
        return self.id is not None

    def beat(self, sequence: int, sent_ns: int, **more: Any) -> wire.Beat:
        """Make a beat of this sender's; *more* are fields that only tagged lines have."""
        beat = wire.Beat(sequence, sent_ns)
        if self.id is None:
            return beat
        return beat._replace(id=self.id, mult=self.mult, tags=self.tags, message=self.message, **more)

    def line(self, beat: wire.Beat) -> bytes:
        """Write a beat as it goes on the wire."""
        line = wire.encode(beat, self.form)
        return line if self.key is None else signing.sign(line, self.key_number, self.key)


PLAIN = Style()
"""The classic line."""
