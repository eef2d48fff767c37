"""
The socket laboratory of a networking course, built as daemons one would really deploy.

`netlab.http` is a web server and its client, `netlab.ping` a UDP ping reflector and its prober,
`netlab.heartbeat` a UDP heartbeat monitor and its sender. In each, octets become values (wire),
values meet rules (logic), and Twisted only carries (adapters).
"""
