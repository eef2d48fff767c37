"""The parent of workers: when it starts them, what it makes of their reports, how it ends them."""

import signal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.daemon import StartRefused
from netlab.http.channel import Report, decode_ask, encode_report
from netlab.http.counters import Counters
from netlab.http.slot import PATIENCE
from netlab.http.workers import Workers
from netlab.slot import CONTROL, LONGEST, OVERTIME, Restarts
from netlab.sockets import SharingReactor
from tests.http.wire import answered


class RestartsTests(SynchronousTestCase):
    """`Restarts`"""

    def test_at_once(self) -> None:
        """Who has served for a second is replaced at once, as often as it dies."""
        policy = Restarts()
        self.assertEqual([policy.delay(seconds) for seconds in (1.0, 5.0, 1e9)], [0.0] * 3)

    def test_quick(self) -> None:
        """Quick deaths in a row are answered ever later, up to 30 s, and never later than that."""
        policy = Restarts()
        delays = [policy.delay(0.5) for _ in range(2000)]
        self.assertEqual(delays[:7], [1, 2, 4, 8, 16, 30, 30])
        self.assertEqual(max(delays), LONGEST)

    def test_recovered(self) -> None:
        """One that has served forgives those before it."""
        policy = Restarts()
        self.assertEqual([policy.delay(seconds) for seconds in (0, 0, 1, 0)], [1, 2, 0, 1])


class Process:
    """A process, as its transport shows it."""

    def __init__(self, protocol: Any, number: int, arguments: tuple[Any, ...], options: Any) -> None:
        self.protocol = protocol
        self.pid = number
        self.arguments = arguments
        self.options = options
        self.signals: list[str] = []
        self.asked: list[int] = []
        self.ended = False
        self.deaf = False

    def signalProcess(self, name: str) -> None:
        if self.ended:
            raise ProcessExitedAlready
        self.signals.append(name)

    def writeToChild(self, descriptor: int, octets: bytes) -> None:
        assert descriptor == 0
        if self.deaf:
            raise KeyError(descriptor)  # as Twisted does once the other end is closed
        self.asked.append(decode_ask(octets))

    def report(self, requests: int = 0, answers: int | None = None, connections: int = 0) -> None:
        counters = Counters()
        for _ in range(requests):
            counters.add(answered("GET", 200, 10, 0.5))
        line = encode_report(Report(answers, connections, counters.snapshot()))
        self.protocol.childDataReceived(CONTROL, line[:9])
        self.protocol.childDataReceived(CONTROL, line[9:])

    def end(self, reason: Exception | None = None) -> None:
        self.ended = True
        self.protocol.processEnded(Failure(reason or ProcessDone(0)))


