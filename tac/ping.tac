"""netlab-ping as an application: ``twistd -ny tac/ping.tac``. Its options stand below."""

from twisted.application.service import Application

from netlab.ping import tap

options = tap.Options()
options.parseOptions([])
application = Application("netlab-ping")
tap.makeService(options).setServiceParent(application)
