"""Events as lines for people, and as JSON has them."""

import json

from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.entry import ORDINARY, Entry, Place
from netlab.heartbeat.events import (
    Beaten,
    Blinded,
    Changed,
    ClockStepped,
    Event,
    Moved,
    Restored,
    Sighted,
)
from netlab.heartbeat.report import event_lines
from netlab.heartbeat.states import State
from netlab.heartbeat.wire import Beat

A, B = ("192.0.2.1", 4000), ("192.0.2.2", 4001)
NOW = 1_795_358_159_000_000_000


def beaten(entry: Entry = ORDINARY, number: int | None = 7, difference: float | None = 0.25) -> Beaten:
    return Beaten(NOW, "a", A, Beat(number), difference, entry)


def changed(before: State, after: State, cause: str = "why", silence: float | None = 3.0) -> Changed:
    return Changed(NOW, "a", A, before, after, cause, silence, 9, 2)


LINES: tuple[tuple[Event, list[str]], ...] = (
    (beaten(), []),
    (beaten(Entry(Place.NEXT, range(3, 4))), ["a heartbeat 3 was lost"]),
    (beaten(Entry(Place.NEXT, range(3, 6))), ["a heartbeats 3, 4, 5 were lost"]),
    (beaten(Entry(Place.NEXT, range(6, 205))), ["a heartbeats 6 to 204 were lost (199 of them)"]),
    (beaten(Entry(Place.LATE, found=True)), ["a heartbeat 7 came late, it is not lost"]),
    (beaten(Entry(Place.LATE, extent=2)), ["a heartbeat 7 came late, overtaken by 2"]),
    (beaten(Entry(Place.DUPLICATE)), ["a heartbeat 7 came twice"]),
    (beaten(Entry(Place.DUPLICATE), None), ["a heartbeat came twice"]),
    (beaten(Entry(Place.REPLAYED)), ["a heartbeat 7 is an old one, sent again"]),
    (beaten(Entry(Place.RESTART)), ["a counts anew from heartbeat 7"]),
    (
        beaten(Entry(Place.NEXT, unsent=3, stepped=-60.0)),
        [
            "a did not send for a while: 3 heartbeats by its pace, and no number is missing",
            "a has set its clock by -60.000 s",
        ],
    ),
    (changed(State.NEW, State.UP), ["a is up"]),
    (changed(State.DOWN, State.UP), ["a is up again after 3.000 s of silence"]),
    (changed(State.STOPPED, State.UP), ["a is up: why"]),
    (changed(State.UP, State.DOWN), ["a has stopped: why (9 received, 2 lost)"]),
    (changed(State.LATE, State.DOWN), ["a has stopped: why (9 received, 2 lost)"]),
    (changed(State.UP, State.STOPPED), ["a has ended: why (9 received, 2 lost)"]),
    (changed(State.UP, State.LATE), []),
    (changed(State.LATE, State.UP), []),
    (changed(State.UP, State.CONFLICT), ["a is in conflict: why"]),
    (changed(State.UP, State.MAINTENANCE), ["a is in maintenance: why"]),
    (changed(State.UP, State.PAUSED), ["a is paused: why"]),
    (Moved(NOW, "a", B, A), ["a has moved from 192.0.2.1:4000 to 192.0.2.2:4001"]),
    (
        Blinded(NOW, "it is dark", 5),
        ["blind: it is dark; none of 5 live clients is called down because of it"],
    ),
    (Sighted(NOW, 2.0), ["judging again, after 2.000 s: every client has its whole deadline from now on"]),
    (ClockStepped(NOW, 60.0), ["the wall clock was set forward by 60.000 s; no deadline is moved by it"]),
    (ClockStepped(NOW, -60.0), ["the wall clock was set back by 60.000 s; no deadline is moved by it"]),
)


class ReportTests(SynchronousTestCase):
    """`event_lines`"""

    def test_lines(self) -> None:
        """Every event has its line; ordinary beats, and mere lateness, have none."""
        for event, lines in LINES:
            self.assertEqual(list(event_lines(event)), lines)
            self.assertEqual(event.notable, bool(lines), event)

    def test_beats(self) -> None:
        """With beats, each one is told with its time difference, and lateness as well."""
        self.assertEqual(list(event_lines(beaten(), True)), ["a heartbeat 7: time difference 250.000 ms"])
        self.assertEqual(list(event_lines(beaten(number=None, difference=None), True)), ["a heartbeat"])
        self.assertEqual(list(event_lines(changed(State.UP, State.LATE), True)), ["a is late: why"])

    def test_restored(self) -> None:
        """What a start knows of the end before it is told."""
        for away, final, words in (
            (2.5, True, ("a stop that was asked for", "2.500 s after it was saved last")),
            (None, False, ("an end without goodbye",)),
        ):
            (text,) = event_lines(Restored(NOW, 7, away, final))
            for word in ("7 clients", *words):
                self.assertIn(word, text)

    def test_json(self) -> None:
        """Every event is JSON, with its kind, its time, and what its line says."""
        for event, _ in (*LINES, (Restored(NOW, 7, None, True), []), (Moved(NOW, "a", B, None), [])):
            told = json.loads(json.dumps(event.as_dict()))
            self.assertEqual((told["event"], told["time"]), (event.kind, NOW / 1e9))
        self.assertEqual(
            beaten(Entry(Place.NEXT, range(3, 6))).as_dict(),
            {
                "event": "beat",
                "time": NOW / 1e9,
                "client": "a",
                "address": "192.0.2.1:4000",
                "sequence": 7,
                "difference": 0.25,
                "place": "next",
                "lost": 3,
                "lost_from": 3,
                "lost_to": 5,
                "extent": 0,
                "unsent": 0,
                "stepped": 0.0,
            },
        )
        self.assertEqual(Event(NOW).as_dict(), {"event": "event", "time": NOW / 1e9})
