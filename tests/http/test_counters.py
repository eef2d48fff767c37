"""The web server's counters: what is counted where, and that no stranger makes them grow."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.http.counters import BUCKETS, REFUSALS, Counters
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
