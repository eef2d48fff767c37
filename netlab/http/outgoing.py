"""A request as a client sends it, and what of it goes along when a redirect is followed (RFC 9110 §15.4)."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from netlab.errors import BadRedirect
from netlab.http.location import Location
from netlab.http.message import ResponseHead

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})  # RFC 9110 §9.2.2

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECRETS = frozenset({"authorization", "cookie", "proxy-authorization"})
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-length"})

Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Redirects:
    """Which redirects to follow."""

    limit: int = 10
    downgrade: bool = False  # from https to http as well


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request for what is at *location*; the fields are the caller's own."""

    method: str
    location: Location
    fields: Lines = ()
    body: bytes = b""

    def lines(self, offered: str | None = None) -> Lines:
        """Every field line to send: the caller's, and before them those that he left to us."""
        given = {name.lower() for name, _ in self.fields}
        ours = [("Host", self.location.authority), ("User-Agent", "netlab"), ("Accept", "*/*")]
        if offered:
            ours.append(("Accept-Encoding", offered))
        if self.location.userinfo is not None:
            ours.append(("Authorization", basic(self.location.userinfo)))
        if self.body or self.method in ("POST", "PUT", "PATCH"):  # RFC 9110 §8.6
            ours.append(("Content-Length", str(len(self.body))))
        return (*((name, value) for name, value in ours if name.lower() not in given), *self.fields)

    def redirected(self, head: ResponseHead, policy: Redirects) -> "Outgoing | None":
        """
        The request that follows the redirect *head*; None where it is no redirect.

        Raises:
            BadRedirect: it leads nowhere that one may go.
        """
        reference = head.fields.get("location")
        if head.status not in _REDIRECTS or reference is None:
            return None
        try:
            location = self.location.resolve(reference)
        except ValueError:
            raise BadRedirect(f"{head.status} leads to {reference!r}, which is no http URL") from None
        if self.location.secure and not location.secure and not policy.downgrade:
            raise BadRedirect(f"{head.status} leads from https to {location.url}, which is not encrypted")
        fields = self.fields
        if location.origin != self.location.origin:
            fields = without(fields, _SECRETS | {"host"})
        elif location.userinfo is None:
            location = replace(location, userinfo=self.location.userinfo)
        becomes_get = (head.status == 303 and self.method != "HEAD") or (
            head.status in (301, 302) and self.method == "POST"
        )
        if becomes_get:
            return Outgoing("GET", location, without(fields, _OF_THE_BODY))
        return replace(self, location=location, fields=fields)


def without(fields: Iterable[tuple[str, str]], names: frozenset[str]) -> Lines:
    """The fields but for those with one of the *names*, which are in lower case."""
    return tuple((name, value) for name, value in fields if name.lower() not in names)


def basic(userinfo: str) -> str:
    """The credentials of a URL's user part (RFC 7617)."""
    return "Basic " + base64.b64encode(unquote_to_bytes(userinfo)).decode("ascii")
