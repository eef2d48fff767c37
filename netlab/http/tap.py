"""`twistd netlab-http`: options and wiring of the web server."""

import os
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python import usage

from netlab import options as coerce
from netlab.daemon import Daemon
from netlab.http import config
from netlab.http.access import LINES
from netlab.http.admin import Admin
from netlab.http.counters import Counters
from netlab.http.factory import HTTPFactory
from netlab.http.files import StaticFiles
from netlab.http.log import AccessLog, Journal
from netlab.http.message import Answer, Request, Response
from netlab.http.rules import Rules
from netlab.http.site import Site

_log = Logger()


class Options(usage.Options):
    synopsis = "--root FOLDER [options]"
    longdesc = "Serve the files below a folder over HTTP. Listens on 127.0.0.1:8080."

    optParameters = [
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
    ]
    optFlags = [
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
        self["rules"] = Rules() if self["config"] is None else _read_rules(self["config"])
        self["listen"] = self["listen"] or [coerce.tcp_endpoint("8080")]
        if self["admin"] is not None:
            self["admin"] = coerce.tcp_endpoint(self["admin"])


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Make the web server's service; *reactor* None takes the process for its own."""
    daemon = Daemon("netlab-http", reactor)
    access_log = AccessLog(options["access-log"], options["access-log-format"])
    daemon.on_hangup(access_log.reopen)
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
        daemon.reactor, [answer], record=journal.add, refused=counters.refuse, once=bool(options["once"])
    )
    if options["once"]:
        factory.done.addCallback(lambda done: daemon.stop("one request is answered, as --once asks"))
    _Running(factory, journal, access_log, options["grace"]).setServiceParent(daemon)
    for endpoint in options["listen"]:
        daemon.listen_tcp(endpoint, factory)
    if options["admin"] is not None:
        admin = Admin(counters, lambda: len(factory.connections), lambda: not factory.draining)

        def tell(request: Request) -> Response | None:
            journal.flush()
            return admin(request)

        daemon.listen_tcp(options["admin"], HTTPFactory(daemon.reactor, [tell]))
    root, where = os.path.realpath(options["root"]), " and ".join(options["listen"])
    daemon.announce(lambda: f"serves {root} on {where}")
    return daemon


def _read_rules(path: str) -> Rules:
    """Read a file of rules. Raises: UsageError: with file, line and key."""
    try:
        with open(path, encoding="utf-8") as file:
            return config.parse(file.read(), path)
    except (OSError, UnicodeError) as error:
        raise usage.UsageError(f"--config {path}: {getattr(error, 'strerror', None) or error}") from error
    except config.ConfigError as error:
        raise usage.UsageError(str(error)) from error


def _reload(site: Site, path: str) -> None:
    try:
        site.rules = _read_rules(path)
        _log.info("the rules of {path} hold from now on", path=path)
    except usage.UsageError as error:
        _log.error("{error}; the old rules stay", error=error)


class _Running(Service):
    """What has to be open while requests are answered, and how they come to an end."""

    def __init__(self, factory: HTTPFactory, journal: Journal, access_log: AccessLog, grace: float) -> None:
        self._factory = factory
        self._journal = journal
        self._access_log = access_log
        self._grace = grace

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._access_log.open()

    def startService(self) -> None:
        super().startService()
        self._access_log.open()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return self._factory.drain(self._grace).addBoth(self._close)

    def _close(self, drained: object) -> None:
        self._journal.close()
        self._access_log.close()
