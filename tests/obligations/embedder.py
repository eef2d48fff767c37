"""
A program with our server in it: an echo on ``/``, the files of a folder elsewhere.

Run as ``python -m tests.obligations.embedder ROOT``; with ``--quick`` every deadline is short.
"""

import argparse

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint

from netlab.http import Deadlines, HTTPFactory, Request, Response, StaticFiles

QUICK = Deadlines(idle=1.0, head=0.5, body=0.5, stall=1.0, linger=0.5)


async def echo(request: Request) -> Response | None:
    """Answer ``/`` with what the request brought."""
    if request.target != "/":
        return None
    return Response(200, body=await request.body.read())


def main() -> None:
    """Serve on a port of the system's choice, and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    deadlines = QUICK if options.quick else Deadlines()
    factory = HTTPFactory(reactor, [echo, StaticFiles(options.root)], deadlines=deadlines)
    listening = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
    listening.addCallback(lambda port: print(f"echo starting on {port.getHost().port}", flush=True))
    reactor.run()


if __name__ == "__main__":
    main()
