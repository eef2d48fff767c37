"""The ledger: lost, late and double, told from the numbers."""

import contextlib
import json
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.heartbeat.ledger import MAX_GAP, ORDINARY, RUN, STALE, Entry, Ledger, Place
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
        return self.ledger.beats, self.ledger.lost, self.ledger.reordered, self.ledger.duplicates

    def test_in_order(self) -> None:
        """Nothing is lost, wherever the count begins."""
        for first in (0, 1, 500, 2**64 - 4):
            entries = self.enter(first, first + 1, first + 2)
            self.assertTrue(all(entry is ORDINARY for entry in entries))
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


EPOCH = 1_795_358_159


def at(seconds: float, wall: float | None = None) -> Instant:
    """A moment on both clocks, the wall clock's as if it stood at *wall*."""
    return Instant(5000 + seconds, round((EPOCH + (seconds if wall is None else wall)) * 1e9))


def signed(number: int, sent: float, inc: int = 7, mono: float | None = None) -> Beat:
    mono_ns = None if mono is None else round(mono * 1e9)
    return Beat(number, round((EPOCH + sent) * 1e9), "web-1", inc, mono_ns, key=1, mac=bytes(16))


def size(thing: object) -> int:
    """Octets of a value and of what its slots hold."""
    slots = [slot for kind in type(thing).__mro__ for slot in getattr(kind, "__slots__", ())]
    return sys.getsizeof(thing) + sum(size(getattr(thing, slot)) for slot in slots)


class Told(SynchronousTestCase):
    """A ledger that is told of beats, a second apart."""

    def setUp(self) -> None:
        self.ledger = Ledger()

    def places(self, *beats: tuple[Beat, float]) -> list[Place]:
        return [self.ledger.enter(beat, at(arrived)).place for beat, arrived in beats]


class IncarnationTests(Told):
    """`Ledger`, where the sender says which of its lives it is"""

    def enter(self, number: int, inc: int | None, time: float) -> Entry:
        return self.ledger.enter(Beat(number, round((EPOCH + time) * 1e9), inc=inc), at(time))

    def test_restart(self) -> None:
        """A higher incarnation counts anew, whatever its numbers; nothing is lost by it."""
        for number in (0, 1, 3, 4, 5, 100, 2**64 - 1):
            self.setUp()
            for known in (1, 2, 3):
                self.enter(known, 7, known)
            self.assertEqual(self.enter(number, 8, 4), Entry(Place.RESTART))
            self.assertEqual((self.ledger.inc, self.ledger.lost), (8, 0))

    def test_older(self) -> None:
        """A beat of an older incarnation is a replay, even with the number that is next."""
        self.enter(1, 7, 1)
        self.assertIs(self.enter(2, 7, 2), ORDINARY)
        for number in (3, 2, 0, 100):
            entry = self.enter(number, 6, 3)
            self.assertEqual((entry, entry.alive), (Entry(Place.REPLAYED), False))
        self.assertEqual((self.ledger.beats, self.ledger.replayed), (2, 4))
        self.assertIs(self.enter(3, 7, 3), ORDINARY)

    def test_clock_lost(self) -> None:
        """A sender whose incarnation went back, its clock being lost, is believed after some beats."""
        self.enter(1000, 7, 1)
        places = [self.enter(number, 3, 10 + number).place for number in range(RUN + 1)]
        self.assertEqual(places, [Place.REPLAYED] * (RUN - 1) + [Place.RESTART, Place.NEXT])

    def test_two_senders(self) -> None:
        """Two senders of one name, taking turns, do not both count."""
        places = [self.enter(number, 3 + 4 * (number % 2), number).place for number in range(1, 20)]
        self.assertEqual(set(places[2::2]), {Place.NEXT})
        self.assertEqual(set(places[1::2]), {Place.REPLAYED})

    def test_wrap(self) -> None:
        """In one incarnation, numbers near the end and near 0 go round whatever the times say."""
        self.enter(2**16 - 500, 7, 1)
        self.enter(2**16 - 499, 7, 2)
        entry = self.enter(1, 7, 3)
        self.assertEqual((entry.place, len(entry.lost)), (Place.NEXT, 499))

    def test_tags_come_and_go(self) -> None:
        """An incarnation that appears later, or is left out, does not count anew."""
        for number, inc in ((1, None), (2, 7), (3, None), (4, 7)):
            self.assertIn(self.enter(number, inc, number).place, (Place.NEXT,))
        self.assertEqual((self.ledger.beats, self.ledger.lost, self.ledger.inc), (4, 0, 7))


