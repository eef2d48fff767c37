"""``netlab heartbeat``: the course's UDP heartbeat sender."""

from typing import Any

from twisted.internet.defer import CancelledError

from netlab.clients.running import UNREACHABLE, WORKED, complain
from netlab.heartbeat import wire
from netlab.heartbeat.sender import HeartbeatSender
from netlab.udp import resolve


async def beat(reactor: Any, host: str, port: int, interval: float, count: int | None) -> int:
    """Beat and print each beat, *count* times or until interrupted; the exit status."""
    told = False

    def each(beat: wire.Beat) -> None:
        nonlocal told
        if sender.unreachable is not None and not told:
            complain(f"{sender.unreachable}; beating on")
            told = True
        print(wire.encode(beat).decode("ascii"), flush=True)

    monitor = await resolve(reactor, host, port)
    sender = HeartbeatSender(reactor, monitor, interval, count, each)
    sender.startService()
    try:
        await sender.done
    except CancelledError:
        return WORKED
    finally:
        await sender.stopService()
    if sender.unreachable is None:
        return WORKED
    if not told:
        complain(str(sender.unreachable))
    return UNREACHABLE
