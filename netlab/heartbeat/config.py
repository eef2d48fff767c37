"""
A TOML file becomes the `Settings` of a monitor, or one line that says what is wrong with it, and where.

Its tables are told at the end, as readers (see `netlab.toml`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from re import Pattern
from typing import Any

from netlab import toml
from netlab.arguments import Address
from netlab.heartbeat.client import PHASES, ClientRule
from netlab.heartbeat.detector import Detector, make_detector
from netlab.toml import STRING, Refused, each, is_a, like, mapping, table

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Named:
    """The rule of those clients whose identity or address it names."""

    rule: ClientRule
    identity: Pattern[str] | None = None
    network: Network | None = None
    expected: str | None = None  # the identity, where it names a single one

    def covers(self, identity: str | None, address: Address) -> bool:
        """It names that client: by both, where it has both."""
        if self.identity is not None and (identity is None or not self.identity.fullmatch(identity)):
            return False
        return self.network is None or ip_address(address[0].partition("%")[0]) in self.network


@dataclass(frozen=True, slots=True)
class Settings:
    """What the owner of a monitor wants; None: what its options say, or what the monitor is made with."""

    unknown: str = "admit"
    phase: str | None = None
    detector: Detector | None = None
    max_clients: int | None = None
    max_per_source: int | None = None
    keys: Mapping[int, str] = field(default_factory=dict)  # files, by the number of the key
    clients: tuple[Named, ...] = ()

    def expected(self) -> Iterator[tuple[str, ClientRule]]:
        """Identities that are named one by one, so that they are missed if they are never heard."""
        return ((named.expected, named.rule) for named in self.clients if named.expected is not None)

    def rule(self, identity: str | None, address: Address) -> ClientRule | None:
        """The first rule that covers a client; None: it is unknown."""
        return next((named.rule for named in self.clients if named.covers(identity, address)), None)


def parse(text: str, name: str) -> Settings:
    """
    Read the settings in *text*, which is the content of the file *name*.

    Raises:
        ConfigError: ``name:line: key: why``.
    """
    settings: Settings = toml.parse(text, name, _FILE)
    return settings


def _detector(value: Any) -> Detector:
    return make_detector(STRING(value))


def _network(value: Any) -> Network:
    try:
        return ip_network(STRING(value))
    except ValueError:
        raise ValueError("is neither an IP address nor a network such as 192.0.2.0/24") from None


def _named(**keys: Any) -> Named:
    glob, network = keys.pop("id", None), keys.pop("address", None)
    if glob is None and network is None:
        raise Refused("is missing: say which clients by id, address or both", "id")
    identity = None if glob is None else re.compile(translate(glob))
    single = glob if network is None and not set(glob) & set("*?[") else None
    return Named(ClientRule(**keys), identity, network, single)


def _key_number(value: Any) -> int:
    return int(_KEY_NUMBER(value))


_KEY_NUMBER = is_a(str, "the number of a key, from 0 to 999999999", like("0|[1-9][0-9]{0,8}"))
_BOOLEAN = is_a(bool, "true or false")
_COUNT = is_a(int, "a whole number above 0", range(1, 10**7 + 1).__contains__)
_ID = is_a(str, "an identity, or a pattern of some such as web-*", like(r"[^\s\0-\x1f\x7f]{1,200}"))
_PHASE = is_a(str, f"one of {', '.join(PHASES)}", PHASES.__contains__)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value <= 366 * 86400:
        raise ValueError("is not a number of seconds above 0")
    return float(value)


_FILE = table(
    lambda client=(), **keys: Settings(clients=client, **keys),
    {},
    {
        "unknown": is_a(str, "admit or refuse", ("admit", "refuse").__contains__),
        "phase": _PHASE,
        "detector": _detector,
        "max-clients": _COUNT,
        "max-per-source": _COUNT,
        "keys": mapping(_key_number, STRING),
        "client": each(
            table(
                _named,
                {},
                {
                    "id": _ID,
                    "address": _network,
                    "detector": _detector,
                    "interval": _seconds,
                    "phase": _PHASE,
                    "maintenance": _BOOLEAN,
                    "paused": _BOOLEAN,
                },
            )
        ),
    },
)
