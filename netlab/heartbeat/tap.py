"""`twistd netlab-heartbeat`: options and wiring of the monitor."""

import gc
import os
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python import usage

from netlab import options as coerce
from netlab.arguments import Address, address_text, whole
from netlab.clocks import Instant, read_clocks
from netlab.daemon import Daemon
from netlab.heartbeat import config
from netlab.heartbeat.checkpoint import Checkpointer
from netlab.heartbeat.detector import Detector, Fixed, Signs, make_detector
from netlab.heartbeat.events import Event
from netlab.heartbeat.fleet import Fleet
from netlab.heartbeat.judge import Judge
from netlab.heartbeat.metrics import heartbeat_metrics
from netlab.heartbeat.monitor import REPLIES, Monitor, NotOurs, Policy
from netlab.heartbeat.page import page
from netlab.heartbeat.server import MonitorPort, MonitorProtocol
from netlab.heartbeat.signing import Keyring
from netlab.heartbeat.sinks import JSONLines, LogSink, Paced, Recent, Sink, fan_out
from netlab.heartbeat.status import Status
from netlab.heartbeat.store import Nowhere, Store, check_url
from netlab.heartbeat.web import API
from netlab.heartbeat.workers import Workers
from netlab.http.admin import Admin
from netlab.http.factory import HTTPFactory
from netlab.http.message import Answer
from netlab.keys import read_key
from netlab.lines import LineFile
from netlab.sockets import held_by_systemd
from netlab.udp import UDPService

_log = Logger()

SYSTEMD = "systemd:"
CALM = 0.25  # seconds between two looks at how many clients there are
MAX_CONNECTIONS = 64  # to the API, each of which may hold an answer about all clients


class Options(coerce.UDPOptions):
    default_port = 13000
    synopsis = "[options]"
    longdesc = (
        "Watch UDP heartbeats: report every lost one, and every client that stops. Listens on"
        " 127.0.0.1:13000, tells of the clients at http://127.0.0.1:8081, and remembers them over a"
        " restart in heartbeat.sqlite."
    )

    optParameters: list[list[Any]] = [
        ["timeout", None, 5.0, "Seconds without a beat until a client has stopped.", coerce.seconds],
        [
            "detector",
            None,
            None,
            "Another rule for that: fixed:5s, interval:3, loss:alarms=1/year,within=10s or phi:8.",
            coerce.coercer(make_detector),
        ],
        ["reply", None, "none", "Answer each beat: none, ack, or upper (the beat in capitals)."],
        ["config", None, None, "TOML file of rules for single clients, keys and limits."],
        [
            "key-file",
            None,
            None,
            "File with the master of the keys that clients sign with.",
            coerce.coercer(read_key),
        ],
        ["store", None, "sqlite:///heartbeat.sqlite", "Where clients are remembered: a URL, or none."],
        ["web", None, "8081", "Endpoint or port of the API and its page, or off."],
        [
            "workers",
            None,
            1,
            "Processes that watch, each its own part of the clients.",
            coerce.workers,
        ],
        ["events", None, None, "Append each event to this file, as a JSON object a line; - is the output."],
    ]
    optFlags = [["log-beats", None, "Log each beat with its time difference."]]

    words: Sequence[str] = ()
    """The command line, as a worker is to have it."""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        self.words = sys.argv[1:] if options is None else list(options)
        super().parseOptions(options)

    def opt_listen(self, text: str) -> None:
        """
        UDP address to listen on, HOST:PORT or [V6]:PORT, or systemd:0 for the first socket that
        systemd holds; may be given more than once.
        """
        if not text.startswith(SYSTEMD):
            super().opt_listen(text)
            return
        try:
            self["listen"].append(held_by_systemd(whole(text.removeprefix(SYSTEMD), 0, 1000)))
        except ValueError as error:
            raise usage.UsageError(f"--listen {text}: {error}") from None

    def postOptions(self) -> None:
        super().postOptions()
        if self["reply"] not in REPLIES:
            raise usage.UsageError(f"--reply is one of {', '.join(REPLIES)}, not {self['reply']!r}")
        if self["workers"] > 1 and any(isinstance(one, socket.socket) for one in self["listen"]):
            raise usage.UsageError("--workers needs sockets of its own: leave it out with --listen systemd:…")
        self["settings"] = (
            config.Settings() if self["config"] is None else coerce.read_config(self["config"], config.parse)
        )
        self["keyring"] = self._keyring(self["settings"])
        try:
            self["store"] = None if self["store"] == "none" else check_url(self["store"])
        except ValueError as error:
            raise usage.UsageError(f"--store {error}") from None
        if self["config"] is not None:  # a daemon may go elsewhere before it is read again
            self["config"] = os.path.abspath(self["config"])
        self["web"] = None if self["web"] == "off" else coerce.tcp_endpoint(self["web"])
        if self["events"] not in (None, "-"):  # a daemon may go elsewhere before it is written
            self["events"] = os.path.abspath(self["events"])

    def read_again(self) -> None:
        """
        Read the files of rules and keys once more; what they said until now holds where they are no good.

        Raises:
            UsageError: they are not.
        """
        if self["config"] is not None:
            settings = coerce.read_config(self["config"], config.parse)
            self["keyring"], self["settings"] = self._keyring(settings), settings

    def _keyring(self, settings: config.Settings) -> Keyring | None:
        """The keys that ``--key-file`` and the settings name; files beside the settings by relative paths."""
        masters = {} if self["key-file"] is None else {1: self["key-file"]}
        folder = os.path.dirname(self["config"] or "")
        try:
            for number, name in settings.keys.items():
                masters[number] = read_key(os.path.join(folder, name))
            return Keyring(masters) if masters else None
        except ValueError as error:
            raise usage.UsageError(f"keys: {error}") from None


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Make the monitor's service; *reactor* None takes the process for its own."""
    daemon = Daemon("netlab-heartbeat", reactor)
    recent = Recent()
    telling = Telling(daemon, options)
    telling.setServiceParent(daemon)  # first, so that it is stopped last
    sink = fan_out([*telling.sinks, recent])
    view: Status | Workers
    if options["workers"] > 1:
        view = _share(daemon, options, sink, recent)
        telling.wait_for(view.ended)
    else:
        view = _watch(daemon, options, sink, recent, calm=reactor is None)
    if options["web"] is not None:
        answers: list[Answer] = [API(view), Admin(view, heartbeat_metrics), page]
        factory = HTTPFactory(daemon.reactor, answers, max_connections=MAX_CONNECTIONS)
        daemon.listen_tcp(options["web"], factory, option="--web")
    store = Nowhere() if options["store"] is None else Store(options["store"])
    if options["store"] is not None or options["workers"] > 1:
        Checkpointer(daemon.reactor, store, view).setServiceParent(daemon)
    if isinstance(view, Workers):
        view.setServiceParent(daemon)  # they begin with what the store has
    return daemon


