"""States: one table, and nothing beside it."""

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.states import JUDGED, TRANSITIONS, Cause, State, after


class StateTests(SynchronousTestCase):
    """`TRANSITIONS`"""

    def test_table(self) -> None:
        """What is not in the table changes nothing; what is in it changes something."""
        for state in State:
            for cause in Cause:
                self.assertIs(after(state, cause), TRANSITIONS.get((state, cause), state))
        self.assertEqual([move for move, state in TRANSITIONS.items() if move[0] is state], [])

    def test_reachable(self) -> None:
        """From a new client there is a way to every state, and from every state a way to up."""
        seen, rest = {State.NEW}, [State.NEW]
        while rest:
            state = rest.pop()
            new = {after(state, cause) for cause in Cause} - seen
            seen |= new
            rest += new
        self.assertEqual(seen, set(State))
        for state in State:
            ways = {after(state, cause) for cause in (Cause.BEAT, Cause.RESUME, Cause.SIGHTED)}
            self.assertIn(State.UP, ways)

    def test_silence(self) -> None:
        """Silence says something of those that are judged, and of nobody else."""
        for state in State:
            down = after(state, Cause.SILENCE) is State.DOWN and state is not State.DOWN
            self.assertEqual(down, state in JUDGED)

    def test_hands(self) -> None:
        """Only a hand ends what a hand began."""
        for cause in Cause:
            if cause not in (Cause.RESUME,):
                self.assertIs(after(State.PAUSED, cause), State.PAUSED)
