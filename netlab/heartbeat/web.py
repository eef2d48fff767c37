"""
`API`: the answer that tells about clients in JSON, and takes the words of whoever looks after them.

    GET  /api/clients                   {"clients": [...]}, each as `netlab.heartbeat.status` has it
    GET  /api/events                    {"events": [...]}, the last thousand, the oldest first
    POST /api/clients/ID/pause          judge it no more, until resumed
    POST /api/clients/ID/maintenance    expect it to be silent, until resumed
    POST /api/clients/ID/resume

A page of another site may let a browser send us a POST, but none with a field of its own making
(Fetch, CORS-preflight), so one is asked for: ``X-Netlab``, with any value. Nor does it help to give a
name of one's own our address: a POST has to name an address, or ``localhost``, as its Host.
"""

import ipaddress
import re
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec
from twisted.internet.defer import Deferred

from netlab.errors import NetlabError
from netlab.http import respond
from netlab.http.message import Answer, Fields, Request, Response

_ACTION = re.compile(r"/api/clients/([^/]{1,600})/([a-z]+)")
_HOST = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]*)?|([^:\[\]]+)(?::[0-9]*)?")
_NO_STORE = ("Cache-Control", "no-store")
_JSON = Fields((("Content-Type", "application/json"), respond.NOSNIFF, _NO_STORE))


class View(Protocol):
    """What is known of the clients."""

    def parts(self) -> Awaitable[Sequence[bytes]]:
        """
        All of them as JSON objects with commas between, in some parts that are not empty.

        Raises:
            OutOfReach: not all of them can be told of now.
        """

    def events(self) -> Sequence[Any]:
        """The last thousand events, as JSON has them, the oldest first."""

    def act(self, action: str, identity: str) -> Awaitable[str]:
        """
        Do what is asked with that client; the result is its state from now on.

        Raises:
            KeyError: there is no such client.
            OutOfReach: that cannot be done now.
        """


class OutOfReach(NetlabError):
    """Who knows of the clients does not answer."""


class API:
    """Answer what begins with ``/api/``; every other path is somebody else's."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._building = False
        self._waiting: list[Deferred[tuple[bytes, ...]]] = []
        self._pages: dict[str, Answer] = {"/api/clients": self._clients, "/api/events": self._events}

    def __call__(self, request: Request) -> Response | Awaitable[Response | None] | None:
        """Answer, or leave the request to the next answer."""
        path = request.target.partition("?")[0]
        page = self._pages.get(path)
        if page is not None:
            if request.method not in ("GET", "HEAD"):
                return respond.error(405, "This can only be read.", ("Allow", "GET, HEAD"), _NO_STORE)
            return page(request)
        asked = _ACTION.fullmatch(path)
        return None if asked is None or asked[2] not in ACTIONS else self._act(request, asked[1], asked[2])

    def _clients(self, request: Request) -> Awaitable[Response]:
        waiting: Deferred[tuple[bytes, ...]] = Deferred()
        self._waiting.append(waiting)
        if not self._building:
            self._building = True
            Deferred.fromCoroutine(self._build())
        return self._respond(waiting)

    @staticmethod
    async def _respond(waiting: Deferred[tuple[bytes, ...]]) -> Response:
        try:
            return Response(200, _JSON, await waiting)
        except OutOfReach as error:
            return respond.error(503, f"{error}.", _NO_STORE)

    async def _build(self) -> None:
        """
        Tell those who wait, as often as there are some.

        What is built is begun after they asked, and one body goes to all of them: many who ask at
        once cost no more than one who asks again and again.
        """
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                await self._tell(waiting)
        finally:
            self._building = False

    async def _tell(self, waiting: list[Deferred[tuple[bytes, ...]]]) -> None:
        try:
            parts = await self._parts()
        except Exception as error:
            for one in waiting:
                if not one.called:
                    one.errback(error)
            return
        for one in waiting:
            if not one.called:  # who has gone has cancelled it
                one.callback(parts)

    async def _parts(self) -> tuple[bytes, ...]:
        parts = [b'{"clients":[']
        for part in await self._view.parts():
            parts += [b",", part] if len(parts) > 1 else [part]
        return (*parts, b"]}\n")

    def _events(self, request: Request) -> Response:
        return _json({"events": list(self._view.events())})

    async def _act(self, request: Request, quoted: str, action: str) -> Response:
        if request.method != "POST":
            return respond.error(405, "This is done by POST.", ("Allow", "POST"), _NO_STORE)
        if request.fields.get("x-netlab") is None or not _is_address(request.fields.get("host") or ""):
            return respond.error(
                403, "Send the field X-Netlab, and name an address or localhost as the host.", _NO_STORE
            )
        identity = unquote(quoted)
        try:
            state = await self._view.act(action, identity)
        except KeyError:
            return respond.error(404, "There is no such client.", _NO_STORE)
        except OutOfReach as error:
            return respond.error(503, f"{error}.", _NO_STORE)
        return _json({"id": identity, "state": state})


ACTIONS = ("pause", "maintenance", "resume")


def _json(told: Any) -> Response:
    return Response(200, _JSON, msgspec.json.encode(told) + b"\n")


def _is_address(host: str) -> bool:
    """A Host field names an address or ``localhost``: no name that somebody else may have set up."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1] or match[2]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.lower() == "localhost"
    return True
