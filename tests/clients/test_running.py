"""Running one client: every end has its status, and its line where there is something to say."""

import errno
import os
import sys
import tempfile
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import twisted.internet
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.clients import running
from netlab.errors import NetlabError, TimedOut, Unreachable, WireError
from tests.memory import MemoryReactor

ENDS: tuple[tuple[Exception, int, str], ...] = (
    (Unreachable("a refused"), running.UNREACHABLE, "netlab: a refused\n"),
    (TimedOut("a is silent"), running.TIMED_OUT, "netlab: a is silent\n"),
    (WireError("a speaks nonsense"), running.DID_NOT_WORK, "netlab: a speaks nonsense\n"),
    (NetlabError("no"), running.DID_NOT_WORK, "netlab: no\n"),
    (CancelledError(), running.DID_NOT_WORK, "netlab: interrupted\n"),
)


class RunTests(SynchronousTestCase):
    """`run` on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.patch(twisted.internet, "reactor", self.reactor)

    def run_client(self, client: Any) -> tuple[int, str]:
        """The exit status, and what was printed on standard error."""
        with redirect_stderr(StringIO()) as err:
            status = running.run(client)
        return status, err.getvalue()

    def test_status(self) -> None:
        """The client's status is the program's."""

        async def client(reactor: Any) -> int:
            self.assertIs(reactor, self.reactor)
            return 7

        self.assertEqual(self.run_client(client), (7, ""))

    def test_mistake_is_told(self) -> None:
        """A mistake of ours leaves its traceback on standard error, for the report."""

        async def client(reactor: Any) -> int:
            raise ZeroDivisionError

        self.assertIn("ZeroDivisionError", self.run_client(client)[1])

    def test_errors(self) -> None:
        """Each error is one line and its own status."""
        for error, status, line in ENDS:
            with self.subTest(error=error):
                self.setUp()

                async def client(reactor: Any, error: Exception = error) -> int:
                    raise error

                self.assertEqual(self.run_client(client), (status, line))

    def test_interrupted(self) -> None:
        """A signal cancels the client, which can still sum up; the reactor waits for that."""
        waiting: Deferred[None] = Deferred()

        async def client(reactor: Any) -> int:
            try:
                await waiting
            except CancelledError:
                return 5
            return 6

        self.reactor.during = self.reactor.stop
        self.assertEqual(self.run_client(client), (5, ""))

    def test_mistake(self) -> None:
        """A mistake of ours is status 1; it is not taken for anything that the client met."""

        async def client(reactor: Any) -> int:
            raise ZeroDivisionError

        self.assertEqual(self.run_client(client)[0], running.DID_NOT_WORK)

    def test_output_is_gone(self) -> None:
        """Where the output cannot be written, what is buffered goes nowhere; the reason is told once."""
        full = OSError(errno.ENOSPC, "No space left on device")
        unwritable = OSError(errno.EACCES, "Permission denied", "f.part")
        for error, complaint in (
            (BrokenPipeError(), ""),
            (full, "netlab: cannot write the output: No space left on device\n"),
            (unwritable, "netlab: cannot write f.part: Permission denied\n"),
        ):
            with self.subTest(error=error), tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "out")
                with open(path, "w") as output:
                    self.patch(sys, "stdout", output)
                    output.write("buffered")
                    with redirect_stderr(StringIO()) as err:
                        status = running._status_of(Failure(error))
                self.assertEqual((status, err.getvalue()), (running.DID_NOT_WORK, complaint))
                self.assertEqual(os.path.getsize(path), 0)