class RoundTests(Told):
    """`Ledger`, where a restart looks like a wrap"""

    def play(self, start: int, number: int, pause: float) -> Entry:
        self.setUp()
        for second in range(10):
            self.ledger.enter(beat(start + second, EPOCH + second), at(second))
        return self.ledger.enter(Beat(number, round((EPOCH + 9 + pause) * 1e9)), at(9 + pause))

    def test_wrap(self) -> None:
        """Numbers that go on after 16, 32 or 64 bits are told from their time; the skipped are lost."""
        for width in (16, 32, 64):
            top = 2**width - 1
            self.assertIs(self.play(top - 9, 0, 1), ORDINARY)
            entry = self.play(top - 11, 1, 4)
            self.assertEqual((entry.place, list(entry.lost)), (Place.NEXT, [top - 1, top, 0]))
            self.assertEqual(self.ledger.lost, 3)
            entry = self.ledger.enter(beat(top, EPOCH + 11), at(14))
            self.assertEqual((entry.place, entry.found), (Place.LATE, True))
            entry = self.play(top - 309, 99, 400)
            self.assertEqual((entry.place, len(entry.lost)), (Place.NEXT, 399))

    def test_restart(self) -> None:
        """A restart near the end is none: it came too soon, or much too late, for a wrap."""
        for width in (16, 32, 64):
            for number in (0, 1):
                self.assertEqual(self.play(2**width - 400, number, 2).place, Place.RESTART)
                self.assertEqual(self.play(2**width - 16, number, 3600).place, Place.RESTART)
            self.assertEqual(self.ledger.lost, 0)

    def test_late_before_wrap(self) -> None:
        """Who was first heard after the wrap may have been overtaken by it."""
        self.ledger.enter(beat(0, EPOCH + 5), at(5))
        entry = self.ledger.enter(beat(65_535, EPOCH + 4), at(5.1))
        self.assertEqual((entry.place, entry.found, entry.extent), (Place.LATE, False, 1))

    def test_jump_to_the_end(self) -> None:
        """So many numbers at once are a loss, where so much time has gone by."""
        self.play(0, 10, 1)
        entry = self.ledger.enter(beat(65_535, EPOCH + 65_535), at(65_535))
        self.assertEqual((entry.place, len(entry.lost)), (Place.NEXT, 65_524))

    def test_wider_after_all(self) -> None:
        """Numbers that go on above a circle are wider than it."""
        self.play(65_526, 0, 1)
        entry = self.ledger.enter(beat(65_540, EPOCH + 14), at(14))
        self.assertEqual(entry.place, Place.NEXT)

    def test_restart_after_wrap(self) -> None:
        """Once round, a restart is still one: the numbers between would have taken their time."""
        self.play(65_526, 0, 1)
        for number in range(1, 2000):
            self.ledger.enter(beat(number, EPOCH + 10 + number), at(10 + number))
        self.ledger.enter(beat(40_000, EPOCH + 40_010), at(40_010))
        self.ledger.enter(beat(40_001, EPOCH + 40_011), at(40_011))
        entry = self.ledger.enter(beat(1, EPOCH + 40_020), at(40_020))
        self.assertEqual(entry.place, Place.RESTART)


