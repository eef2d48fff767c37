"""Exchanges as lines of an access log."""

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from netlab.http.dates import log_date
from netlab.http.message import Fields

_UNSAFE = re.compile(r"[^ !#-\[\]-~]")


class Exchange(NamedTuple):
    """One request and what was answered."""

    peer: str  # address, or "-" where the endpoint has none
    connection: int  # which of the server's connections, from 1
    tls: bool
    answered_ns: int  # when the response began: wall clock, nanoseconds since 1970
    seconds: float  # from the request's first octet to the response's last
    method: str  # empty: the request could not be read
    start_line: bytes  # as received, perhaps cut
    fields: Fields
    status: int
    octets: int  # of the body, as far as they were sent


def combined_lines(exchanges: Iterable[Exchange]) -> list[str]:
    """Write exchanges in the Combined Log Format, a line each; what is not plain ASCII is escaped."""
    lines = []
    present, date = -1, ""
    for peer, _, _, answered_ns, _, _, start_line, fields, status, octets in exchanges:
        second = answered_ns // 1_000_000_000
        if second != present:
            present, date = second, log_date(second)
        client = fields.derive(_client)
        lines.append(f'{peer} - - [{date}] "{_quoted(start_line)}" {status} {octets} {client}')
    return lines


def _client(fields: Fields) -> str:
    return f'"{_quoted(fields.get("referer"))}" "{_quoted(fields.get("user-agent"))}"'


def json_lines(exchanges: Iterable[Exchange]) -> list[str]:
    """Write exchanges as JSON objects, a line each: `time` since 1970 and `duration` in seconds."""
    return [
        json.dumps(
            {
                "time": exchange.answered_ns / 1e9,
                "peer": exchange.peer,
                "connection": exchange.connection,
                "tls": exchange.tls,
                "method": exchange.method,
                "request": exchange.start_line.decode("latin-1"),
                "status": exchange.status,
                "octets": exchange.octets,
                "duration": round(exchange.seconds, 6),
                "referer": exchange.fields.get("referer"),
                "agent": exchange.fields.get("user-agent"),
            }
        )
        for exchange in exchanges
    ]


LINES = {"combined": combined_lines, "json": json_lines}


def _quoted(text: str | bytes | None) -> str:
    """Escape what could end the quotes, the line, or the reader's terminal's patience."""
    if not text:
        return "-"
    characters = text if isinstance(text, str) else text.decode("latin-1")
    if characters.isascii() and characters.isprintable() and '"' not in characters and "\\" not in characters:
        return characters
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", characters)
