"""`Plan`: what a run of pings is to be, checked, and the prober that follows it."""

import socket
from dataclasses import dataclass, field
from random import Random

from netlab.arguments import Address
from netlab.ping.dialect import UNSYNCHRONISED, Dialect, Echo, Stamp, Text
from netlab.ping.ntp import ErrorEstimate
from netlab.ping.prober import Prober
from netlab.ping.schedule import Periodic, Poisson, Schedule

PROTOCOLS = ("text", "stamp", "echo")
LONGEST = 65_507  # octets of a UDP datagram over IPv4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    A run of pings. The defaults are the course's: ten lines of text, each waiting a second at most.

    Without an *interval* the next ping waits for the last one's fate. *count* None goes on until
    *duration* seconds are over, or for ever. Raises: ValueError: it is no plan.
    """

    protocol: str = "text"  # one of PROTOCOLS
    count: int | None = 10
    timeout: float = 1.0  # seconds
    interval: float | None = None  # seconds between two pings
    poisson: bool = False  # the interval is the mean of an exponential distribution
    duration: float | None = None  # seconds
    size: int = 0  # octets of a ping, where it needs no more
    dscp: int | None = None  # class of service of the pings, and with STAMP of the replies
    ttl: int | None = None
    key: bytes = field(default=b"", repr=False)  # STAMP: authenticate
    options: bool = True  # STAMP: ask for direct measurement and follow-up telemetry (RFC 8972)
    family: int = socket.AF_UNSPEC  # or AF_INET, AF_INET6

    def __post_init__(self) -> None:
        for right, why in (
            (self.protocol in PROTOCOLS, f"the protocol is one of {', '.join(PROTOCOLS)}"),
            (self.count is None or self.count >= 1, "count is at least 1"),
            (self.timeout > 0, "timeout is more than 0 seconds"),
            (self.interval is None or self.interval > 0, "interval is more than 0 seconds"),
            (self.interval is not None or not self.poisson, "a Poisson schedule needs its mean interval"),
            (self.duration is None or self.duration > 0, "duration is more than 0 seconds"),
            (0 <= self.size <= LONGEST, f"size is at most {LONGEST} octets"),
            (self.dscp is None or 0 <= self.dscp <= 63, "DSCP is 0 to 63"),
            (self.ttl is None or 1 <= self.ttl <= 255, "TTL is 1 to 255"),
            (not self.key or self.protocol == "stamp", "only STAMP has a key"),
        ):
            if not right:
                raise ValueError(why)

    def dialect(self, token: int, own_error: ErrorEstimate = UNSYNCHRONISED) -> Dialect:
        """The protocol's; *token*, 64 bits, tells this run's replies from those of others."""
        match self.protocol:
            case "stamp":
                ssid = token & 0xFFFF or 1
                return Stamp(ssid, self.key, self.size, self.options, self.dscp or 0, own_error)
            case "echo":
                return Echo(token, self.size)
            case _:
                return Text(self.size)

    def schedule(self, random: Random) -> Schedule | None:
        """None: stop and wait."""
        if self.interval is None:
            return None
        return Poisson(self.interval, random.expovariate) if self.poisson else Periodic(self.interval)

    def prober(
        self,
        reflector: Address,
        random: Random,
        own_error: ErrorEstimate = UNSYNCHRONISED,
        ssid: int | None = None,
    ) -> Prober:
        """
        A prober that follows the plan.

        *random* gives its token and a Poisson schedule its pauses; *ssid*, 16 bits, ends the token.
        """
        token = random.getrandbits(64)
        dialect = self.dialect(token if ssid is None else token >> 16 << 16 | ssid, own_error)
        schedule = self.schedule(random)
        return Prober(reflector, self.count, self.timeout, dialect, schedule, self.duration, own_error)
