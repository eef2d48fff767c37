"""`twistd netlab-heartbeat`: options and wiring of the monitor."""

import gc
import os
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.python import usage

from netlab import options as coerce
from netlab.arguments import Address, address_text, whole
from netlab.clocks import read_clocks
from netlab.daemon import Daemon
from netlab.heartbeat import config
from netlab.heartbeat.checkpoint import Checkpointer
from netlab.heartbeat.detector import Detector, Fixed, Signs, make_detector
from netlab.heartbeat.events import Event
from netlab.heartbeat.judge import Judge
from netlab.heartbeat.metrics import heartbeat_metrics
from netlab.heartbeat.monitor import REPLIES, Monitor, Policy
from netlab.heartbeat.page import page
from netlab.heartbeat.server import MonitorPort, MonitorProtocol
from netlab.heartbeat.signing import Keyring
from netlab.heartbeat.sinks import JSONLines, LogSink, Paced, Recent, Sink, fan_out
from netlab.heartbeat.status import Status
from netlab.heartbeat.store import Store, check_url
from netlab.heartbeat.web import API
from netlab.http.admin import Admin
from netlab.http.factory import HTTPFactory
from netlab.http.message import Answer
from netlab.keys import read_key
from netlab.lines import LineFile
from netlab.sockets import held_by_systemd
from netlab.udp import UDPService

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
        ["events", None, None, "Append each event to this file, as a JSON object a line; - is the output."],
    ]
    optFlags = [["log-beats", None, "Log each beat with its time difference."]]

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
        self["settings"] = (
            config.Settings() if self["config"] is None else coerce.read_config(self["config"], config.parse)
        )
        self["keyring"] = self._keyring(self["settings"])
        try:
            self["store"] = None if self["store"] == "none" else check_url(self["store"])
        except ValueError as error:
            raise usage.UsageError(f"--store {error}") from None
        self["web"] = None if self["web"] == "off" else coerce.tcp_endpoint(self["web"])
        if self["events"] not in (None, "-"):  # a daemon may go elsewhere before it is written
            self["events"] = os.path.abspath(self["events"])

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
    beats = bool(options["log-beats"])
    policy = make_policy(options)
    settings: config.Settings = options["settings"]
    monitor = Monitor(policy, options["keyring"], settings.rule, wants_beats=beats)

    recent = Recent()
    slow: list[Sink] = [LogSink(beats)]
    if options["events"] is not None:
        file = LineFile(options["events"], f"{daemon.name}: --events")
        daemon.on_hangup(file.reopen)
        slow.append(JSONLines(file, beats))
        _Open(file).setServiceParent(daemon)
    paced = [Paced(one, daemon.reactor, time.monotonic) for one in slow]
    sink = fan_out([*paced, recent])

    def tell(events: Iterable[Event]) -> None:
        for event in events:
            sink(event)

    status = Status(monitor, recent, tell, read_clocks, daemon.reactor)
    protocols: list[MonitorProtocol] = []
    services: list[UDPService] = []
    judge = Judge(daemon.reactor, monitor, tell)
    for address in options["listen"]:
        protocols.append(MonitorProtocol(daemon.reactor, sink=sink, monitor=monitor, judge=judge))
        services.append(UDPService(address, protocols[-1], daemon.reactor, MonitorPort))
        services[-1].setServiceParent(daemon)
    if options["web"] is not None:
        answers: list[Answer] = [API(status), Admin(status, heartbeat_metrics), page]
        factory = HTTPFactory(daemon.reactor, answers, max_connections=MAX_CONNECTIONS)
        daemon.listen_tcp(options["web"], factory, option="--web")
    if options["store"] is not None:
        Checkpointer(daemon.reactor, Store(options["store"]), status).setServiceParent(daemon)
    _Watch(monitor, settings, status, judge, paced).setServiceParent(daemon)
    if reactor is None:
        Calm(daemon.reactor, monitor.clients()).setServiceParent(daemon)
    daemon.announce(
        lambda: _promise([service.address for service in services], policy.detector),
        lambda: _counts(monitor, protocols),
    )
    return daemon


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


def _counts(monitor: Monitor, protocols: list[MonitorProtocol]) -> str:
    refused = sum(protocol.rejected for protocol in protocols)
    return f"{monitor.beats} heartbeats received, {refused} other datagrams refused"


class _Open(Service):
    """A file that is open while events may come."""

    def __init__(self, file: LineFile) -> None:
        self._file = file

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._file.open()

    def startService(self) -> None:
        super().startService()
        self._file.open()

    def stopService(self) -> None:
        super().stopService()
        self._file.close()


class _Watch(Service):
    """What begins with the watching, and ends with it."""

    def __init__(
        self,
        monitor: Monitor,
        settings: config.Settings,
        status: Status,
        judge: Judge,
        paced: Sequence[Paced],
    ) -> None:
        self._monitor = monitor
        self._settings = settings
        self._status = status
        self._judge = judge
        self._paced = paced

    def startService(self) -> None:
        super().startService()
        for identity, rule in self._settings.expected():
            self._monitor.expect(identity, rule, read_clocks())

    def stopService(self) -> None:
        super().stopService()
        self._status.draining = True
        self._judge.stop()
        for sink in self._paced:
            sink.close()


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
