"""The parent of the monitor's workers: what it asks, joins, remembers and hands on."""

import json
import signal
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netlab.channel import Frames
from netlab.clocks import Instant
from netlab.heartbeat.channel import UNASKED, Kind, decode, encode
from netlab.heartbeat.events import Event, Told
from netlab.heartbeat.monitor import Monitor
from netlab.heartbeat.report import event_lines
from netlab.heartbeat.sinks import Recent
from netlab.heartbeat.slot import PATIENCE
from netlab.heartbeat.steering import owner
from netlab.heartbeat.web import OutOfReach
from netlab.heartbeat.workers import MARGIN, Workers
from netlab.slot import CONTROL

NOW = Instant(100.0, 1_795_358_159 * 10**9)


class Process:
    """A worker's process, as its transport shows it, which answers what it is told to."""

    def __init__(self, protocol: Any, number: int, arguments: tuple[Any, ...], options: Any) -> None:
        self.protocol = protocol
        self.pid = number
        self.command = arguments[1]
        self.options = options
        self.signals: list[str] = []
        self.asked: list[list[Any]] = []
        self.frames: list[tuple[int, list[Any]]] = []
        self._reader = Frames()

    def signalProcess(self, name: str) -> None:
        self.signals.append(name)

    def writeToChild(self, descriptor: int, octets: bytes) -> None:
        assert descriptor == 0
        for kind, payload in self._reader.feed(octets):
            self.frames.append((kind, decode(payload, 1)))
            if kind == Kind.ASK:
                self.asked.append(decode(payload, 2))

    def tell(self, kind: Kind, *values: Any) -> None:
        octets = encode(kind, *values)
        self.protocol.childDataReceived(CONTROL, octets[:3])
        self.protocol.childDataReceived(CONTROL, octets[3:])

    def answer(self, what: str, *parts: bytes, rest: Any = None) -> list[Any]:
        """Answer the oldest question, which has to be of this kind; the result is what was asked."""
        number, asked, *more = self.asked.pop(0)
        assert asked == what, asked
        for part in parts:
            self.tell(Kind.PART, number, part)
        self.tell(Kind.END, number, rest)
        return more

    def end(self, reason: Exception | None = None) -> None:
        self.protocol.processEnded(Failure(reason or ProcessDone(0)))


