"""
The workers of a web server: processes that answer its requests, on sockets that their parent keeps.

Nothing of a request passes here: each worker listens by itself.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import ProcessProtocol

from netlab.daemon import StartRefused
from netlab.http.counters import Reading, total
from netlab.http.slot import Slot
from netlab.slot import spawn_worker
from netlab.sockets import SharingReactor


class Workers(Service):
    """
    As many processes as *sharing* has made sockets for, each with the command line *options*.

    At the end they are given *grace* seconds. *endpoints* is how many ports there have to be.
    """

    def __init__(
        self,
        reactor: Any,
        sharing: SharingReactor,
        options: Sequence[str],
        *,
        count: int,
        endpoints: int,
        grace: float,
    ) -> None:
        self._reactor = reactor
        self._sharing = sharing
        self._options = options
        self._folder = os.getcwd()  # where the user named files; a daemon may go elsewhere
        self._endpoints = endpoints
        self._grace = grace
        self._slots = [Slot(number + 1, reactor, partial(self._spawn, number)) for number in range(count)]

    def startService(self) -> None:
        """Start all. Raises: StartRefused: there is an endpoint whose socket cannot be handed down."""
        super().startService()
        if self._sharing.ports != self._endpoints:
            raise StartRefused("netlab-http: --workers cannot share one of the endpoints of --listen")
        for slot in self._slots:
            slot.start()

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return DeferredList([slot.stop(self._grace) for slot in self._slots])

    def hang_up(self) -> None:
        """Let all of them reload what can be reloaded."""
        for slot in self._slots:
            slot.hang_up()

    async def read(self) -> Reading:
        """Ask all how they are, and add up what is known then."""
        await DeferredList([slot.ask() for slot in self._slots])
        slots = self._slots
        return Reading(
            total(snapshot for slot in slots for snapshot in slot.snapshots),
            sum(slot.connections for slot in slots),
            sum(slot.serves for slot in slots),
            sum(slot.restarts for slot in slots),
        )

    def state(self) -> str:
        if not self.running:
            return "draining"
        return "ok" if any(slot.serves for slot in self._slots) else "no worker serves"

    def _spawn(self, number: int, process: ProcessProtocol) -> Any:
        handed = self._sharing.hand_down(number)
        return spawn_worker(self._reactor, process, "netlab.http.worker", self._folder, handed, self._options)
