"""`twistd netlab-ping`: options and wiring of the reflector."""

import itertools
import random
from functools import partial
from typing import Any

from twisted.python import usage

from netlab import options as coerce
from netlab.arguments import address_text
from netlab.daemon import Daemon
from netlab.keys import read_key
from netlab.ping.impair import Impairment
from netlab.ping.reflector import REPLIES
from netlab.ping.server import ReflectorProtocol
from netlab.ping.stamping import StampReflector
from netlab.stamps import StampedPort
from netlab.udp import UDPService

key_file = coerce.coercer(read_key)


class Options(coerce.UDPOptions):
    default_port = 12000
    synopsis = "[options]"
    longdesc = (
        "Answer UDP pings, the course's text and STAMP (RFC 8762) on one port, and lose some on purpose,"
        " as the course's server does. Listens on 127.0.0.1:12000."
    )

    optParameters = [
        ["loss", None, 0.3, "Share of pings to lose on purpose, 0 to 1; 0 loses none.", coerce.probability],
        ["seed", None, None, "Lose the same pings in every run: a whole number.", coerce.seed],
        ["key-file", None, None, "Answer only STAMP that is signed with the key in this file.", key_file],
        ["reply", None, "pong", "Answer with pong (Pong 3 T), upper (capitals) or echo (the same octets)."],
    ]

    optFlags = [
        ["stateless", None, "STAMP: copy the sender's numbers instead of counting sessions."],
        ["answer-short", None, "TWAMP-Light: answer 14 to 40 octets with 44; not for an open network."],
    ]

    def postOptions(self) -> None:
        super().postOptions()
        if self["reply"] not in REPLIES:
            raise usage.UsageError(f"--reply is one of {', '.join(REPLIES)}, not {self['reply']!r}")


def makeService(options: Options, reactor: Any = None) -> Daemon:
    """Make the reflector's service; *reactor* None takes the process for its own."""
    daemon = Daemon("netlab-ping", reactor)
    seed = options["seed"]
    drawn = random.SystemRandom().randrange(2**32) if seed is None else seed
    for address in options["listen"]:
        # With --seed every client meets the same losses; without, each meets others.
        seeds = itertools.count(drawn) if seed is None else itertools.repeat(drawn)
        stamp = StampReflector(
            options["key-file"] or b"", not options["stateless"], bool(options["answer-short"])
        )
        impairment = Impairment(options["loss"], seeds)
        protocol = ReflectorProtocol(options["reply"], impairment, daemon.reactor, stamp=stamp)
        service = UDPService(address, protocol, daemon.reactor, StampedPort)
        service.setServiceParent(daemon)
        promise = partial(_promise, service, options["loss"], drawn)
        daemon.announce(promise, protocol.counts_line)
    return daemon


def _promise(service: UDPService, loss: float, seed: int) -> str:
    where = f"on {address_text(service.address)}"
    if loss == 0:
        return f"{where} answers every ping"
    repeat = f"seed {seed}; --seed {seed} repeats it, --loss 0 drops none"
    return f"{where} drops {loss:.1%} of all pings on purpose, at random ({repeat})"
