"""The whole laboratory in one process: ``twistd -ny tac/lab.tac``. Each daemon's options stand below."""

from pathlib import Path

from twisted.application.service import Application

from netlab.heartbeat import tap as heartbeat
from netlab.http import tap as http
from netlab.ping import tap as ping

WWW = str(Path(__file__).parent.parent / "www")

application = Application("netlab")
for tap, arguments in (
    (http, ["--root", WWW]),
    (ping, []),
    (heartbeat, ["--log-beats"]),
):
    options = tap.Options()
    options.parseOptions(arguments)
    tap.makeService(options).setServiceParent(application)
