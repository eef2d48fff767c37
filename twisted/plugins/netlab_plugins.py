"""The three daemons, for twistd and twist. Imported by every twistd, so it imports nothing else."""

from twisted.application.service import ServiceMaker

netlabHTTP = ServiceMaker("netlab http", "netlab.http.tap", "Serve a folder over HTTP.", "netlab-http")
netlabPing = ServiceMaker("netlab ping", "netlab.ping.tap", "Answer UDP pings.", "netlab-ping")
netlabHeartbeat = ServiceMaker(
    "netlab heartbeat", "netlab.heartbeat.tap", "Watch UDP heartbeats.", "netlab-heartbeat"
)
