"""The monitor's JSON: what a program reads of clients and events, and what it may have done to them."""

import json
from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from netlab.heartbeat.slices import SLICE, in_slices
from netlab.heartbeat.web import API, OutOfReach
from netlab.http.message import Fields, Request, Response


class View:
    """Clients that are numbers."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.count = 3
        self.asked: list[int] = []
        self.acts: list[tuple[str, str]] = []
        self.broken: Exception | None = None

    async def parts(self) -> list[bytes]:
        def write(clients: Sequence[int]) -> bytes:
            rows = [{"id": str(number), "delay": None} for number in clients]
            return json.dumps(rows)[1:-1].encode()

        count = self.count
        self.asked.append(count)
        if self.broken is not None:
            raise self.broken
        await deferLater(self.clock, 0)
        return await in_slices(self.clock, range(count), write, 0.0)

    def events(self) -> Sequence[Any]:
        return ({"event": "up"}, {"event": "down"})

    async def act(self, action: str, identity: str) -> str:
        if self.broken is not None:
            raise self.broken
        if identity == "nobody":
            raise KeyError(identity)
        self.acts.append((action, identity))
        return action + "d"


class Turns(Clock):
    """A clock on which what is called without delay waits for the next turn, as a reactor's does."""

    def callLater(self, when: float, *call: Any, **given: Any) -> Any:
        return super().callLater(max(when, 1), *call, **given)

    def turn(self) -> None:
        self.advance(1)


def content(response: Response) -> Any:
    return json.loads(b"".join(part for part in response.parts if isinstance(part, bytes)))


class APITests(SynchronousTestCase):
    """An `API` over a view, on a clock of its own"""

    def setUp(self) -> None:
        self.clock = Turns()
        self.view = View(self.clock)
        self.api = API(self.view)

    def ask(self, target: str, method: str = "GET", *fields: tuple[str, str]) -> Response:
        response = self.api(Request(method, target, (1, 1), Fields(fields)))
        if isinstance(response, Awaitable):
            return self.successResultOf(Deferred.fromCoroutine(response))  # type: ignore[arg-type]
        assert isinstance(response, Response)
        return response

    def ask_later(self) -> "Deferred[Response]":
        response = self.api(Request("GET", "/api/clients?x", (1, 1)))
        assert isinstance(response, Awaitable)
        return Deferred.fromCoroutine(response)  # type: ignore[arg-type]

    def finish(self, asked: "Deferred[Response]") -> Response:
        while not asked.called:
            self.clock.turn()
        return self.successResultOf(asked)

    def test_clients(self) -> None:
        """All clients, in one object, not to be stored."""
        for count in (0, 1, SLICE, SLICE + 1, 5 * SLICE):
            with self.subTest(count=count):
                self.view.count = count
                response = self.finish(self.ask_later())
                self.assertEqual(
                    content(response),
                    {"clients": [{"id": str(number), "delay": None} for number in range(count)]},
                )
                self.assertEqual(response.fields.get("content-type"), "application/json")
                self.assertEqual(response.fields.get("cache-control"), "no-store")

    def test_many_ask(self) -> None:
        """Those who ask while an answer is made share the next one, so that they cost no more."""
        first = self.ask_later()
        others = [self.ask_later() for _ in range(10)]
        others[0].cancel()
        self.failureResultOf(others[0])
        self.view.count = 5
        self.assertEqual(len(content(self.finish(first))["clients"]), 3)
        bodies = {self.finish(other).body for other in others[1:]}
        (body,) = bodies
        self.assertEqual(len(content(Response(200, body=body))["clients"]), 5)
        self.assertEqual(self.view.asked, [3, 5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_mistake(self) -> None:
        """A mistake reaches all who wait, and not those who ask later."""
        asked = [self.ask_later() for _ in range(3)]
        asked[1].cancel()
        self.failureResultOf(asked[1])
        self.view.broken = ZeroDivisionError()
        self.finish(asked[0])
        self.failureResultOf(asked[2], ZeroDivisionError)
        self.view.broken = None
        self.assertEqual(len(content(self.finish(self.ask_later()))["clients"]), 3)

    def test_out_of_reach(self) -> None:
        """Where clients cannot be told of now, 503 says so."""
        self.view.broken = OutOfReach("worker 2 does not answer")
        response = self.finish(self.ask_later())
        self.assertEqual(response.status, 503)
        assert isinstance(response.body, bytes)
        self.assertIn(b"worker 2 does not answer.", response.body)
        fields = (("X-Netlab", "1"), ("Host", "localhost"))
        self.assertEqual(self.ask("/api/clients/a/pause", "POST", *fields).status, 503)

    def test_events(self) -> None:
        """The events, in their order."""
        self.assertEqual(content(self.ask("/api/events")), {"events": [{"event": "up"}, {"event": "down"}]})

    def test_act(self) -> None:
        """An action by POST is done, and the state that follows is told; a name may hold anything."""
        allowed = ("X-Netlab", "1"), ("Host", "127.0.0.1:8081")
        for action, quoted, identity in (
            ("pause", "web-1", "web-1"),
            ("maintenance", "[::1]:4000", "[::1]:4000"),
            ("resume", "a%2Fb%C3%A9", "a/bé"),
        ):
            response = self.ask(f"/api/clients/{quoted}/{action}", "POST", *allowed)
            self.assertEqual(
                (response.status, content(response)), (200, {"id": identity, "state": action + "d"})
            )
            self.assertEqual(self.view.acts[-1], (action, identity))
        self.assertEqual(self.ask("/api/clients/nobody/pause", "POST", *allowed).status, 404)

    def test_cross_site(self) -> None:
        """Without a field of ours, or under a name that may be anybody's, nothing is done."""
        for fields in (
            (("Host", "127.0.0.1"),),
            (("X-Netlab", "1"),),
            (("X-Netlab", "1"), ("Host", "evil.example:8081")),
            (("X-Netlab", "1"), ("Host", "")),
            (("X-Netlab", "1"), ("Host", "[x")),
        ):
            with self.subTest(fields=fields):
                self.assertEqual(self.ask("/api/clients/a/pause", "POST", *fields).status, 403)
        self.assertEqual(self.view.acts, [])
        for host in ("localhost", "LOCALHOST:8081", "[::1]:8081", "192.0.2.1"):
            fields = (("X-Netlab", "1"), ("Host", host))
            self.assertEqual(self.ask("/api/clients/a/pause", "POST", *fields).status, 200)

    def test_methods(self) -> None:
        """Clients and events can only be read, actions only be done."""
        for target, method, allowed in (
            ("/api/clients", "POST", "GET, HEAD"),
            ("/api/events", "DELETE", "GET, HEAD"),
            ("/api/clients/a/pause", "GET", "POST"),
        ):
            response = self.ask(target, method)
            self.assertEqual((response.status, response.fields.get("allow")), (405, allowed))

    def test_others(self) -> None:
        """What is not ours is left to the next answer."""
        for target in (
            "/",
            "/api",
            "/api/clients/",
            "/api/clients/a",
            "/api/clients/a/kill",
            "/metrics",
            "*",
        ):
            self.assertIsNone(self.api(Request("GET", target, (1, 1))))
