"""The wheel: nobody is looked at too early, nor forgotten."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.wheel import Wheel

STEP = 0.025


class Item:
    def __init__(self) -> None:
        self.place = -1


class WheelTests(SynchronousTestCase):
    """`Wheel`"""

    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("put"), st.integers(0, 4), st.floats(0, 3)),
                st.tuples(st.just("take"), st.integers(0, 4), st.just(0.0)),
                st.tuples(st.just("turn"), st.just(0), st.floats(0, 1)),
            ),
            max_size=60,
        )
    )
    def test_model(self, steps: list[tuple[str, int, float]]) -> None:
        """An item is given up once, not before its time, and at most a step after it."""
        wheel: Wheel[Item] = Wheel(STEP)
        items = [Item() for _ in range(5)]
        due: dict[Item, float] = {}
        now = 0.0
        for action, number, seconds in steps:
            item = items[number]
            if action == "put":
                due[item] = now + seconds
                wheel.put(item, now + seconds)
            elif action == "take":
                due.pop(item, None)
                wheel.take(item)
            else:
                now += seconds
                for found in wheel.due(now):
                    self.assertLessEqual(due.pop(found), now + 1e-9)
                self.assertEqual([when for when in due.values() if when < now - STEP - 1e-9], [])
        self.assertEqual(set(wheel.due(now + 10)), set(due))
        self.assertIsNone(wheel.next())

    def test_put_in_its_turn(self) -> None:
        """An item may be put anew when its time has come."""
        wheel: Wheel[Item] = Wheel(STEP)
        item, times = Item(), 0
        wheel.put(item, 0)
        for now in (0.1, 0.2, 0.3):
            for found in wheel.due(now):
                times += 1
                wheel.put(found, now)
        self.assertEqual(times, 3)

    def test_interrupted(self) -> None:
        """What a turn leaves is there for the next one."""
        wheel: Wheel[Item] = Wheel(STEP)
        for _ in range(3):
            wheel.put(Item(), 0)
        for _ in wheel.due(1):
            break
        self.assertEqual(len(list(wheel.due(1))), 2)