class LackTests(Told):
    """`Ledger`, where the line lacks a number or a time"""

    def test_no_time(self) -> None:
        """Numbers alone tell lost, late and double."""
        entries = [self.ledger.enter(Beat(number), at(0)) for number in (1, 2, 5, 4, 4, 6)]
        places = [Place.NEXT] * 3 + [Place.LATE, Place.DUPLICATE, Place.NEXT]
        self.assertEqual([entry.place for entry in entries], places)
        self.assertEqual((self.ledger.lost, self.ledger.delay), (1, None))

    def test_no_time_restart(self) -> None:
        """Old numbers that come one after the other, at the usual pace, are a new count."""
        for second in range(100):
            self.ledger.enter(Beat(second), at(second))
        places = [self.ledger.enter(Beat(number), at(105 + number)).place for number in range(RUN + 1)]
        self.assertEqual(places, [Place.DUPLICATE] * (RUN - 1) + [Place.RESTART, Place.NEXT])

    def test_doubled_run(self) -> None:
        """Old numbers that come all at once, or among new ones, are doubles."""
        for second in range(100):
            self.ledger.enter(Beat(second), at(second))
        for number in range(100):
            self.assertEqual(self.ledger.enter(Beat(number), at(100.5)).place, Place.DUPLICATE)
        for second in range(101, 150):
            self.assertEqual(self.ledger.enter(Beat(second - 1), at(second)).place, Place.NEXT)
            self.assertEqual(self.ledger.enter(Beat(second - 50), at(second)).place, Place.DUPLICATE)

    def test_clock_behind(self) -> None:
        """Who starts anew with a clock that was set back is believed after some beats."""
        for second in range(100):
            self.ledger.enter(beat(10_000 + second, EPOCH + second), at(second))
        entries = [
            self.ledger.enter(beat(number, EPOCH - 1800 + number), at(200 + number))
            for number in range(RUN + 1)
        ]
        places = [Place.DUPLICATE] * (RUN - 1) + [Place.RESTART, Place.NEXT]
        self.assertEqual([entry.place for entry in entries], places)

    def test_no_number(self) -> None:
        """Times alone tell the late and the double; whole seconds tell too little of the double."""
        for time, place in (
            (1.5, Place.NEXT),
            (2.5, Place.NEXT),
            (2.5, Place.DUPLICATE),
            (2.0, Place.LATE),
            (3.0, Place.NEXT),
            (3.0, Place.NEXT),
            (-3600, Place.LATE),  # the clock was set back
            (-3599, Place.NEXT),
        ):
            beat_ = Beat(None, round((EPOCH + time) * 1e9))
            self.assertEqual(self.ledger.enter(beat_, at(time)).place, place)
        self.assertEqual((self.ledger.beats, self.ledger.reordered, self.ledger.duplicates), (7, 2, 1))

    def test_no_number_stepped(self) -> None:
        """A clock set forward is told; a silence is not, it may be losses."""
        for time in (1, 2, 3, 4):
            self.ledger.enter(Beat(None, (EPOCH + time) * 10**9), at(time))
        entry = self.ledger.enter(Beat(None, (EPOCH + 105) * 10**9), at(5))
        self.assertEqual(entry, Entry(Place.NEXT, stepped=entry.stepped))
        self.assertAlmostEqual(entry.stepped, 100, 5)
        self.assertIs(self.ledger.enter(Beat(None, (EPOCH + 120) * 10**9), at(20)), ORDINARY)
        self.assertEqual((self.ledger.unsent, self.ledger.lost), (0, 0))

    def test_word(self) -> None:
        """A bare word is life, and nothing more."""
        for second in range(5):
            self.assertIs(self.ledger.enter(Beat(), at(second)), ORDINARY)
        self.assertEqual((self.ledger.beats, self.ledger.loss_rate, self.ledger.interval), (5, 0.0, 1.0))


class FigureTests(Told):
    """`Ledger`: what it tells beside the places"""

    def test_not_sent(self) -> None:
        """A gap in time without a gap in numbers is the sender's own."""
        for number, time in ((1, 1), (2, 2), (3, 3), (4, 10)):
            entry = self.ledger.enter(beat(number, EPOCH + time), at(time))
        self.assertEqual(entry, Entry(Place.NEXT, unsent=6))
        self.assertEqual((self.ledger.unsent, self.ledger.lost), (6, 0))
        entry = self.ledger.enter(beat(7, EPOCH + 20), at(20))
        self.assertEqual((list(entry.lost), self.ledger.lost), ([5, 6], 2))
        self.assertGreater(entry.unsent, 3)

    def test_figures(self) -> None:
        """Interval, jitter, delay and loss are there for the asking."""
        for number in range(1, 200):
            if number % 10:
                self.ledger.enter(beat(number, EPOCH + number), at(number + number % 2 / 100))
        self.assertAlmostEqual(self.ledger.interval, 1, 2)
        self.assertTrue(0.005 < self.ledger.jitter < 0.015)
        self.assertAlmostEqual(self.ledger.delay or 0, 0.01, 4)
        self.assertAlmostEqual(self.ledger.loss_rate, 0.1, 1)
        self.assertEqual((self.ledger.mean_burst, self.ledger.lost), (1.0, 19))
        for number in range(200, 330):
            self.ledger.enter(beat(number, EPOCH + number), at(number))
        self.assertIsNotNone(self.ledger.skew)

    def test_small(self) -> None:
        """A client costs less than a kibioctet, whatever it sends; a jump of 2**63 lists nothing."""
        for number in (0, 2**63, 2**64 - 1, 3, 2**32, 5, 2**16):
            self.ledger.enter(beat(number, EPOCH + number % 1000), at(number % 1000))
        for number in range(2**20, 2**20 + 4000, 3):
            self.ledger.enter(beat(number, EPOCH + number), at(number))
        self.assertLess(size(self.ledger), 1024)
        entry = self.ledger.enter(beat(2**63, EPOCH + 2**21), at(2**21))
        self.assertEqual(entry, Entry(Place.RESTART))