def _watch(daemon: Daemon, options: Options, sink: Sink, recent: Recent, calm: bool) -> Status:
    """Watch in this process."""
    watching = Watching(daemon.reactor, options, sink, calm=calm)
    status = Status(watching.monitor, recent, watching.tell, read_clocks, daemon.reactor)
    watching.on_stop(status.drain)
    if options["config"] is not None:
        daemon.on_hangup(watching.reload)
    services = [watching.listen(address) for address in options["listen"]]
    for service in services:
        service.setServiceParent(daemon)
    watching.setServiceParent(daemon)
    daemon.announce(
        lambda: _promise([service.address for service in services], watching.monitor.policy.detector),
        lambda: _counts(watching.monitor),
    )
    return status


def _share(daemon: Daemon, options: Options, sink: Sink, recent: Recent) -> Workers:
    """Let workers watch, on sockets that *daemon* holds for them."""
    workers = Workers(
        daemon.reactor,
        options["listen"],
        options["workers"],
        options.words,
        recent,
        lambda events: [sink(event) for event in events],
    )
    daemon.on_hangup(workers.hang_up)
    detector = make_policy(options).detector
    daemon.announce(lambda: f"{_promise(workers.addresses, detector)}, by {options['workers']} workers")
    return workers


def make_policy(options: Options) -> Policy:
    """What holds for all clients: by the options, or else by the file that they name."""
    settings: config.Settings = options["settings"]
    detector = options["detector"] or settings.detector or Fixed(options["timeout"])
    given = {
        "phase": settings.phase,
        "max_clients": settings.max_clients,
        "max_per_source": settings.max_per_source,
    }
    return Policy(
        detector,
        admit_unknown=settings.unknown == "admit",
        reply=options["reply"],
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )


def _promise(addresses: list[Address], detector: Detector) -> str:
    where = " and ".join(map(address_text, addresses))
    if isinstance(detector, Fixed):
        return f"on {where} calls a client stopped after {detector.seconds:g} s of silence"
    return f"on {where}: {detector.promise(Signs(0.0))}"


def _counts(monitor: Monitor) -> str:
    refused = sum(monitor.refused.values())
    return f"{monitor.beats} heartbeats received, {refused} other datagrams refused"


