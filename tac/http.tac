"""netlab-http as an application: ``twistd -ny tac/http.tac``. Its options stand below."""

from pathlib import Path

from twisted.application.service import Application

from netlab.http import tap

options = tap.Options()
options.parseOptions(["--root", str(Path(__file__).parent.parent / "www")])
application = Application("netlab-http")
tap.makeService(options).setServiceParent(application)
