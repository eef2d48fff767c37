"""The ledger: lost, late and double, told from the numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.heartbeat.ledger import MAX_GAP, Entry, Ledger, Place
from netlab.heartbeat.window import WINDOW
from netlab.heartbeat.wire import Beat

NOW = Instant(0.0, 0)


def beat(number: int, sent: int | None = None) -> Beat:
    """Beat *number*, sent that many seconds after the epoch unless *sent* says otherwise."""
    return Beat(number, (number if sent is None else sent) * 10**9)


class LedgerTests(SynchronousTestCase):
    """`Ledger`"""

    def enter(self, *numbers: int) -> list[Entry]:
        self.ledger = Ledger()
        return [self.ledger.enter(beat(number), NOW) for number in numbers]

    def counts(self) -> tuple[int, int, int, int]:
        return self.ledger.beats, self.ledger.lost, self.ledger.late, self.ledger.duplicates

    def test_in_order(self) -> None:
        """Nothing is lost, wherever the count begins."""
        for first in (0, 1, 500, 2**64 - 4):
            entries = self.enter(first, first + 1, first + 2)
            self.assertEqual(entries, [Entry(Place.NEXT)] * 3)
            self.assertEqual(self.counts(), (3, 0, 0, 0))

    def test_lost(self) -> None:
        """Skipped numbers are lost, by name."""
        entries = self.enter(1, 2, 5, 6, 8)
        self.assertEqual([number for entry in entries for number in entry.lost], [3, 4, 7])
        self.assertEqual(self.counts(), (5, 3, 0, 0))

    def test_late(self) -> None:
        """A number that comes after all is lost no more; a second time it is a duplicate."""
        entries = self.enter(1, 4, 2, 2, 4)
        self.assertEqual(entries[2], Entry(Place.LATE, found=True, extent=1))
        self.assertEqual([entry.place for entry in entries[3:]], [Place.DUPLICATE] * 2)
        self.assertEqual(self.counts(), (3, 1, 1, 2))

    def test_before_the_first(self) -> None:
        """What was overtaken by the first one heard was never called lost."""
        entries = self.enter(5, 4, 6)
        self.assertEqual(entries[1], Entry(Place.LATE, found=False, extent=1))
        self.assertEqual(self.counts(), (3, 0, 1, 0))

    def test_too_late(self) -> None:
        """What is older than the window is a duplicate for all that is known."""
        entries = self.enter(1, 2 + WINDOW, 2)
        self.assertEqual(entries[2].place, Place.DUPLICATE)
        self.assertEqual(self.enter(1, 1 + WINDOW, 2)[2].place, Place.LATE)
        self.assertEqual(self.enter(1, WINDOW, 1)[2].place, Place.DUPLICATE)
        self.ledger.enter(beat(1, sent=WINDOW), NOW)
        self.assertEqual(self.counts(), (2, WINDOW - 2, 0, 2))

    def test_restart(self) -> None:
        """A number heard before, sent later than the highest, begins a new count."""
        for number in (1, 2, 3, 0):
            with self.subTest(number=number):
                self.enter(1, 2, 3)
                entry = self.ledger.enter(beat(number, sent=100), NOW)
                self.assertEqual(entry, Entry(Place.RESTART))
                self.assertEqual(self.ledger.enter(beat(number + 1, sent=101), NOW), Entry(Place.NEXT))
                self.assertEqual(self.ledger.lost, 0)

    def test_jump(self) -> None:
        """A jump that no loss explains begins a new count as well."""
        self.assertEqual(self.enter(1, 2 + MAX_GAP)[1], Entry(Place.RESTART))
        self.assertEqual(len(self.enter(1, 1 + MAX_GAP)[1].lost), MAX_GAP - 1)
        self.assertEqual(self.enter(1, 2**64 - 1)[1].place, Place.RESTART)

    def test_small(self) -> None:
        """A client costs the same whatever it sends."""
        self.enter(*range(0, 500_000, 99_999))
        self.assertLess(self.ledger.bits().bit_length(), WINDOW + 1)

    @settings(max_examples=300)
    @given(st.lists(st.integers(0, 60), max_size=80))
    def test_any_order(self, numbers: list[int]) -> None:
        """In any order, with any losses and duplicates, the counts are those of the sets."""
        ledger, heard, lost_now = Ledger(), set[int](), set[int]()
        for number in numbers:
            entry = ledger.enter(beat(number, sent=0), NOW)
            if number in heard:
                self.assertEqual(entry.place, Place.DUPLICATE)
                continue
            highest = max(heard, default=number)
            if number > highest:
                self.assertEqual(list(entry.lost), list(range(highest + 1, number)))
                lost_now.update(entry.lost)
            elif number < highest:
                self.assertEqual((entry.place, entry.found), (Place.LATE, number in lost_now))
                lost_now.discard(number)
            heard.add(number)
        self.assertEqual((ledger.beats, ledger.lost), (len(heard), len(lost_now)))
        self.assertEqual(ledger.beats + ledger.duplicates, len(numbers))

    @given(
        st.lists(
            st.one_of(
                st.integers(-5, 5),
                st.integers(-WINDOW - 3, -WINDOW + 3),
                st.integers(WINDOW - 3, WINDOW + 3),
                st.sampled_from([MAX_GAP - 1, MAX_GAP, MAX_GAP + 1, 2**40]),
            ),
            max_size=40,
        )
    )
    def test_at_the_edges(self, steps: list[int]) -> None:
        """At the window's lower end and at the longest gap, too, the counts are those of the sets."""
        ledger, lost, number = Ledger(), 0, 5000
        first = highest = -1
        heard = set[int]()
        for step in steps:
            number = max(0, (number if highest < 0 else highest) + step)
            entry = ledger.enter(beat(number, sent=0), NOW)
            if highest < 0 or number - highest > MAX_GAP:
                expected = Entry(Place.NEXT if highest < 0 else Place.RESTART)
                first, heard = number, set[int]()
            elif number > highest:
                expected = Entry(Place.NEXT, range(highest + 1, number))
                lost += number - highest - 1
            elif number in heard or highest - number >= WINDOW:
                expected = Entry(Place.DUPLICATE)
            else:
                above = sum(number < other for other in heard)
                expected = Entry(Place.LATE, found=number > first, extent=above)
                lost -= number > first
            self.assertEqual(entry, expected)
            if expected.place is not Place.DUPLICATE:
                heard.add(number)
            if expected.place in (Place.NEXT, Place.RESTART):
                highest = number
            self.assertEqual(ledger.lost, lost)
            self.assertTrue(ledger.lost >= 0 and ledger.bits() < 2**WINDOW)
