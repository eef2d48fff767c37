"""The pool's bounds."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.pool import Pool


class Link:
    reusable = True

    def __init__(self, pool: Pool[Any], key: str) -> None:
        self.pool, self.key, self.closed = pool, key, False

    def close(self) -> None:
        if not self.closed:
            self.closed, self.reusable = True, False
            self.pool.ended(self.key, self)


class PoolTests(SynchronousTestCase):
    """One step after the other."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pool: Pool[Link] = Pool(self.clock, per_host=2, total=3, idle=10)

    def test_bound(self) -> None:
        """So many a host and no more; who waits is served in order, and may give up."""
        self.assertIsNone(self.successResultOf(self.pool.take("a")))
        self.assertIsNone(self.successResultOf(self.pool.take("a")))
        first, second, third = (self.pool.take("a") for _ in range(3))
        self.assertNoResult(first)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        link = Link(self.pool, "a")
        self.pool.give_back("a", link)
        self.assertIs(self.successResultOf(first), link)
        link.reusable = False
        self.pool.give_back("a", link)
        self.assertIsNone(self.successResultOf(third))
        self.assertEqual(self.pool.open, 2)

    def test_total(self) -> None:
        """At the bound of all, the longest idle connection makes room for another host's."""
        links = []
        for key in ("a", "a", "b"):
            self.pool.take(key)
            links.append(Link(self.pool, key))
        waiting = self.pool.take("c")
        self.assertNoResult(waiting)
        self.pool.give_back("a", links[0])
        self.assertIsNone(self.successResultOf(waiting))
        self.assertTrue(links[0].closed)
        self.assertEqual(self.pool.open, 3)

    def test_idle(self) -> None:
        """An idle connection serves again, and ends in time."""
        self.pool.take("a")
        link = Link(self.pool, "a")
        self.pool.give_back("a", link)
        self.clock.advance(9)
        self.assertIs(self.successResultOf(self.pool.take("a")), link)
        self.pool.give_back("a", link)
        self.clock.advance(10)
        self.assertTrue(link.closed)
        self.assertEqual((self.pool.open, self.clock.getDelayedCalls()), (0, []))


class PoolMachine(RuleBasedStateMachine):
    """Whatever happens, the bounds hold, and nobody waits while there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pool: Pool[Link] = Pool(self.clock, per_host=2, total=3, idle=10)
        self.used: list[Link] = []
        self.waiting: list[Deferred[Any]] = []

    @rule(key=st.sampled_from("abc"))
    def take(self, key: str) -> None:
        taken = self.pool.take(key)
        self.waiting.append(taken)
        taken.addCallbacks(lambda link: self.used.append(link or Link(self.pool, key)), lambda _: None)
        taken.addBoth(lambda _: self.waiting.remove(taken))

    @rule(number=st.integers(0, 9), reusable=st.booleans())
    def give_back(self, number: int, reusable: bool) -> None:
        if self.used:
            link = self.used.pop(number % len(self.used))
            link.reusable = reusable
            self.pool.give_back(link.key, link)

    @rule(number=st.integers(0, 9))
    def give_up(self, number: int) -> None:
        if self.waiting:
            self.waiting[number % len(self.waiting)].cancel()

    @rule(seconds=st.sampled_from([1, 11]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def bounds(self) -> None:
        assert len(self.used) <= self.pool.open <= 3
        assert all(sum(link.key == key for link in self.used) <= 2 for key in "abc")
        assert self.used or not self.waiting


PoolStateTests = PoolMachine.TestCase
