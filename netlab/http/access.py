"""One exchange as one line of an access log."""

import json
import re
from functools import lru_cache
from typing import NamedTuple

from netlab.http.dates import log_date
from netlab.http.message import Fields

_UNSAFE = re.compile(r"[^ !#-\[\]-~]")

_date = lru_cache(16)(log_date)  # one for each second


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


def combined_line(exchange: Exchange) -> str:
    """Write the exchange in the Combined Log Format; what is not plain ASCII is escaped."""
    peer, _, _, answered_ns, _, _, start_line, fields, status, octets = exchange
    date = _date(answered_ns // 1_000_000_000)
    return f'{peer} - - [{date}] "{_quoted(start_line)}" {status} {octets} {fields.derive(_client)}'


def _client(fields: Fields) -> str:
    return f'"{_quoted(fields.get("referer"))}" "{_quoted(fields.get("user-agent"))}"'


def json_line(exchange: Exchange) -> str:
    """Write the exchange as one JSON object: `time` since 1970 and `duration` in seconds."""
    return json.dumps(
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


LINES = {"combined": combined_line, "json": json_line}


@lru_cache(1_024)
def _escaped(text: str | bytes) -> str:
    characters = text if isinstance(text, str) else text.decode("latin-1")
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", characters)


def _quoted(text: str | bytes | None) -> str:
    """Escape what could end the quotes, the line, or the reader's terminal's patience."""
    if not text:
        return "-"
    return _escaped(text) if len(text) <= 256 else _escaped.__wrapped__(text)
