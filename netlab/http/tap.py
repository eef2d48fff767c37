"""`twistd netlab-http`: options and wiring of the web server."""

import os
import re
from decimal import Decimal
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python import usage

from netlab import options as coerce
from netlab.daemon import Daemon, StartRefused
from netlab.http import config
from netlab.http.access import LINES
from netlab.http.admin import Admin
from netlab.http.counters import Counters, Reading
from netlab.http.factory import HTTPFactory
from netlab.http.files import StaticFiles
from netlab.http.log import AccessLog, Journal
from netlab.http.message import Answer
from netlab.http.rules import Rules
from netlab.http.site import Site
from netlab.http.workers import Workers
from netlab.sockets import AdoptingReactor, SharingReactor

MAX_CONNECTIONS = 20_000
_log = Logger()


class Options(usage.Options):
    synopsis = "--root FOLDER [options]"
    longdesc = "Serve the files below a folder over HTTP. Listens on 127.0.0.1:8080."

    optParameters: list[list[Any]] = [
        ["root", None, None, "Folder to serve; nothing outside it ever is."],
        ["index", None, "index.html", "File that stands for its folder."],
        [
            "access-log",
            None,
            None,
            "Append a line a request to this file, or - for standard output; SIGHUP opens it anew.",
        ],
        ["access-log-format", None, "combined", "combined or json."],
        [
            "config",
            None,
            None,
            "TOML file of rules for fields, redirects, passwords and more; SIGHUP reads it.",
        ],
        ["admin", None, None, "Endpoint or port for /healthz and /metrics."],
        ["grace", None, 10.0, "Seconds that transfers under way are given at the end.", coerce.seconds],
        ["workers", None, 1, "Processes that answer requests; 1 is this one alone.", coerce.workers],
    ]
    optFlags: list[list[Any]] = [
        ["once", None, "Answer exactly one request, then stop with status 0."],
        ["listing", None, "List folders that have no index file."],
        ["dotfiles", None, "Serve names that begin with a dot, too."],
        ["follow-symlinks", None, "Serve what symbolic links outside the root lead to, too."],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, text: str) -> None:
        """Twisted endpoint string, or a bare port number for 127.0.0.1; may be given more than once."""
        self["listen"].append(coerce.tcp_endpoint(text))

    def postOptions(self) -> None:
        if self["root"] is None:
            raise usage.UsageError("--root is missing: say which folder to serve, such as --root www")
        if not os.path.isdir(self["root"]):
            raise usage.UsageError(f"--root {self['root']}: there is no such folder")
        if "/" in self["index"] or self["index"] in ("", ".", ".."):
            raise usage.UsageError(f"--index {self['index']!r} is not the name of a file")
        folder = os.path.dirname(self["access-log"] or "") or "."
        if not os.path.isdir(folder):
            raise usage.UsageError(f"--access-log {self['access-log']}: there is no such folder")
        if self["access-log-format"] not in LINES:
            raise usage.UsageError(
                f"--access-log-format is {' or '.join(LINES)}, not {self['access-log-format']!r}"
            )
        if self["workers"] > 1 and self["once"]:
            raise usage.UsageError("--once answers one request: leave out --workers")
        self["rules"] = (
            Rules() if self["config"] is None else coerce.read_config(self["config"], config.parse)
        )
        for name in ("root", "config", "access-log"):  # a daemon may go elsewhere before it uses them
            if self[name] not in (None, "-"):
                self[name] = os.path.abspath(self[name])
        self["listen"] = self["listen"] or [coerce.tcp_endpoint("8080")]
        if self["admin"] is not None:
            self["admin"] = coerce.tcp_endpoint(self["admin"])

    def words(self) -> list[str]:
        """
        The command line of a worker with these options, good in any folder.

        Raises:
            ValueError: there are rules that no --config file brings.
        """
        if self["config"] is None and self["rules"] != Rules():
            raise ValueError("rules reach --workers only by a --config file")
        words = []
        for name, *_ in self.optParameters:
            value = self[name]
            if name in ("root", "config") or (name == "access-log" and value != "-"):
                value = value and os.path.abspath(value)
            if value is not None and name not in ("admin", "workers"):
                words.append(f"--{name}={_text(value)}")
        words += [f"--{name}" for name, *_ in self.optFlags if self[name]]
        # A socket that systemd holds was handed to the parent alone, and is now handed down like any other.
        endpoints = (re.sub(r"\A((?:haproxy:)*)systemd:.*", r"\1tcp:0", text) for text in self["listen"])
        return [*words, *(f"--listen={endpoint}" for endpoint in endpoints)]


