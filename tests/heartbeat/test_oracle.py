"""
The ledger against an oracle that keeps whole sets of whole numbers.

A script of octets plays a sender and a network: beats are delivered, lost, held back, doubled, their
sender stalls, jumps or starts again. The wire shows the ledger only what is left of a number in 16,
32 or 64 bits; the oracle knows it whole.
"""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.clocks import Instant
from netlab.heartbeat.circle import FEW, NEAR, SOON
from netlab.heartbeat.ledger import MAX_GAP, Ledger, Place
from netlab.heartbeat.window import WINDOW
from netlab.heartbeat.wire import Beat

EPOCH = 1_795_358_159 * 10**9
STEPS = 500  # of one script
SCRIPTS = 250


@dataclass
class Oracle:
    """One count, in sets."""

    heard: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    first: int = 0
    highest: int = 0

    def enter(self, number: int) -> tuple[Place, list[int], bool, int]:
        """Place, numbers lost by it, whether it was lost, and by how many it was overtaken."""
        if not self.heard:
            self.heard, self.first, self.highest = {number}, number, number
            return Place.NEXT, [], False, 0
        if number > self.highest:
            skipped = list(range(self.highest + 1, number))
            self.lost.update(skipped)
            self.heard.add(number)
            self.highest = number
            return Place.NEXT, skipped, False, 0
        if number in self.heard or self.highest - number >= WINDOW:
            return Place.DUPLICATE, [], False, 0
        self.heard.add(number)
        found = number in self.lost
        self.lost.discard(number)
        return Place.LATE, [], found, sum(other > number for other in self.heard)


class Play:
    """A sender and a network, played from a script."""

    def __init__(self, test: "OracleTests", width: int, start: int, inc: bool, timed: bool) -> None:
        self.test, self.width, self.timed = test, width, timed
        self.inc = 1 if inc else None
        self.number = (1 << width) - start
        self.ledger, self.oracle = Ledger(), Oracle()
        self.time = 0.0
        self.sent: list[tuple[int, Beat]] = []  # delivered ones of this incarnation
        self.held: list[tuple[int, Beat]] = []
        self.past: list[Beat] = []  # of incarnations gone by
        self.beats = self.lost = self.late = self.duplicates = self.replayed = 0
        self.newest = 0.0  # when the highest was sent

    def beat(self) -> tuple[int, Beat]:
        self.time += 1
        self.number += 1
        sent_ns = EPOCH + round(self.time * 1e9) if self.timed else None
        return self.number, Beat(self.number % (1 << self.width), sent_ns, inc=self.inc)

    def enter(self, number: int, beat: Beat, place: Place | None = None) -> None:
        expected, lost, found, extent = self.oracle.enter(number)
        entry = self.ledger.enter(beat, Instant(self.time, EPOCH + round(self.time * 1e9)))
        wire = [number % (1 << self.width) for number in lost]
        self.test.assertEqual(
            (entry.place, list(entry.lost), entry.found, entry.extent),
            (place or expected, wire, found, extent),
        )
        self.test.assertEqual(entry.alive, expected is Place.NEXT)
        if entry.alive and beat.sent_ns is not None:
            self.newest = (beat.sent_ns - EPOCH) / 1e9
        self.beats += expected is not Place.DUPLICATE
        self.lost += len(lost) - found
        self.late += expected is Place.LATE
        self.duplicates += expected is Place.DUPLICATE
        self.sent.append((number, beat))

    def restart(self, number: int) -> None:
        """A new process: its numbers begin at *number*."""
        if self.inc is None:
            step = (number - self.oracle.highest) % (1 << self.width)
            lost = {lost % (1 << self.width) for lost in self.oracle.lost}
            soon = (self.time + 1 - self.newest) * 2 * SOON < step
            if (
                not self.timed
                or len(self.oracle.heard) < 3
                or number in lost
                or not (soon or 1 < step <= FEW)
            ):
                return  # nobody could tell
            self.time += 0 if soon else 100
        self.past += [beat for _, beat in self.sent[-3:] + self.held]
        self.inc = self.inc and self.inc + 1
        self.held.clear()
        self.number = number - 1
        self.oracle, self.sent = Oracle(), []
        self.enter(*self.beat(), place=Place.RESTART)

    def step(self, octet: int) -> None:
        """One octet of the script."""
        kind, amount = octet & 7, octet >> 3
        if kind < 2 or not self.oracle.heard:
            self.enter(*self.beat())
        elif kind == 2:
            for _ in range(1 + amount % 12):
                self.beat()  # lost
            self.enter(*self.beat())
        elif kind == 3:
            self.held.append(self.beat())
        elif kind == 4 and self.held:
            self.enter(*self.held.pop(amount % len(self.held)))
        elif kind == 5 and self.sent:
            self.enter(*self.sent[-1 - amount * amount * 2 % len(self.sent)])
        elif kind == 6 and amount < 3:
            self.restart(amount % 2)
        elif kind == 6 and amount < 6:
            self.time += amount  # the sender stalls
        elif kind == 6 and amount == 6 and self.width > 16 and self.timed:
            self.number += MAX_GAP + 1  # whatever it is, it is not that many losses
            self.oracle, self.sent, self.held = Oracle(), [], []
            self.enter(*self.beat(), place=Place.RESTART)
        elif kind == 6 and amount == 7:
            for _ in range(NEAR - 100):
                self.beat()
            self.enter(*self.beat())
        elif kind == 7 and self.past and self.inc is not None:
            entry = self.ledger.enter(self.past[amount % len(self.past)], Instant(self.time, 0))
            self.test.assertEqual(entry.place, Place.REPLAYED)
            self.replayed += 1
        else:
            self.enter(*self.beat())
        ledger = self.ledger
        self.test.assertEqual(
            (ledger.beats, ledger.lost, ledger.reordered, ledger.duplicates, ledger.replayed),
            (self.beats, self.lost, self.late, self.duplicates, self.replayed),
        )

    def end(self) -> None:
        """What the window says is what the sets say."""
        if not self.oracle.heard:
            return
        window = range(max(self.oracle.first, self.oracle.highest - WINDOW + 1), self.oracle.highest + 1)
        missing = sum(number not in self.oracle.heard for number in window)
        self.test.assertAlmostEqual(self.ledger.loss_rate, missing / len(window))


class OracleTests(SynchronousTestCase):
    """`Ledger`, played against `Oracle`"""

    @settings(
        max_examples=SCRIPTS, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(
        st.binary(min_size=STEPS, max_size=STEPS),
        st.sampled_from([16, 32, 64]),
        st.integers(2, 400),
        st.booleans(),
        st.booleans(),
    )
    def test_any_script(self, script: bytes, width: int, start: int, inc: bool, timed: bool) -> None:
        """Whatever happens to the beats, wherever the numbers go round: no disagreement."""
        play = Play(self, width, start, inc, timed)
        for octet in script:
            play.step(octet)
        play.end()
