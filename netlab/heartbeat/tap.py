"""`twistd netlab-heartbeat`: options and wiring of the monitor."""

from functools import partial
from typing import Any

from netlab import options as coerce
from netlab.arguments import address_text
from netlab.daemon import Daemon
from netlab.heartbeat.server import MonitorProtocol
from netlab.udp import UDPService


class Options(coerce.UDPOptions):
    default_port = 13000
    synopsis = "[options]"
    longdesc = (
        "Watch UDP heartbeats: report every lost one, and every client that stops."
        " Listens on 127.0.0.1:13000."
    )

    optParameters = [
        ["timeout", None, 5.0, "Seconds without a beat until a client has stopped.", coerce.seconds],
    ]
    optFlags = [["log-beats", None, "Log each beat with its time difference."]]


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Make the monitor's service; *reactor* None takes the process for its own."""
    daemon = Daemon("netlab-heartbeat", reactor)
    for address in options["listen"]:
        protocol = MonitorProtocol(daemon.reactor, options["timeout"], log_beats=bool(options["log-beats"]))
        service = UDPService(address, protocol, daemon.reactor)
        service.setServiceParent(daemon)
        daemon.announce(partial(_promise, service, options["timeout"]), protocol.counts_line)
    return daemon


def _promise(service: UDPService, timeout: float) -> str:
    return f"on {address_text(service.address)} calls a client stopped after {timeout:g} s of silence"
