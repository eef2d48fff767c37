"""Kernel stamps on each of Twisted's reactors for Linux: a waiting stamp closes no port on any of them."""

import json
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, run

PROGRAM = """
import json

from twisted.internet import {name}reactor

{name}reactor.install()

from twisted.internet import reactor, task

from netlab.ping import Pinger, Plan, ReflectorProtocol
from netlab.stamps import StampedPort


async def main(reactor):
    port = StampedPort(0, ReflectorProtocol(), "127.0.0.1", reactor)
    port.startListening()
    plan = Plan(protocol="stamp", count=20, interval=0.01)
    report = await Pinger(reactor).run("127.0.0.1", port.getHost().port, plan)
    await port.stopListening()
    print(json.dumps([type(reactor).__name__, report.received, report.kernel_sent, report.followed_up]))


task.react(main)
"""


@pytest.mark.parametrize("name", ["epoll", "poll", "select", "asyncio"])
def test_reactor(name: str, tmp_path: Path) -> None:
    """Every ping comes back, and the kernel's stamps with it."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(name=name))
    done = run(sys.executable, program, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    reactor, received, kernel_sent, followed_up = json.loads(done.stdout)
    assert name in reactor.lower()
    assert received == 20
    assert kernel_sent >= 15
    assert followed_up >= 15
