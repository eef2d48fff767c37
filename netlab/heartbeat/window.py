"""The window: which of one client's last 1,024 numbers came, as a bitmap."""

from struct import Struct

WINDOW = 1024  # numbers remembered, the highest among them
_MASK = (1 << WINDOW) - 1
_WORD = 64  # bits of the bitmap that one number of a state holds
_WORDS = WINDOW // _WORD
_UNPACK = [Struct(f"<{words}Q").unpack for words in range(_WORDS + 1)]


class Window:
    """
    The numbers of one count, told by how far they stand back from the highest; the first one came.

    A subclass raises `_run` for each number that came right after the highest: the bitmap takes such
    a run in one go, when it is asked for.
    """

    __slots__ = ("_bits", "_run", "_span")

    def __init__(self) -> None:
        self._run = 0
        self._span = 1  # numbers from the first to the highest, before the run; at most 1,024
        self._bits = 1  # bit n set: the number n back from the highest came, before the run

    def advance(self, step: int) -> None:
        """Take a new highest number, *step* above the old one; those between have not come."""
        bits = self.bits()
        self._bits = (bits << step | 1) & _MASK if step < WINDOW else 1
        self._span = min(self._span + step, WINDOW)

    def lacks(self, back: int) -> bool:
        """Tell whether the number so far *back* has not come though a higher and a lower one have."""
        return back < WINDOW and bool(self.missing() >> back & 1)

    def came(self, back: int) -> bool:
        """Tell whether the number so far *back* came; what is older than the window did, for all we know."""
        return back >= WINDOW or bool(self.bits() >> back & 1)

    def fill(self, back: int) -> int:
        """Take a number that had not come; tell how many higher ones came before it."""
        bits = self.bits()
        self._bits = bits | 1 << back
        return (bits & ((1 << back) - 1)).bit_count()

    def bits(self) -> int:
        """The bitmap, with the run in it."""
        run = self._run
        if run:
            self._run = 0
            self._bits = (self._bits << run | (1 << run) - 1) & _MASK if run < WINDOW else _MASK
            self._span = min(self._span + run, WINDOW)
        return self._bits

    def missing(self) -> int:
        """The bitmap's opposite: bit n set, the number n back has not come though it is of this count."""
        return ~self.bits() & ((1 << self._span) - 1)

    @property
    def span(self) -> int:
        """Numbers from the first to the highest, at most 1,024 of them."""
        return min(self._span + self._run, WINDOW)

    @property
    def loss_rate(self) -> float:
        """The part of the last 1,024 numbers that has not come, 0..1."""
        missing = self.missing()
        return missing.bit_count() / self._span if missing else 0.0

    @property
    def mean_burst(self) -> float:
        """How many of the last 1,024 numbers are missing in a row, on average; 1.0 where none is."""
        missing = self.missing()
        return missing.bit_count() / (missing & ~(missing << 1)).bit_count() if missing else 1.0

    def words(self) -> tuple[int, ...]:
        """The span, then what is missing in words of 64 bits, lowest first; none where nothing is."""
        missing = self.missing()
        if not missing:
            return (self._span,)
        words = -(-missing.bit_length() // _WORD)
        return self._span, *_UNPACK[words](missing.to_bytes(words * _WORD // 8, "little"))

    def take_words(self, span: int, *words: int) -> None:
        """Take up what `words` gave. ValueError: it never gave that."""
        if not 1 <= span <= WINDOW or not all(0 <= word < 1 << _WORD for word in words):
            raise ValueError("no span and words of a window")
        known = (1 << span) - 1
        missing = sum(word << _WORD * place for place, word in enumerate(words[: _WORDS + 1]))
        if missing & 1 or missing & ~known:
            raise ValueError("more is missing than the span holds")
        self._run, self._span, self._bits = 0, span, known & ~missing
