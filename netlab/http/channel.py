"""
What the parent of web workers and a worker tell each other: one JSON object a line.

    parent -> worker   {"ask": 7}
    worker -> parent   {"answers": 7, "connections": 3, "counters": {...}}

A worker reports each second, and then ``answers`` is null, and whenever it is asked. What the
counters are is told in `netlab.http.counters`.
"""

import json
from dataclasses import dataclass
from typing import Any

from netlab.channel import MAX_LINE, Lines
from netlab.errors import WireError

__all__ = ["MAX_LINE", "Lines", "Report", "decode_ask", "decode_report", "encode_ask", "encode_report"]


@dataclass(frozen=True, slots=True)
class Report:
    """How a worker is."""

    answers: int | None  # number of the question; None: nobody asked
    connections: int  # open now
    counters: dict[str, Any]


def encode_ask(number: int) -> bytes:
    """Write the question of that number; `decode_ask` is the inverse."""
    return _line({"ask": number})


def decode_ask(line: bytes) -> int:
    """Read a question's number. Raises: WireError: it is none."""
    return _natural(_object(line, {"ask"})["ask"])


def encode_report(report: Report) -> bytes:
    """Write a report; `decode_report` is the inverse."""
    return _line({"answers": report.answers, "connections": report.connections, "counters": report.counters})


def decode_report(line: bytes) -> Report:
    """Read a report, whose counters may still be anything. Raises: WireError: it is none."""
    told = _object(line, {"answers", "connections", "counters"})
    answers = told["answers"]
    if not isinstance(told["counters"], dict):
        raise WireError("counters are an object")
    return Report(
        None if answers is None else _natural(answers), _natural(told["connections"]), told["counters"]
    )


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def _object(line: bytes, keys: set[str]) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from None
    if not isinstance(told, dict) or set(told) != keys:
        raise WireError(f"not an object of {', '.join(sorted(keys))}")
    return told


def _natural(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise WireError("not a whole number from 0")
    return value
