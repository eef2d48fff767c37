"""The monitor's events as lines for people."""

from collections.abc import Iterator, Sequence
from typing import assert_never

from netlab.arguments import address_text
from netlab.heartbeat.entry import Entry, Place
from netlab.heartbeat.events import (
    Beaten,
    Blinded,
    Changed,
    ClockStepped,
    Event,
    Moved,
    Restored,
    Sighted,
    Told,
)
from netlab.heartbeat.states import State

LISTED = 100  # lost numbers written one by one in a line; more are written as a range


def event_lines(event: Event, beats: bool = False) -> Iterator[str]:
    """Write what people want to know of *event*; ordinary beats and mere lateness where *beats* is true."""
    match event:
        case Beaten(client=client, beat=beat, difference=difference, entry=entry):
            number = "" if beat.sequence is None else f" {beat.sequence}"
            if beats:
                time = "" if difference is None else f": time difference {difference * 1000:.3f} ms"
                yield f"{client} heartbeat{number}{time}"
            yield from (f"{client} {remark}" for remark in _remarks(number, entry))
        case Changed() if event.notable or beats:
            yield f"{event.client} {_change(event)}"
        case Changed():
            return
        case Moved(client=client, peer=peer, before=before):
            if peer is not None and before is not None:
                yield f"{client} has moved from {address_text(before)} to {address_text(peer)}"
        case Blinded(cause=cause, clients=clients):
            yield f"blind: {cause}; none of {clients} live clients is called down because of it"
        case Told(lines=lines):
            yield from lines
        case Sighted(seconds=seconds):
            yield f"judging again, after {seconds:.3f} s: every client has its whole deadline from now on"
        case ClockStepped(seconds=seconds):
            way = "forward" if seconds > 0 else "back"
            yield f"the wall clock was set {way} by {abs(seconds):.3f} s; no deadline is moved by it"
        case Restored(clients=clients, away=away, final=final):
            how = "a stop that was asked for" if final else "an end without goodbye (a crash, or a kill)"
            gone = "" if away is None else f", {away:.3f} s after it was saved last"
            yield f"{clients} clients are known from before {how}{gone}; each has its whole deadline now"


def _change(event: Changed) -> str:
    silence = event.silence
    match event.after:
        case State.UP if event.before is State.NEW:
            return "is up"
        case State.UP if event.before is State.DOWN and silence is not None:
            return f"is up again after {silence:.3f} s of silence"
        case State.UP:
            return f"is up: {event.cause}"
        case State.DOWN:
            return f"has stopped: {event.cause} ({event.beats} received, {event.lost} lost)"
        case State.STOPPED:
            return f"has ended: {event.cause} ({event.beats} received, {event.lost} lost)"
        case State.LATE | State.CONFLICT | State.MAINTENANCE | State.PAUSED | State.NEW | State.BLIND:
            where = {State.CONFLICT: "in conflict", State.MAINTENANCE: "in maintenance"}
            return f"is {where.get(event.after, event.after.value)}: {event.cause}"
        case _:
            assert_never(event.after)


def _remarks(number: str, entry: Entry) -> Iterator[str]:
    if entry.lost:
        yield _lost(entry.lost)
    match entry.place:
        case Place.LATE if entry.found:
            yield f"heartbeat{number} came late, it is not lost{_extent(entry)}"
        case Place.LATE:
            yield f"heartbeat{number} came late{_extent(entry)}"
        case Place.DUPLICATE:
            yield f"heartbeat{number} came twice"
        case Place.REPLAYED:
            yield f"heartbeat{number} is an old one, sent again"
        case Place.RESTART:
            yield f"counts anew from heartbeat{number}"
    if entry.unsent:
        yield f"did not send for a while: {entry.unsent} heartbeats by its pace, and no number is missing"
    if entry.stepped:
        yield f"has set its clock by {entry.stepped:+.3f} s"


def _extent(entry: Entry) -> str:
    return f", overtaken by {entry.extent}" if entry.extent else ""


def _lost(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"heartbeat {numbers[0]} was lost"
    if len(numbers) <= LISTED:
        return f"heartbeats {', '.join(map(str, numbers))} were lost"
    return f"heartbeats {numbers[0]} to {numbers[-1]} were lost ({len(numbers)} of them)"
