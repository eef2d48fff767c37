"""
What a user writes on a command line, read: seconds, probabilities, counts, addresses.

Each function raises `ValueError`, and nothing else, with a line that says what was expected.
"""

import ipaddress
import re

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})")
_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}")

Address = tuple[str, int]  # the text of an IP address, and a port


def seconds(text: str) -> float:
    """Read a duration: more than nothing, at most a year."""
    value = _number(text)
    if value is None or not 0 < value <= 366 * 86400:
        raise ValueError(f"{text!r} is not a number of seconds above 0, such as 5 or 0.2")
    return value


def probability(text: str) -> float:
    """Read a probability between 0 and 1."""
    value = _number(text)
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"{text!r} is not a probability between 0 and 1, such as 0.3")
    return value


def share(text: str) -> float:
    """Read a share of a whole: a percentage such as ``1%``, or a probability such as ``0.01``."""
    if not text.endswith("%"):
        return probability(text)
    value = _number(text[:-1])
    if value is None or value > 100:
        raise ValueError(f"{text!r} is not a percentage from 0% to 100%, such as 1%")
    return value / 100


def duration(text: str) -> float:
    """Read a duration with its unit, ``20ms``, ``500us`` or ``1.5s``, in seconds; without one, seconds."""
    unit = next(unit for unit in ("ms", "us", "s", "") if text.endswith(unit))
    value = _number(text.removesuffix(unit))
    seconds = 0.0 if value is None else value * {"ms": 1e-3, "us": 1e-6}.get(unit, 1.0)
    if not 0 < seconds <= 366 * 86400:
        raise ValueError(f"{text!r} is not a duration above 0, such as 20ms or 1.5s")
    return seconds


def host_port(text: str, default_port: int) -> tuple[str, int]:
    """Read ``HOST``, ``HOST:PORT``, ``[V6]`` or ``[V6]:PORT``, where HOST may be a name."""
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::([0-9]{1,5}))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not HOST, HOST:PORT or [V6]:PORT")
    return match[1] or match[2], default_port if match[3] is None else port(match[3])


def whole(text: str, low: int = 0, high: int = 2**63 - 1) -> int:
    """Read a whole number of *low* to *high*."""
    value = int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else None
    if value is None or not low <= value <= high:
        raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
    return value


def port(text: str) -> int:
    """Read the number of a port that one can send to."""
    return whole(text, 1, 65535)


def udp_address(text: str) -> Address:
    """
    Read ``HOST:PORT`` or ``[V6]:PORT``, where HOST is an IP address; port 0 lets the system choose.

    ``localhost`` stands for 127.0.0.1, an empty host for every IPv4 address of the machine.
    """
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT or [V6]:PORT, such as 127.0.0.1:12000")
    host = match["v6"] if match["v6"] is not None else match["host"]
    host = {"localhost": "127.0.0.1", "": "0.0.0.0"}.get(host, host)
    version = 6 if match["v6"] is not None else 4
    try:
        if ipaddress.ip_address(host).version != version:
            raise ValueError
    except ValueError:
        raise ValueError(f"{host!r} in {text!r} is not an IPv{version} address") from None
    return host, int(match["port"])


def address_text(address: Address) -> str:
    """Write an address as `udp_address` reads it."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _number(text: str) -> float | None:
    return float(text) if _DECIMAL.fullmatch(text) else None