class ReplayTests(Told):
    """`Ledger` with verified beats: nothing that was heard refreshes, not after a restart either"""

    def enter(self, beat_: Beat, time: float) -> Place:
        return self.ledger.enter(beat_, at(time), verified=True).place

    def restart(self, time: float, wall: float | None = None) -> None:
        """The monitor starts again at *time*, from what it wrote down last."""
        self.ledger = Ledger.restore(tuple(json.loads(self.written)), at(time, wall))

    def write(self, time: float) -> None:
        self.written = json.dumps(self.ledger.state(at(time)))

    def test_replayed(self) -> None:
        """No beat counts twice: not the newest, not an old one, not one from before the window."""
        beats = [signed(number, number) for number in range(1, 2000)]
        for beat_ in beats:
            self.assertEqual(self.enter(beat_, 0), Place.NEXT)
        for beat_ in (beats[0], beats[500], beats[-500], beats[-1]):
            self.assertEqual(self.enter(beat_, 3000), Place.DUPLICATE)
        self.assertEqual(self.enter(signed(2000, 2000), 2000), Place.NEXT)

    def test_live_replay(self) -> None:
        """However lively the old ones are sent again, they stay old; so do those of another life."""
        for inc in (7, 8):
            for number in range(1, 60):
                self.enter(signed(number, 100 * inc + number, inc), 100 * inc + number)
        for inc in (7, 8):
            for number in range(1, 60):
                place = self.enter(signed(number, 100 * inc + number, inc), 1000 + 100 * inc + number)
                self.assertEqual(place, Place.DUPLICATE if inc == 8 else Place.REPLAYED)

    def test_no_wrap(self) -> None:
        """A verified count does not go round, and begins anew with a higher incarnation only."""
        self.enter(signed(65_530, 1), 1)
        self.assertEqual(self.enter(signed(3, 5), 5), Place.DUPLICATE)
        self.assertEqual(self.enter(signed(1, 6), 6), Place.DUPLICATE)
        self.assertEqual(self.enter(signed(65_528, 7), 7), Place.LATE)
        self.assertEqual(self.enter(signed(0, 8, inc=8), 8), Place.RESTART)
        self.assertEqual(self.enter(signed(2**63, 9, inc=8), 9), Place.RESTART)
        self.assertEqual(self.enter(signed(1, 10, inc=8), 10), Place.DUPLICATE)

    def test_first_signature(self) -> None:
        """With its first verified beat a client that was not signed until then counts anew."""
        self.ledger.enter(beat(2**60, EPOCH), at(0))
        self.assertEqual(self.enter(signed(1, 1), 1), Place.RESTART)

    def test_stop(self) -> None:
        """After an orderly restart the next beat counts, and no earlier one does."""
        old = [signed(number, number) for number in range(1, 11)]
        for number, beat_ in enumerate(old, 1):
            self.enter(beat_, number)
        self.write(10.2)
        self.restart(10.9)
        for beat_ in old:
            self.assertFalse(self.ledger.enter(beat_, at(11), verified=True).alive)
        self.assertEqual(self.enter(signed(11, 11), 11), Place.NEXT)
        self.assertIs(self.ledger.enter(signed(12, 12), at(12), verified=True), ORDINARY)
        self.assertEqual((self.ledger.beats, self.ledger.lost), (12, 0))

    def test_kill(self) -> None:
        """What was heard after the last checkpoint counts no second time."""
        for mono in (None, 100.0):
            self.setUp()
            beats = [
                signed(number, number, mono=None if mono is None else mono + number)
                for number in range(1, 21)
            ]
            other_life = signed(1, 14, inc=8, mono=None if mono is None else 3.0)
            for number, beat_ in enumerate(beats[:15], 1):
                if number == 11:
                    self.write(10.1)
                self.enter(beat_, number)
            self.restart(15.5)
            for beat_ in (*beats[:15], other_life):
                self.assertFalse(self.ledger.enter(beat_, at(16), verified=True).alive)
            self.assertEqual(self.enter(beats[15], 16), Place.NEXT)
            self.assertIs(self.ledger.enter(beats[16], at(17), verified=True), ORDINARY)

    def test_kill_and_step(self) -> None:
        """A step of the monitor's wall clock meanwhile shuts nobody out and lets nobody in."""
        for wall in (3620.0, -3580.0):
            self.setUp()
            beats = [signed(number, number) for number in range(1, 30)]
            for beat_ in beats[:10]:
                self.enter(beat_, beat_.sequence or 0)
            self.write(10.1)
            self.restart(15.5, wall)
            for beat_ in beats[:15]:
                self.assertFalse(self.ledger.enter(beat_, at(16), verified=True).alive)
            self.assertEqual(self.enter(beats[15], 16), Place.NEXT)

    def test_long_stop(self) -> None:
        """After a long stop a client that has the time wrong is heard after a minute of its own at most."""
        self.enter(signed(1, 1), 1)
        self.write(1)
        self.restart(100_000)
        self.assertEqual(self.enter(signed(5, 5), 100_000), Place.REPLAYED)
        self.assertEqual(self.enter(signed(100, 2 + STALE), 100_000), Place.NEXT)

    def test_new_life_after_restart(self) -> None:
        """A sender that started meanwhile counts anew at once."""
        self.enter(signed(1000, 1000), 1000)
        self.write(1000)
        self.restart(1010)
        self.assertEqual(self.enter(signed(1, 1011, inc=8), 1011), Place.RESTART)

    def test_unsigned_after_restart(self) -> None:
        """Who does not sign is held back by nothing."""
        for number in range(1, 6):
            self.ledger.enter(beat(number, EPOCH + number), at(number))
        self.write(5)
        self.restart(8)
        entry = self.ledger.enter(beat(8, EPOCH + 8), at(8))
        self.assertEqual((entry.place, list(entry.lost)), (Place.NEXT, [6, 7]))
        self.assertIs(self.ledger.enter(beat(9, EPOCH + 9), at(9)), ORDINARY)