class Telling(Service):
    """Where events go that people and programs are told of: open as long as some may come."""

    def __init__(self, daemon: Daemon, options: Options) -> None:
        beats = bool(options["log-beats"])
        slow: list[Sink] = [LogSink(beats)]
        self._file: LineFile | None = None
        if options["events"] is not None:
            self._file = LineFile(options["events"], f"{daemon.name}: --events")
            daemon.on_hangup(self._file.reopen)
            slow.append(JSONLines(self._file, beats))
        self.sinks = [Paced(one, daemon.reactor, time.monotonic) for one in slow]
        self._before: Deferred[Any] = succeed(None)

    def wait_for(self, ended: Deferred[Any]) -> None:
        """Until then events may come."""
        self._before = ended

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._open()

    def startService(self) -> None:
        super().startService()
        self._open()

    def stopService(self) -> Deferred[Any]:
        super().stopService()
        return self._before.addCallback(lambda ended: self._close())

    def _open(self) -> None:
        if self._file is not None:
            self._file.open()

    def _close(self) -> None:
        for sink in self.sinks:
            sink.close()
        if self._file is not None:
            self._file.close()


class Watching(MultiService):
    """
    A monitor by *options*, whose events go to *sink*, and the ports that it listens on.

    The rest is of a worker, which has a part of the *fleet*: see `Monitor` and `MonitorProtocol`. With
    *calm* the collector of garbage is kept from the clients.
    """

    def __init__(
        self,
        reactor: Any,
        options: Options,
        sink: Sink,
        calm: bool = True,
        fleet: Fleet | None = None,
        owns: Callable[[str | None, Address | None], bool] | None = None,
        pass_on: Callable[[NotOurs, bytes, Instant], object] | None = None,
    ) -> None:
        super().__init__()
        self._reactor = reactor
        self._options = options
        self._sink = sink
        self._pass_on = pass_on
        self._at_stop: list[Callable[[], object]] = []
        self._protocols: list[MonitorProtocol] = []
        self.monitor = Monitor(
            make_policy(options),
            options["keyring"],
            options["settings"].rule,
            bool(options["log-beats"]),
            fleet,
            owns,
        )
        self._judge = Judge(reactor, self.monitor, self.tell)
        if calm:
            Calm(reactor, self.monitor.clients()).setServiceParent(self)

    def listen(self, address: Address | socket.socket) -> UDPService:
        """One more port that beats come to."""
        protocol = MonitorProtocol(
            self._reactor,
            sink=self._sink,
            monitor=self.monitor,
            judge=self._judge,
            pass_on=self._pass_on,
        )
        self._protocols.append(protocol)
        return UDPService(address, protocol, self._reactor, MonitorPort)

    def take(self, datagram: bytes, peer: Address, arrival: Instant) -> None:
        """Take a beat that came to somebody else."""
        self._protocols[0].take([(datagram, peer)], [arrival])

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._sink(event)

    def on_stop(self, call: Callable[[], object]) -> None:
        """Call this first of all when the watching ends."""
        self._at_stop.append(call)

    def reload(self) -> None:
        """Go by what the files of rules and keys say now, or, where they are no good, as before."""
        options = self._options
        try:
            options.read_again()
            policy = make_policy(options)
        except usage.UsageError as error:
            _log.error("{error}; the old rules stay", error=error)
            return
        self.tell(self.monitor.obey(policy, options["keyring"], options["settings"].rule, read_clocks()))
        self._expect()
        _log.info("the rules of {path} hold from now on", path=options["config"])

    def startService(self) -> None:
        super().startService()
        self._expect()

    def _expect(self) -> None:
        for identity, rule in self._options["settings"].expected():
            self.monitor.expect(identity, rule, read_clocks())

    def stopService(self) -> Any:
        for call in self._at_stop:
            call()
        self._judge.stop()
        return super().stopService()


class Calm(Service):
    """
    Keep the collector of garbage from looking at every client again and again.

    With 100,000 of them that takes longer than a beat may wait. What is there is put out of its sight
    (`gc.freeze`) whenever there are a quarter more clients than when that was done last.
    """

    def __init__(self, reactor: Any, clients: Collection[object]) -> None:
        self._clients = clients
        self._frozen = 0
        self._loop = LoopingCall(self._look)
        self._loop.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._loop.start(CALM, now=False)

    def stopService(self) -> None:
        super().stopService()
        self._loop.stop()

    def _look(self) -> None:
        if len(self._clients) > 1.25 * self._frozen + 1000:
            self._frozen = len(self._clients)
            gc.freeze()
