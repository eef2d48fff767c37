"""Which proxy the environment names for a location, with curl's rules."""

import ipaddress
from collections.abc import Mapping

from netlab.http.location import Location, location_of_url


def proxy_for(location: Location, environment: Mapping[str, str]) -> Location | None:
    """
    The proxy that *environment* names, or None.

    ``http_proxy`` is read in lower case only: as ``HTTP_PROXY`` a CGI's client could have set it.

    Raises:
        ValueError: it names something that is no http proxy.
    """
    names = ("https_proxy", "HTTPS_PROXY") if location.secure else ("http_proxy",)
    found = (environment.get(name) for name in (*names, "all_proxy", "ALL_PROXY"))
    text = next(filter(None, found), None)
    spared = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if text is None or _spared(location, spared):
        return None
    try:
        proxy = location_of_url(text if "://" in text else f"http://{text}")
    except ValueError:
        proxy = None
    if proxy is None or proxy.secure:
        raise ValueError(f"the proxy {text!r} of the environment is not one such as http://127.0.0.1:3128")
    return proxy


def _spared(location: Location, spared: str) -> bool:
    host = location.host.lower().rstrip(".")
    for pattern in spared.lower().replace(",", " ").split():
        name, colon, port = pattern.rpartition(":")
        if colon and port.isdigit() and ":" not in name.strip("[]"):
            if int(port) != location.port:
                continue
            pattern = name
        pattern = pattern.strip("[]").lstrip(".")
        if pattern == "*" or host == pattern or host.endswith(f".{pattern}") or _within(host, pattern):
            return True
    return False


def _within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