class StateTests(Told):
    """`Ledger.state` and `Ledger.restore`"""

    def test_whole(self) -> None:
        """Counts, window and pace come through; so does the circle that the numbers go round."""
        for number in (65_530, 65_531, 65_533, 65_535, 2, 3, 3, 1):
            time = number if number > 100 else 65_536 + number
            self.ledger.enter(beat(number, EPOCH + time), at(time))
        state = self.ledger.state(at(65_540))
        copy = Ledger.restore(state, at(65_541))
        self.assertEqual(copy.state(at(65_540))[:9], state[:9])
        self.assertEqual(copy.state(at(65_540))[11:], state[11:])
        self.assertEqual((copy.loss_rate, copy.mean_burst), (self.ledger.loss_rate, self.ledger.mean_burst))
        entry = copy.enter(beat(65_532, EPOCH + 65_532), at(65_542))
        self.assertEqual((entry.place, entry.found), (Place.LATE, True))
        self.assertTrue(all(isinstance(part, float) or -(2**63) <= part < 2**64 for part in state))

    def test_empty(self) -> None:
        """Nothing comes through as nothing."""
        copy = Ledger.restore(self.ledger.state(at(0)), at(1))
        self.assertEqual(copy.enter(beat(5), at(2)), Entry(Place.NEXT))

    @given(
        st.integers(0, 18),
        st.one_of(st.none(), st.text(max_size=3), st.floats(), st.integers(-(2**70), 2**70)),
        st.booleans(),
    )
    def test_foreign(self, place: int, value: object, cut: bool) -> None:
        """A state that was tampered with is refused, or gives a ledger like any other."""
        ledger = Ledger()
        for number in (1, 2, 70):
            ledger.enter(beat(number, EPOCH + number), at(number))
        state: list[object] = list(ledger.state(at(70)))
        state[place : None if cut else place + 1] = [value]
        with contextlib.suppress(ValueError):
            copy = Ledger.restore(tuple(state), at(71))  # type: ignore[arg-type]
            for number in (71, 60, 0):
                copy.enter(beat(number, EPOCH + number), at(72))
