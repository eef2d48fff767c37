"""`twistd netlab-http`: options and wiring of the web server."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger
from twisted.python import usage

from netlab import options as coerce
from netlab.daemon import Daemon, StartRefused
from netlab.http.access import Exchange, combined_line
from netlab.http.factory import HTTPFactory
from netlab.http.files import StaticFiles

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
            "Append one line a request to this file, - for standard output, instead of the daemon's log.",
        ],
    ]
    optFlags = [["once", None, "Answer exactly one request, then stop with status 0."]]

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
        self["listen"] = self["listen"] or [coerce.tcp_endpoint("8080")]


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Make the web server's service; *reactor* None takes the process for its own."""
    daemon = Daemon("netlab-http", reactor)
    access_log = AccessLog(options["access-log"])
    access_log.setServiceParent(daemon)
    factory = HTTPFactory(
        daemon.reactor,
        [StaticFiles(options["root"], options["index"])],
        record=access_log.record,
        once=bool(options["once"]),
    )
    if options["once"]:
        factory.done.addCallback(lambda done: daemon.stop("one request is answered, as --once asks"))
    for endpoint in options["listen"]:
        daemon.listen_tcp(endpoint, factory)
    daemon.announce(f"serves {os.path.realpath(options['root'])} on {' and '.join(options['listen'])}")
    return daemon


class AccessLog(Service):
    """Write one line a request: to a file, to standard output (*path* "-"), or to the daemon's log (None)."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._write: Callable[[str], object] = _log_line
        self._open_file = ExitStack()

    def startService(self) -> None:
        super().startService()
        if self._path is None:
            return
        if self._path == "-":
            stream = sys.__stdout__
        else:
            try:
                log_file = open(self._path, "a", encoding="ascii")  # noqa: SIM115
                stream = self._open_file.enter_context(log_file)
            except OSError as error:
                reason = f"netlab-http: --access-log {self._path}: {error.strerror}"
                raise StartRefused(reason) from error
        self._write = lambda line: print(line, file=stream, flush=True)

    def stopService(self) -> None:
        super().stopService()
        self._write = _log_line
        with suppress(OSError):  # the last line could not be written, which is logged already
            self._open_file.close()

    def record(self, exchange: Exchange) -> None:
        """Write the line of one exchange; where it cannot be written, the exchange goes on."""
        try:
            self._write(combined_line(exchange))
        except OSError as error:  # a full disk, a closed pipe
            _log.error("the access log cannot be written: {error}", error=error)


def _log_line(line: str) -> None:
    _log.info("{line}", line=line)
