"""One exchange as one line of an access log."""

import json
import re
from dataclasses import dataclass

from netlab.http.dates import log_date

_UNSAFE = re.compile(r"[^ !#-\[\]-~]")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what was answered."""

    peer: str  # address, or "-" where the endpoint has none
    connection: int  # which of the server's connections, from 1
    tls: bool
    begun_ns: int  # wall clock, nanoseconds since 1970
    seconds: float  # from the request's first octet to the response's last
    method: str  # empty: the request could not be read
    start_line: bytes  # as received, perhaps cut
    status: int
    octets: int  # of the body, as far as they were sent
    referer: str | None
    agent: str | None


def combined_line(exchange: Exchange) -> str:
    """Write the exchange in the Combined Log Format; what is not plain ASCII is escaped."""
    return (
        f"{exchange.peer} - - [{log_date(exchange.begun_ns // 1_000_000_000)}]"
        f' "{_quoted(exchange.start_line.decode("latin-1"))}" {exchange.status} {exchange.octets}'
        f' "{_quoted(exchange.referer)}" "{_quoted(exchange.agent)}"'
    )


def json_line(exchange: Exchange) -> str:
    """Write the exchange as one JSON object: `time` since 1970 and `duration` in seconds."""
    return json.dumps(
        {
            "time": exchange.begun_ns / 1e9,
            "peer": exchange.peer,
            "connection": exchange.connection,
            "tls": exchange.tls,
            "method": exchange.method,
            "request": exchange.start_line.decode("latin-1"),
            "status": exchange.status,
            "octets": exchange.octets,
            "duration": round(exchange.seconds, 6),
            "referer": exchange.referer,
            "agent": exchange.agent,
        }
    )


LINES = {"combined": combined_line, "json": json_line}


def _quoted(text: str | None) -> str:
    """Escape what could end the quotes, the line, or the reader's terminal's patience."""
    return "-" if not text else _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
