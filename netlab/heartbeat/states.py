"""What a client is in, and what moves it from one state to another: one table."""

from enum import Enum


class State(Enum):
    """What the monitor holds of one client."""

    NEW = "new"  # expected, and not heard yet
    UP = "up"
    LATE = "late"  # beats are overdue, not yet enough of them to say more
    DOWN = "down"  # silent for too long
    STOPPED = "stopped"  # it said goodbye
    PAUSED = "paused"  # somebody asked that it be not judged
    MAINTENANCE = "maintenance"  # its owner, or it itself, said that it would be silent
    CONFLICT = "conflict"  # two senders use its name
    BLIND = "blind"  # it was alive when the monitor lost its own sight

    __hash__ = object.__hash__  # there is one of each: Enum's own hashes its name every time


class Cause(Enum):
    """What happens to a client."""

    BEAT = "a beat that proves it alive"
    OVERDUE = "a beat is overdue"
    SILENCE = "silent past its deadline"
    GOODBYE = "it said goodbye"
    LEAVE = "it, or its owner, announced that it will be silent"
    PAUSE = "paused by hand"
    RESUME = "resumed by hand"
    RIVAL = "a second sender uses its name"
    BLINDED = "the monitor cannot judge"
    SIGHTED = "the monitor can judge again"

    __hash__ = object.__hash__


_ALIVE = (State.UP, State.LATE)
_JUDGED = (State.NEW, *_ALIVE, State.CONFLICT)
_ANY = tuple(state for state in State if state is not State.BLIND)

TRANSITIONS: dict[tuple[State, Cause], State] = {
    **{(state, Cause.BEAT): State.UP for state in (State.NEW, State.LATE, State.DOWN, State.STOPPED)},
    (State.UP, Cause.OVERDUE): State.LATE,
    **{(state, Cause.SILENCE): State.DOWN for state in _JUDGED},
    **{(state, Cause.GOODBYE): State.STOPPED for state in (*_JUDGED, State.DOWN, State.MAINTENANCE)},
    **{(state, Cause.LEAVE): State.MAINTENANCE for state in (*_JUDGED, State.DOWN, State.STOPPED)},
    **{(state, Cause.PAUSE): State.PAUSED for state in _ANY if state is not State.PAUSED},
    **{(state, Cause.RESUME): State.UP for state in (State.PAUSED, State.MAINTENANCE, State.CONFLICT)},
    **{(state, Cause.RIVAL): State.CONFLICT for state in (State.NEW, *_ALIVE)},
    **{(state, Cause.BLINDED): State.BLIND for state in _ALIVE},
    (State.BLIND, Cause.SIGHTED): State.UP,
}
"""Every move there is; what is not in it changes nothing."""

JUDGED = frozenset(_JUDGED)
"""The states in which silence means something."""


def after(state: State, cause: Cause) -> State:
    """The state that *cause* leads to from *state*: the same, where the table says nothing."""
    return TRANSITIONS.get((state, cause), state)
