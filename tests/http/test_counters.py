"""The web server's counters: what is counted where, and that no stranger makes them grow."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.counters import BUCKETS, REFUSALS, Counters, total
from netlab.http.message import KNOWN_METHODS
from tests.http.wire import answered


class CountersTests(SynchronousTestCase):
    """`Counters`"""

    def setUp(self) -> None:
        self.counters = Counters()

    def test_add(self) -> None:
        """A request counts by its method and status, with its octets and its duration."""
        self.counters.add(answered("GET", 200, 13, 0.25))
        self.counters.add(answered("GET", 200, 0, 0.5))
        self.counters.add(answered("HEAD", 404, 0, 0.25))
        self.assertEqual(self.counters.requests, {("GET", 200): 2, ("HEAD", 404): 1})
        self.assertEqual((self.counters.octets, self.counters.seconds), (13, 1.0))
        self.assertEqual(sum(self.counters.durations), 3)

    def test_buckets(self) -> None:
        """A bucket holds its upper bound; what is longer than all has the last one."""
        for seconds, bucket in (
            (0.0, 0),
            (0.001, 0),
            (0.0011, 1),
            (0.25, BUCKETS.index(0.25)),
            (60.0, len(BUCKETS) - 1),
            (60.1, len(BUCKETS)),
        ):
            with self.subTest(seconds=seconds):
                counters = Counters()
                counters.add(answered("GET", 200, 0, seconds))
                self.assertEqual(counters.durations.index(1), bucket)
        self.assertEqual(list(BUCKETS), sorted(BUCKETS))
        self.assertEqual((BUCKETS[0], BUCKETS[-1]), (0.001, 60.0))

    def test_strange(self) -> None:
        """An unknown method is "other", what is no status of HTTP is 0."""
        for method, status, counted in (
            ("BREW", 200, ("other", 200)),
            ("get", 200, ("other", 200)),
            ("", 400, ("other", 400)),
            ("GET", 99, ("GET", 0)),
            ("GET", 100, ("GET", 100)),
            ("GET", 599, ("GET", 599)),
            ("GET", 600, ("GET", 0)),
        ):
            with self.subTest(method=method, status=status):
                counters = Counters()
                counters.add(answered(method, status, 0, 0.0))
                self.assertEqual(list(counters.requests), [counted])

    @given(st.lists(st.tuples(st.text() | st.sampled_from(sorted(KNOWN_METHODS)), st.integers())))
    def test_bounded(self, requests: list[tuple[str, int]]) -> None:
        """Whatever comes is counted once, under a name out of a bounded set."""
        counters = Counters()
        for method, status in requests:
            counters.add(answered(method, status, 1, 0.0))
        self.assertEqual(counters.requests.total(), len(requests))
        self.assertEqual(counters.octets, len(requests))
        for method, status in counters.requests:
            self.assertIn(method, KNOWN_METHODS | {"other"})
            self.assertIn(status, {0, *range(100, 600)})

    def test_refuse(self) -> None:
        """Refusals count by reason, and a reason that there is not is a mistake."""
        self.counters.refuse("deadline")
        self.counters.refuse("deadline")
        self.assertEqual(self.counters.refused, {**dict.fromkeys(REFUSALS, 0), "deadline": 2})
        self.assertRaises(ValueError, self.counters.refuse, "mood")
        self.assertEqual(tuple(self.counters.refused), REFUSALS)


class TotalTests(SynchronousTestCase):
    """`Counters.snapshot` and `total`"""

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from([*sorted(KNOWN_METHODS), "BREW"]),
                st.sampled_from([0, 200, 304, 404, 599]),
                st.integers(0, 2**40),
                st.integers(0, 1000).map(lambda number: number / 8),  # whose sums are exact
            )
        )
    )
    def test_total(self, requests: list[tuple[int, str, int, int, float]]) -> None:
        """What several have counted, carried as JSON, is what one would have counted."""
        alone, parts = Counters(), [Counters() for _ in range(4)]
        for part, *exchange in requests:
            arguments: Any = exchange
            alone.add(answered(*arguments))
            parts[part].add(answered(*arguments))
            alone.refuse(REFUSALS[part])
            parts[part].refuse(REFUSALS[part])
        together = total(json.loads(json.dumps(part.snapshot())) for part in parts)
        self.assertEqual(vars(together), vars(alone))

    def test_own(self) -> None:
        """A snapshot stays as it is when the counting goes on."""
        counters = Counters()
        before = counters.snapshot()
        counters.add(answered("GET", 200, 1, 0.1))
        counters.refuse("address")
        self.assertEqual(before, Counters().snapshot())
        self.assertEqual(vars(total([])), vars(Counters()))

    def test_wrong(self) -> None:
        """What is no snapshot is refused, whatever it is."""
        good = Counters().snapshot()
        for wrong in (
            None,
            {},
            {**good, "octets": -1},
            {**good, "octets": True},
            {**good, "octets": 1.0},
            {**good, "seconds": 1},
            {**good, "seconds": float("nan")},
            {**good, "seconds": float("inf")},
            {**good, "durations": [0]},
            {**good, "durations": [0] * 100},
            {**good, "durations": 3},
            {**good, "requests": [["BREW", 200, 1]]},
            {**good, "requests": [["GET", 600, 1]]},
            {**good, "requests": [["GET", 200]]},
            {**good, "requests": [[[], 200, 1]]},
            {**good, "requests": [["GET", 200, -1]]},
            {**good, "requests": {"GET": 1}},
            {**good, "refused": {"mood": 1}},
            {**good, "refused": []},
        ):
            with self.subTest(wrong=wrong):
                given: Any = [good, wrong]
                self.assertRaises(ValueError, total, given)
