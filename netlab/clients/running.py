"""Run one client under the reactor: exit statuses, one line for each error, a clean interruption."""

import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from netlab.clocks import run_monotonic
from netlab.errors import NetlabError, TimedOut, Unreachable

WORKED = 0
DID_NOT_WORK = 1
WRONG_USAGE = 2
UNREACHABLE = 3
TIMED_OUT = 4


def run(main: Callable[[Any], Coroutine[Deferred[Any], Any, int]]) -> int:
    """
    Run *main* with the reactor until it gives an exit status; its errors become one line and a status.

    SIGINT and SIGTERM cancel it, so that it can still sum up.
    """
    from twisted.internet import reactor as global_reactor

    reactor: Any = global_reactor
    run_monotonic(reactor)
    status = DID_NOT_WORK
    ended: Deferred[None] = Deferred()

    def start() -> None:
        finished = Deferred.fromCoroutine(main(reactor)).addErrback(_status_of)

        def interrupt() -> Deferred[None]:
            finished.cancel()
            return ended

        reactor.addSystemEventTrigger("before", "shutdown", interrupt)
        finished.addBoth(end)

    def end(result: int | Failure) -> None:
        nonlocal status
        if isinstance(result, Failure):
            result.printTraceback(sys.stderr)  # a mistake of ours, to be reported whole
        else:
            status = result
        ended.callback(None)
        if not reactor._stopped:
            reactor.stop()

    reactor.callWhenRunning(start)
    reactor.run()
    return status


def complain(line: str) -> None:
    """Say on standard error what is wrong."""
    print(f"netlab: {line}", file=sys.stderr, flush=True)


def _status_of(failure: Failure) -> int:
    """The exit status of what a client met; other failures, which are mistakes of ours, go on."""
    error = failure.value
    match error:
        case Unreachable():
            status = UNREACHABLE
        case TimedOut():
            status = TIMED_OUT
        case NetlabError():
            status = DID_NOT_WORK
        case CancelledError():
            complain("interrupted")
            return DID_NOT_WORK
        case BrokenPipeError():  # the reader of our output has gone, as `| head` does
            _give_up_output()
            return DID_NOT_WORK
        case OSError():
            complain(f"cannot write {error.filename or 'the output'}: {error.strerror}")
            _give_up_output()
            return DID_NOT_WORK
        case _:
            failure.raiseException()
    complain(str(error))
    return status


def _give_up_output() -> None:
    """Let what is still buffered go nowhere, or the interpreter would fail on it once more at its exit."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
