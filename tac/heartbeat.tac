"""netlab-heartbeat as an application: ``twistd -ny tac/heartbeat.tac``. Its options stand below."""

from twisted.application.service import Application

from netlab.heartbeat import tap

options = tap.Options()
options.parseOptions([])
application = Application("netlab-heartbeat")
tap.makeService(options).setServiceParent(application)