def _text(value: object) -> str:
    return format(Decimal(str(value)), "f") if isinstance(value, float) else str(value)


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Make the web server's service; *reactor* None takes the process for its own."""
    daemon = Daemon("netlab-http", reactor)
    make = _share if options["workers"] > 1 else serve
    source = make(daemon, options)
    if options["admin"] is not None:
        daemon.listen_tcp(options["admin"], HTTPFactory(daemon.reactor, [Admin(source)]), option="--admin")
    root, where = os.path.realpath(options["root"]), " and ".join(options["listen"])
    workers = f" with {options['workers']} workers" if options["workers"] > 1 else ""
    daemon.announce(lambda: f"serves {root} on {where}{workers}")
    return daemon


def serve(daemon: Daemon, options: Options, adopting: AdoptingReactor | None = None) -> "Serving":
    """Let *daemon* answer requests: where the options say, or on the sockets that *adopting* has."""
    access_log = AccessLog(options["access-log"], options["access-log-format"])
    counters = Counters()

    journal = Journal(daemon.reactor, [access_log.record, counters.add])
    files = StaticFiles(
        options["root"],
        options["index"],
        list_folders=bool(options["listing"]),
        dotfiles=bool(options["dotfiles"]),
        follow_symlinks=bool(options["follow-symlinks"]),
        asked=lambda: factory.asked,
    )
    answer: Answer = files
    if options["config"] is not None:
        answer = site = Site(files, options["rules"])
        daemon.on_hangup(partial(_reload, site, options["config"]))
    factory = HTTPFactory(
        daemon.reactor,
        [answer],
        record=journal.add,
        refused=counters.refuse,
        once=bool(options["once"]),
        max_connections=daemon.room_for_connections(MAX_CONNECTIONS),
    )
    if options["once"]:
        factory.done.addCallback(lambda done: daemon.stop("one request is answered, as --once asks"))
    serving = Serving(factory, counters, journal, access_log, options["grace"])
    serving.setServiceParent(daemon)
    daemon.on_hangup(serving.begin_log)
    for endpoint in options["listen"]:
        daemon.listen_tcp(endpoint, factory, adopting)
    return serving


def _share(daemon: Daemon, options: Options) -> Workers:
    """Let workers answer requests, on sockets that *daemon* holds for them."""
    try:
        words = options.words()
    except ValueError as error:
        raise StartRefused(f"{daemon.name}: {error}") from error
    _Writable(AccessLog(options["access-log"])).setServiceParent(daemon)
    sharing = SharingReactor(daemon.reactor, options["workers"])
    nobody: Any = Factory.forProtocol(Protocol)  # since nothing is accepted
    nobody.noisy = False
    for endpoint in options["listen"]:
        daemon.listen_tcp(endpoint, nobody, sharing)
    workers = Workers(
        daemon.reactor,
        sharing,
        words,
        count=options["workers"],
        endpoints=len(options["listen"]),
        grace=options["grace"],
    )
    workers.setServiceParent(daemon)
    daemon.on_hangup(workers.hang_up)
    return workers


def _reload(site: Site, path: str) -> None:
    try:
        site.rules = coerce.read_config(path, config.parse)
        _log.info("the rules of {path} hold from now on", path=path)
    except usage.UsageError as error:
        _log.error("{error}; the old rules stay", error=error)


class _Writable(Service):
    """A log that workers will write, tried before they start."""

    def __init__(self, access_log: AccessLog) -> None:
        self._access_log = access_log

    def startService(self) -> None:
        super().startService()
        self._access_log.open()
        self._access_log.close()


class Serving(Service):
    """What has to be open while requests are answered, how it is, and how they come to an end."""

    def __init__(
        self,
        factory: HTTPFactory,
        counters: Counters,
        journal: Journal,
        access_log: AccessLog,
        grace: float,
    ) -> None:
        self._factory = factory
        self._counters = counters
        self._journal = journal
        self._access_log = access_log
        self._grace = grace

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._access_log.open()

    def startService(self) -> None:
        super().startService()
        self._access_log.open()

    def read(self) -> Reading:
        """Everything that is counted, now."""
        self._journal.flush()
        return Reading(self._counters, len(self._factory.connections))

    def begin_log(self) -> None:
        """Open the access log's file anew; requests that have ended stand in the old one."""
        self._journal.flush()
        self._access_log.reopen()

    def state(self) -> str:
        return "draining" if self._factory.draining else "ok"

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._factory.drain(self._grace).addBoth(self._close)

    def _close(self, drained: object) -> None:
        self._journal.close()
        self._access_log.close()
