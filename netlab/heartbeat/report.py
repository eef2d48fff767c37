"""The monitor's events as lines for people."""

from collections.abc import Iterator, Sequence

from netlab.arguments import address_text
from netlab.heartbeat.ledger import Entry, Place
from netlab.heartbeat.monitor import Beaten, Event, Stopped, Up

LISTED = 100  # lost numbers written one by one in a line; more are written as a range


def event_lines(event: Event, beats: bool = False) -> Iterator[str]:
    """Write what people want to know of *event*; ordinary beats only where *beats* is true."""
    client = address_text(event.peer)
    match event:
        case Up(silence=None):
            yield f"{client} is up"
        case Up(silence=float(silence)):
            yield f"{client} is up again after {silence:.3f} s of silence"
        case Stopped(silence=silence, ledger=ledger):
            yield (
                f"{client} has stopped: no heartbeat for {silence:.3f} s"
                f" ({ledger.beats} received, {ledger.lost} lost)"
            )
        case Beaten(beat=beat, difference=difference, entry=entry):
            number = "" if beat.sequence is None else f" {beat.sequence}"
            if beats:
                time = "" if difference is None else f": time difference {difference * 1000:.3f} ms"
                yield f"{client} heartbeat{number}{time}"
            yield from (f"{client} {remark}" for remark in _remarks(number, entry))


def _remarks(number: str, entry: Entry) -> Iterator[str]:
    if entry.lost:
        yield _lost(entry.lost)
    match entry.place:
        case Place.LATE if entry.found:
            yield f"heartbeat{number} came late, it is not lost"
        case Place.LATE:
            yield f"heartbeat{number} came late"
        case Place.DUPLICATE:
            yield f"heartbeat{number} came twice"
        case Place.RESTART:
            yield f"counts anew from heartbeat{number}"


def _lost(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"heartbeat {numbers[0]} was lost"
    if len(numbers) <= LISTED:
        return f"heartbeats {', '.join(map(str, numbers))} were lost"
    return f"heartbeats {numbers[0]} to {numbers[-1]} were lost ({len(numbers)} of them)"
