"""``netlab heartbeat``: the course's UDP heartbeat sender, alone or for a command that it runs."""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from netlab.clients.running import UNREACHABLE, WORKED, WRONG_USAGE, complain
from netlab.heartbeat import wire
from netlab.heartbeat.sender import HeartbeatSender
from netlab.heartbeat.style import PLAIN, Style
from netlab.udp import resolve

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    monitors: tuple[tuple[str, int], ...]  # hosts and ports
    interval: float = 1.0
    count: int | None = None
    style: Style = PLAIN
    goodbye: bool = False
    command: tuple[str, ...] = ()


async def beat(reactor: Any, wanted: Wanted) -> int:
    """Beat and print each beat, so often or until interrupted, or while a command runs; the exit status."""
    told = False

    def each(beat: wire.Beat) -> None:
        nonlocal told
        if sender.unreachable is not None and not told:
            complain(f"{sender.unreachable}; beating on")
            told = True
        if not wanted.command:  # its output is the command's
            print(sender.style.line(beat).decode(), flush=True)

    if wanted.command and shutil.which(wanted.command[0]) is None:
        complain(f"there is no command {wanted.command[0]!r}")
        return WRONG_USAGE
    monitors = [await resolve(reactor, host, port) for host, port in wanted.monitors]
    sender = HeartbeatSender(
        reactor,
        monitors,
        wanted.interval,
        wanted.count,
        each,
        style=wanted.style,
        goodbye=wanted.goodbye or bool(wanted.command),
    )
    sender.startService()
    status = WORKED
    try:
        if wanted.command:
            sender.exit = await run_command(reactor, wanted.command)
            status = sender.exit if sender.exit >= 0 else 128 - sender.exit
        else:
            await sender.done
    except CancelledError:
        return WORKED
    finally:
        await sender.stopService()
    if wanted.command or sender.unreachable is None:
        return status
    if not told:
        complain(str(sender.unreachable))
    return UNREACHABLE


def run_command(reactor: Any, command: Sequence[str]) -> "Deferred[int]":
    """
    Run a command on our own standard streams, and pass signals on to it.

    The result is its exit status, or minus the number of the signal that ended it.
    """
    process = _Command()
    transport = reactor.spawnProcess(
        process, command[0], list(command), env=os.environ, childFDs={0: 0, 1: 1, 2: 2}
    )

    def pass_on(number: int, frame: object) -> None:
        # What a terminal sends on Ctrl-C, it sends to the command as well.
        if number != signal.SIGINT or not sys.stdin.isatty():
            reactor.callFromThread(process.signal, transport, signal.Signals(number).name)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    return process.ended


class _Command(ProcessProtocol):
    def __init__(self) -> None:
        self.ended: Deferred[int] = Deferred()

    def signal(self, transport: Any, name: str) -> None:
        if not self.ended.called:
            transport.signalProcess(name.removeprefix("SIG"))

    def processEnded(self, reason: Failure) -> None:
        match reason.value:
            case ProcessDone():
                status = 0
            case ProcessTerminated(exitCode=int(code)):
                status = code
            case ProcessTerminated(signal=int(number)):
                status = -number
            case _:
                status = 1
        self.ended.callback(status)
