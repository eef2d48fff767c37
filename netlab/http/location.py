"""Where a resource is: URLs and references between them (RFC 3986); the course's host, port and name."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin, urlsplit

from netlab.arguments import address_text

# What a request target may hold (RFC 3986 §3.3, §3.4); a percent sign is kept, as part of %C3 and the like.
_TARGET_CHARACTERS = "/?:@!$&'()*+,;=-._~%[]"
_LONELY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"[0-9A-Za-z\-._~:%\x80-\U0010ffff]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Location:
    """Where a resource is."""

    host: str
    port: int
    target: str  # begins with a slash
    secure: bool = False
    userinfo: str | None = field(default=None, repr=False)  # name:password, percent-decoded by nobody yet

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        if self.port == _PORTS["https" if self.secure else "http"]:
            return f"[{self.host}]" if ":" in self.host else self.host
        return address_text((self.host, self.port))

    @property
    def address(self) -> str:
        """Host and port, as a line for a user names them."""
        return address_text((self.host, self.port))

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What has to be the same for credentials to go along (RFC 9110 §4.3.1)."""
        return self.secure, self.host.lower(), self.port

    @property
    def url(self) -> str:
        """The location as a URL, without the user's name and password."""
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.target}"

    def resolve(self, reference: str) -> "Location":
        """
        The location that a reference within this one means.

        Raises:
            ValueError: that is no http or https URL.
        """
        return location_of_url(urljoin(self.url, reference.encode("latin-1").decode("utf-8", "replace")))


def location_of_file(host: str, port: int, name: str) -> Location:
    """A file on a server; what may not stand in a target is percent-encoded. Raises: ValueError: no host."""
    return Location(_host(host), port, "/" + _quoted(name.lstrip("/")))


def location_of_url(url: str) -> Location:
    """Read an http or https URL. Raises: ValueError: it is none."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise ValueError(f"{url!r} is not a URL such as http://127.0.0.1:8080/index.html")
    target = parts.path or "/"
    if parts.query:
        target += "?" + parts.query
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    userinfo = parts.netloc.rpartition("@")[0] or None
    return Location(_host(parts.hostname), port, _quoted(target), parts.scheme == "https", userinfo)


def _host(name: str) -> str:
    """A host's name as it is looked up and sent (RFC 3490). Raises: ValueError: there is none such."""
    try:
        host = name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    fits = ":" in host or all(0 < len(label) < 64 for label in host.removesuffix(".").split("."))
    if not fits or len(host) > 254:
        raise ValueError(f"{name!r} names no host that there can be")
    return host


def _quoted(text: str) -> str:
    """Percent-encode what may not stand in a target, and a percent sign that encodes nothing."""
    return quote(_LONELY_PERCENT.sub("%25", text), safe=_TARGET_CHARACTERS)