class Machine(Clock):
    """A reactor whose processes are made up."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []

    def spawnProcess(self, protocol: Any, *arguments: Any, **options: Any) -> Process:
        self.processes.append(Process(protocol, 100 + len(self.processes), arguments, options))
        return self.processes[-1]


def reading(beats: int, blind: int = 0) -> dict[str, Any]:
    return {
        "clients": {"up": 1},
        "beats": beats,
        "refused": {"malformed": 2},
        "unverified": 1,
        "blind": blind,
    }


def dump(identity: str) -> tuple[Any, ...]:
    monitor = Monitor()
    monitor.receive(f"Heartbeat 1 1795358159.0 id={identity}".encode(), ("192.0.2.1", 4000), NOW)
    (client,) = monitor.clients()
    return monitor.dump(client, NOW)


class WorkersTests(SynchronousTestCase):
    """`Workers`, two of them, on a machine that is made up"""

    def setUp(self) -> None:
        self.machine, self.recent, self.events = Machine(), Recent(), list[Event]()
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)
        self.workers = Workers(
            self.machine,
            [("127.0.0.1", 0)],
            2,
            ["--timeout", "3"],
            self.recent,
            self.events.extend,
            lambda: NOW,
        )

    def observe(self, event: Any) -> None:
        self.lines.append(formatEvent(event))

    def start(self) -> list[Process]:
        self.workers.startService()
        self.addCleanup(self.close)
        processes = self.machine.processes
        for process in processes:
            process.tell(Kind.READY)
        return processes

    def close(self) -> None:
        for sockets in self.workers._sockets:
            for one in sockets:
                one.close()

    def ask(self, coroutine: Any) -> Any:
        return Deferred.fromCoroutine(coroutine)

    def test_command(self) -> None:
        """A worker has its number, the command line, shared memory, and a socket of its own."""
        processes = self.start()
        handed = []
        for number, process in enumerate(processes):
            self.assertEqual(process.command[1:4], ["-P", "-m", "netlab.heartbeat.worker"])
            self.assertEqual(process.command[5:], ["4,5", str(number), "--timeout", "3"])
            handed.append([process.options["childFDs"][place] for place in (4, 5)])
            self.assertEqual(process.frames, [(Kind.START, [0, False])])
        self.assertEqual(handed[0][0], handed[1][0])
        self.assertNotEqual(handed[0][1], handed[1][1])

    def test_state(self) -> None:
        """Well while all serve and none is blind."""
        self.assertEqual(self.workers.state(), "draining")
        self.workers.startService()
        self.addCleanup(self.close)
        one, other = self.machine.processes
        one.tell(Kind.READY)
        self.assertEqual(self.workers.state(), "a worker is not there")
        other.tell(Kind.READY)
        self.assertEqual(self.workers.state(), "ok")
        other.tell(Kind.EVENT, 5, True, {"event": "blind"}, ["worker 2: blind"])
        self.assertEqual(self.workers.state(), "blind")
        other.tell(Kind.EVENT, 6, True, {"event": "sighted"}, ["worker 2: judging again"])
        self.assertEqual(self.workers.state(), "ok")
        told = self.events[0]
        assert isinstance(told, Told)
        self.assertEqual(
            (told.at_ns, told.notable, told.as_dict(), list(event_lines(told))),
            (5, True, {"event": "blind"}, ["worker 2: blind"]),
        )

    def test_rows(self) -> None:
        """All rows are joined as they come; who does not answer in time makes the whole out of reach."""
        one, other = self.start()
        asked = self.ask(self.workers.parts())
        other.answer("rows", b'{"id":"b"}', b'{"id":"c"}')
        one.answer("rows", b'{"id":"a"}')
        rows = json.loads(b"[" + b",".join(self.successResultOf(asked)) + b"]")
        self.assertEqual([row["id"] for row in rows], ["a", "b", "c"])
        asked = self.ask(self.workers.parts())
        one.answer("rows")
        self.machine.advance(PATIENCE)
        self.assertEqual(str(self.failureResultOf(asked, OutOfReach).value), "worker 2 does not answer")
        other.answer("rows", b"late")  # which nobody waits for
        asked = self.ask(self.workers.parts())
        other.end(ProcessTerminated(signal=signal.SIGKILL))
        self.assertEqual(str(self.failureResultOf(asked, OutOfReach).value), "worker 2 has ended")
        asked = self.ask(self.workers.parts())
        self.assertIn("worker 2 is just not there", str(self.failureResultOf(asked, OutOfReach).value))

    def test_act(self) -> None:
        """One worker knows the client, or none does."""
        for answers, state in ((("paused", None), "paused"), ((None, "up"), "up"), ((None, None), None)):
            processes = self.machine.processes or self.start()
            done = self.ask(self.workers.act("pause", "web-1"))
            for process, answer in zip(processes, answers, strict=True):
                self.assertEqual(process.answer("act", rest=answer), ["pause", "web-1"])
            if state is None:
                self.failureResultOf(done, KeyError)
            else:
                self.assertEqual(self.successResultOf(done), state)

    def test_counted(self) -> None:
        """What was counted is added up, and does not go back where a worker has ended."""
        one, other = self.start()
        asked = self.ask(self.workers.read())
        one.answer("reading", rest=reading(10))
        other.answer("reading", rest=reading(20, blind=1))
        told = self.successResultOf(asked)
        self.assertEqual((told.clients, told.beats, told.blind), ({"up": 2}, 30, 1))
        other.end()
        asked = self.ask(self.workers.read())
        one.answer("reading", rest=reading(11))
        told = self.successResultOf(asked)
        self.assertEqual((told.clients, told.beats, told.blind), ({"up": 1}, 31, 0))
        self.assertEqual((told.refused, told.unverified), ({"malformed": 4}, 2))
        asked = self.ask(self.workers.read())
        one.answer("reading", rest={"beats": "many"})  # no reading: what was known last holds
        self.assertEqual(self.successResultOf(asked).beats, 31)

    def test_checkpoint(self) -> None:
        """A worker that has ended is given what it knew at the last checkpoint, or as it ended."""
        one, other = self.start()
        asked = self.ask(self.workers.pages(4.0))
        self.assertEqual(one.answer("pages", b"page a"), [4.0])
        other.answer("pages", b"page b", b"page c")
        self.assertEqual(self.successResultOf(asked), [b"page a", b"page b", b"page c"])
        other.end(ProcessTerminated(signal=signal.SIGKILL))
        self.machine.advance(1)
        again = self.machine.processes[2]
        self.assertEqual(
            again.frames,
            [(Kind.PAGE, [b"page b"]), (Kind.PAGE, [b"page c"]), (Kind.START, [NOW.wall_ns, False])],
        )
        again.tell(Kind.READY)
        asked = self.ask(self.workers.pages(4.0))
        one.answer("pages", b"page a2")
        self.machine.advance(4 + MARGIN)
        self.assertEqual(self.successResultOf(asked), [b"page a2", b"page b", b"page c"])
        again.tell(Kind.PART, UNASKED, b"page d")
        again.tell(Kind.END, UNASKED, None)
        again.end()
        self.machine.advance(1)
        self.assertEqual(self.machine.processes[3].frames[0], (Kind.PAGE, [b"page d"]))

    def test_load(self) -> None:
        """What is loaded goes to who owns it; what was never written down is refused."""
        names = [f"web-{number}" for number in range(20)]
        pages = [msgspec.msgpack.encode([dump(name) for name in names])]
        self.workers.load(pages, [{"event": "up"}], 77, True)
        for number, process in enumerate(self.start()):
            page, start = process.frames
            self.assertEqual(start, (Kind.START, [77, True]))
            told = [client[0] for client in msgspec.msgpack.decode(page[1][0])]
            self.assertEqual(told, [name for name in names if owner(name, None, 2) == number])
        self.assertEqual(self.workers.events(), [{"event": "up"}])
        for wrong in (([b"\5"], []), ([b"\x91\1"], []), ([b"\x91\x91\x91\1"], []), ([], [1])):
            self.assertRaises(ValueError, self.workers.load, *wrong, 77, True)

    def test_passed_on(self) -> None:
        """A beat that came to the wrong worker goes to its owner, if there is one now."""
        one, other = self.start()
        beat = [1, 100.0, 5, ["192.0.2.1", 4000], b"Heartbeat"]
        one.tell(Kind.BEAT, *beat)
        self.assertEqual(other.frames[-1], (Kind.BEAT, beat))
        one.tell(Kind.BEAT, 7, *beat[1:])
        other.end()
        one.tell(Kind.BEAT, *beat)
        self.assertEqual(len([kind for kind, _ in other.frames if kind == Kind.BEAT]), 1)

    def test_nonsense(self) -> None:
        """A worker that makes no sense is ended, and replaced."""
        for number, nonsense in enumerate(
            (encode(Kind.PART, 1), encode(Kind.START), b"\xff" * 5, b"\0\0\0\1\2\xc1")
        ):
            processes = self.machine.processes or self.start()
            process = processes[-1]
            process.protocol.childDataReceived(CONTROL, nonsense)
            self.assertEqual(process.signals, ["KILL"])
            process.end(ProcessTerminated(signal=signal.SIGKILL))
            self.machine.advance(40)
            self.assertEqual(len(processes), 3 + number)
            processes[-1].tell(Kind.READY)
            self.machine.advance(5)

    def test_stop(self) -> None:
        """At the end all are asked once for what they know; then they are stopped, and the sockets closed."""
        one, other = self.start()
        stopped = self.workers.stopService()
        last = self.ask(self.workers.pages(None))
        one.answer("farewell", b"page a")
        self.assertNoResult(last)
        other.answer("farewell", b"page b")
        self.assertEqual(self.successResultOf(last), [b"page a", b"page b"])
        for process in (one, other):
            self.assertEqual(process.signals, [])
            process.answer("reading", rest=reading(10))
        for process in (one, other):
            self.assertEqual((process.asked, process.signals), ([], ["TERM"]))
            self.assertFalse(self.workers.ended.called)
            process.end()
        self.successResultOf(stopped)
        self.successResultOf(self.workers.ended)
        self.assertEqual(self.workers.addresses, [])
        self.assertIn("netlab-heartbeat: 20 heartbeats received, 4 other datagrams refused", self.lines)
        self.assertEqual(self.machine.getDelayedCalls(), [])
