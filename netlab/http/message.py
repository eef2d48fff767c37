"""
HTTP messages as values: fields, request, response, and what an `Answer` is.

Field names and values are text in ISO 8859-1, so that every octet of a peer survives unchanged.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

Derived = TypeVar("Derived")

REASONS = {
    100: "Continue",
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    302: "Found",
    304: "Not Modified",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}

BODILESS = frozenset({204, 304})  # responses that have no body, whatever they are given (RFC 9112 §6.3)

# RFC 9110 §9 and RFC 5789: methods that a file server knows, whether it allows them or not.
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class Fields:
    """An immutable list of field lines, in order; names compare without case (RFC 9110 §5.1)."""

    __slots__ = ("_derived", "_lines")

    def __init__(self, lines: tuple[tuple[str, str], ...] = ()) -> None:
        self._lines = lines
        self._derived: dict[Callable[[Fields], Any], Any] | None = None

    def derive(self, rule: "Callable[[Fields], Derived]") -> "Derived":
        """What *rule*, which depends on nothing else, makes of these fields; it is asked only once."""
        if self._derived is None:
            self._derived = {}
        try:
            derived: Derived = self._derived[rule]
        except KeyError:
            derived = self._derived[rule] = rule(self)
        return derived

    @property
    def by_name(self) -> dict[str, list[str]]:
        """Every value of every field, in order, by its name in lower case; not to be changed."""
        return self.derive(_by_name)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self._lines == other._lines

    def __hash__(self) -> int:
        return hash(self._lines)

    def __repr__(self) -> str:
        return f"Fields({self._lines!r})"

    def all(self, name: str) -> list[str]:
        """Every value of the field *name*, in order."""
        return list(self.by_name.get(name.lower(), ()))

    def get(self, name: str) -> str | None:
        """The field's values joined as one list (RFC 9110 §5.2), or None where it is absent."""
        values = self.by_name.get(name.lower())
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> set[str]:
        """The members of a list of tokens, in lower case: those of ``Connection``, say."""
        values = self.by_name.get(name.lower())
        if not values:
            return set()
        return {token.strip(" \t").lower() for value in values for token in value.split(",")} - {""}


def _by_name(fields: Fields) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name.lower(), []).append(value)
    return values


def _options(fields: Fields) -> set[str]:
    return fields.tokens("connection")


MAX_BODY = 1_048_576  # octets of a request's body, unless its answer asks for more


class Body(Protocol):
    """The body of a request, which arrives only when it is asked for."""

    def read(self, limit: int = MAX_BODY) -> Awaitable[bytes]:
        """
        Read it whole; a client that waits for ``100 Continue`` is told to go on.

        Raises:
            Malformed: 413, it is longer than *limit* octets; 400, it is broken; 408, it is too slow.
        """
        ...


class EmptyBody:
    """The body of a request that has none."""

    async def read(self, limit: int = MAX_BODY) -> bytes:
        return b""


EMPTY_BODY = EmptyBody()


NO_FIELDS = Fields()


class Request(NamedTuple):
    """A request, its head as valid as RFC 9112 asks."""

    method: str
    target: str  # as on the wire: origin, absolute, authority or asterisk form (RFC 9112 §3.2)
    version: tuple[int, int]  # (1, 0) or (1, 1)
    fields: Fields = NO_FIELDS
    body: Body = EMPTY_BODY

    @property
    def persistent(self) -> bool:
        """The client lets the connection go on after the response (RFC 9112 §9.3)."""
        options = self.fields.derive(_options)
        if not options:
            return self.version >= (1, 1)
        return "close" not in options and (self.version >= (1, 1) or "keep-alive" in options)


class OpenFile(Protocol):
    """What a body needs of a file: any file object that has a descriptor gives it."""

    def fileno(self) -> int: ...

    def close(self) -> object: ...


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Octets of an open file, from *start* on; whoever takes the slice closes the file."""

    file: OpenFile
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Response:
    """
    What an `Answer` gives. The server adds ``Date``, ``Server``, ``Content-Length`` and ``Connection``.

    To HEAD the body is described and not sent, so an answer need not ask for the method.
    """

    status: int
    fields: Fields = NO_FIELDS
    body: bytes | FileSlice | tuple[bytes | FileSlice, ...] = b""
    head: bytes = field(default=b"", init=False, repr=False, compare=False)  # where it was prepared

    @property
    def parts(self) -> tuple[bytes | FileSlice, ...]:
        """The body's parts, in order."""
        return self.body if isinstance(self.body, tuple) else (self.body,)

    @property
    def length(self) -> int:
        """Octets of the body."""
        return sum(part.length if isinstance(part, FileSlice) else len(part) for part in self.parts)

    def close(self) -> None:
        """Close the files of a body that is not going to be sent."""
        for part in self.parts:
            if isinstance(part, FileSlice):
                part.file.close()


Answer = Callable[[Request], "Response | Awaitable[Response | None] | None"]
"""What answers a request, at once or later, or says None: not mine."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response as a client reads it."""

    version: tuple[int, int]
    status: int
    reason: str
    fields: Fields

    @property
    def persistent(self) -> bool:
        """The server lets the connection go on after the response (RFC 9112 §9.3)."""
        options = self.fields.tokens("connection")
        return "close" not in options and (self.version >= (1, 1) or "keep-alive" in options)
