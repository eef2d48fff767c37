"""Which of the most recent numbers have been seen: a bitmap of fixed size that moves with them."""

SIZE = 65_536  # numbers remembered


class Window:
    """Remember the last `SIZE` numbers up to the highest that was opened."""

    __slots__ = ("_bits", "_next")

    def __init__(self) -> None:
        self._bits = bytearray(SIZE // 8)
        self._next = 0

    def open(self, number: int) -> None:
        """Let *number*, higher than any before, be one that was not seen yet."""
        for fresh in range(max(self._next, number - SIZE + 1), number + 1):
            self._bits[fresh % SIZE >> 3] &= ~(1 << (fresh & 7)) & 0xFF
        self._next = number + 1

    def covers(self, number: int) -> bool:
        """Tell whether *number* was opened and is still remembered."""
        return max(0, self._next - SIZE) <= number < self._next

    def see(self, number: int) -> bool:
        """Mark a covered number as seen; True where it was not seen before."""
        at, bit = number % SIZE >> 3, 1 << (number & 7)
        fresh = not self._bits[at] & bit
        self._bits[at] |= bit
        return fresh