class Machine(Clock):
    """A reactor whose processes are made up."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.broken = False

    def spawnProcess(self, protocol: Any, *arguments: Any, **options: Any) -> Process:
        if self.broken:
            raise OSError(11, "Resource temporarily unavailable")
        self.masked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self.processes.append(Process(protocol, 100 + len(self.processes), arguments, options))
        return self.processes[-1]


class Ports(SharingReactor):
    """Two ports, of which each worker has its own sockets."""

    ports = 2  # type: ignore[assignment]

    def __init__(self) -> None:
        pass

    def hand_down(self, worker: int) -> list[int]:
        return [20 + worker, 30 + worker]


class WorkersTests(SynchronousTestCase):
    """`Workers`, two of them, on a machine that is made up."""

    def setUp(self) -> None:
        self.machine = Machine()
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.workers = Workers(self.machine, Ports(), ["--root=/www"], count=2, endpoints=2, grace=10.0)
        self.workers.startService()

    def observe(self, event: Any) -> None:
        self.lines.append(formatEvent(event))

    def read(self) -> Any:
        """Ask how the workers are."""
        return Deferred.fromCoroutine(self.workers.read())

    def test_command(self) -> None:
        """A worker has the options, a channel, its own sockets, and signals held back until it is ready."""
        for number, process in enumerate(self.machine.processes):
            executable, command = process.arguments
            self.assertEqual(command[:4], [executable, "-P", "-m", "netlab.http.worker"])
            self.assertEqual(command[5:], ["4,5", "--root=/www"])
            self.assertEqual(
                process.options["childFDs"], {0: "w", 1: 1, 2: "r", 3: "r", 4: 20 + number, 5: 30 + number}
            )
        self.assertLessEqual({signal.SIGTERM, signal.SIGINT, signal.SIGHUP}, self.machine.masked)
        self.assertNotIn(signal.SIGTERM, signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    def test_unshared(self) -> None:
        """An endpoint that makes no socket to share is refused before any worker starts."""
        workers = Workers(self.machine, Ports(), [], count=2, endpoints=3, grace=1.0)
        self.assertRaises(StartRefused, workers.startService)
        self.assertEqual(len(self.machine.processes), 2)

    def test_state(self) -> None:
        """The server is well as long as a worker serves and none of it stops."""
        self.assertEqual(self.workers.state(), "no worker serves")
        self.machine.processes[1].report()
        self.assertEqual(self.workers.state(), "ok")
        self.workers.stopService()
        self.assertEqual(self.workers.state(), "draining")

    def test_log(self) -> None:
        """What a worker writes is logged line by line with its number, whatever it is."""
        for octets in (b"first\nsec", b"ond\0 \xff\n", b"x" * 20_000 + b"\nlast"):
            self.machine.processes[0].protocol.childDataReceived(2, octets)
        self.machine.processes[0].end()
        self.assertEqual(
            self.lines[:3], [f"worker 1: {text}" for text in ("first", "second\\x00 �", "x" * 8192)]
        )
        self.assertEqual(self.lines[3], "worker 1: last")

    def test_deaths(self) -> None:
        """Each death is one line that tells its cause and what follows."""
        for reason, cause in (
            (ProcessTerminated(None, signal.SIGKILL), "killed by signal 9 (Killed)"),
            (ProcessTerminated(3), "status 3"),
            (ProcessDone(0), "status 0"),
        ):
            with self.subTest(cause=cause):
                process = self.machine.processes[-1]
                process.report()
                self.machine.advance(1.0)
                process.end(reason)
                self.assertEqual(self.lines[-1], f"worker 2 has ended: {cause}; the next starts at once")
                self.machine.advance(0)
        self.assertEqual(len(self.machine.processes), 5)
        self.machine.processes[-1].end()
        self.assertEqual(self.lines[-1], "worker 2 has ended: status 0; the next starts in 1 s")
        self.machine.advance(0.99)
        self.assertEqual(len(self.machine.processes), 5)
        self.machine.advance(0.01)
        self.assertEqual(len(self.machine.processes), 6)

    def test_no_process(self) -> None:
        """Where no process can be made, it is tried again later."""
        self.machine.broken = True
        self.machine.processes[0].end()
        self.machine.advance(1)
        self.assertIn("worker 1 has ended: it cannot start: ", self.lines[-1])
        self.machine.broken = False
        self.machine.advance(2)
        self.assertEqual(len(self.machine.processes), 3)

    def test_sum(self) -> None:
        """A reading asks all that serve, and adds up what each has counted, the dead ones too."""
        first, second = self.machine.processes
        first.report(3)
        second.report(4)
        reading = self.read()
        self.assertNoResult(reading)
        self.assertEqual((first.asked, second.asked), ([1], [1]))
        first.report(5, answers=1, connections=2)
        second.report(4)  # which nobody has asked for
        self.assertNoResult(reading)
        second.report(6, answers=1, connections=7)
        told = self.successResultOf(reading)
        self.assertEqual((told.counters.requests, told.connections), ({("GET", 200): 11}, 9))
        self.assertEqual((told.workers, told.restarts), (2, 0))
        first.end()
        reading = self.read()
        second.report(6, answers=2)
        told = self.successResultOf(reading)
        self.assertEqual((told.counters.requests, told.connections), ({("GET", 200): 11}, 0))
        self.assertEqual((told.workers, told.restarts), (1, 1))
        self.machine.advance(1)
        self.machine.processes[2].report(1)
        reading = self.read()
        self.machine.processes[2].report(1, answers=2)
        second.report(6, answers=3)
        self.assertEqual(self.successResultOf(reading).counters.requests, {("GET", 200): 12})

    def test_silent(self) -> None:
        """Who does not answer is waited for a second, asked one question at a time, and not left out."""
        first, second = self.machine.processes
        first.report(3)
        second.report(4)
        readings = [self.read(), self.read()]
        self.assertEqual((first.asked, second.asked), ([1], [1]))
        second.report(5, answers=1)
        self.machine.advance(PATIENCE / 2)
        for reading in readings:
            self.assertNoResult(reading)
        self.machine.advance(PATIENCE / 2)
        for reading in readings:
            self.assertEqual(self.successResultOf(reading).counters.requests, {("GET", 200): 8})
        readings = [self.read() for _ in range(3)]
        self.machine.advance(PATIENCE)
        self.assertEqual(first.asked, [1])  # nor is more asked while it does not read
        first.report(9, answers=1)
        self.read()
        self.assertEqual(first.asked, [1, 2])

    def test_deaf(self) -> None:
        """Who is about to end, and reads no more, is not waited for."""
        first = self.machine.processes[0]
        first.report(3)
        first.deaf = True
        self.assertEqual(self.successResultOf(self.read()).counters.requests, {("GET", 200): 3})

    def test_death_while_asked(self) -> None:
        """Nobody waits for the answer of a worker that has died."""
        first, second = self.machine.processes
        first.report(3)
        reading = self.read()
        first.end()
        self.assertEqual(self.successResultOf(reading).counters.requests, {("GET", 200): 3})
        self.assertEqual(second.asked, [])

    def test_nonsense(self) -> None:
        """A report that is none is logged, and changes nothing."""
        first = self.machine.processes[0]
        first.report(3)
        for line in (b"what\n", encode_report(Report(None, 1, {"octets": -1}))):
            first.protocol.childDataReceived(CONTROL, line)
            self.assertIn("worker 1 makes no sense: ", self.lines[-1])
        reading = self.read()
        first.report(3, answers=1)
        self.assertEqual(self.successResultOf(reading).counters.requests, {("GET", 200): 3})

    def test_hang_up(self) -> None:
        """A hangup is for all that run."""
        first, second = self.machine.processes
        first.end()
        self.workers.hang_up()
        self.assertEqual((first.signals, second.signals), ([], ["HUP"]))
        second.ended = True  # and nobody knows yet
        self.workers.hang_up()

    def test_stop(self) -> None:
        """At the end all are told, and waited for; nobody is replaced."""
        first, second = self.machine.processes
        stopped = self.workers.stopService()
        self.assertEqual((first.signals, second.signals), (["TERM"], ["TERM"]))
        first.end()
        self.assertNoResult(stopped)
        second.end()
        self.successResultOf(stopped)
        self.assertEqual(self.lines[-2:], [f"worker {number} has ended: status 0" for number in (1, 2)])
        self.assertEqual(self.machine.getDelayedCalls(), [])

    def test_overstay(self) -> None:
        """Who has not ended some time after the grace is killed."""
        first, second = self.machine.processes
        stopped = self.workers.stopService()
        first.end()
        self.machine.advance(10.0 + OVERTIME)
        self.assertEqual((first.signals, second.signals), (["TERM"], ["TERM", "KILL"]))
        second.end(ProcessTerminated(None, signal.SIGKILL))
        self.successResultOf(stopped)
        self.assertEqual(self.machine.getDelayedCalls(), [])

    def test_stop_without(self) -> None:
        """A place that waits for its next worker does not hold up the end."""
        for process in self.machine.processes:
            process.end()
        self.successResultOf(self.workers.stopService())
        self.assertEqual(self.machine.getDelayedCalls(), [])
        self.assertEqual(len(self.machine.processes), 2)
