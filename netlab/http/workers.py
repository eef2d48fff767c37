"""
The workers of a web server: processes that answer its requests, on sockets that their parent keeps.

Nothing of a request passes here: each worker listens by itself.
"""

import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import ProcessProtocol

from netlab.daemon import StartRefused
from netlab.http.counters import Reading, total
from netlab.http.slot import CONTROL, Slot
from netlab.sockets import SharingReactor

HELD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that a worker starts with blocked, until it can answer them."""


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
        places = range(CONTROL + 1, CONTROL + 1 + len(handed))
        # -P, since the folder that we happen to be in may hold anything.
        command = [sys.executable, "-P", "-m", "netlab.http.worker"]
        command += [self._folder, ",".join(map(str, places)), *self._options]
        # Standard output is ours, for --access-log -, if there is one.
        output: Any = 1 if sys.__stdout__ is not None else "r"
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
        try:
            return self._reactor.spawnProcess(
                process,
                sys.executable,
                command,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                childFDs={0: "w", 1: output, 2: "r", CONTROL: "r", **dict(zip(places, handed, strict=True))},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
