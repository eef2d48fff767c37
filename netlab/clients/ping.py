"""``netlab ping``: the course's UDP pinger."""

import json
from typing import Any

from netlab.clients.running import DID_NOT_WORK, WORKED, complain
from netlab.ping.client import Pinger
from netlab.ping.prober import Sample
from netlab.ping.report import sample_line, sample_values, summary_lines, summary_values


async def ping(reactor: Any, host: str, port: int, count: int, timeout: float, as_json: bool) -> int:
    """Print what becomes of *count* pings, then the summary; the exit status."""

    def each(sample: Sample) -> None:
        print(json.dumps(sample_values(sample)) if as_json else sample_line(sample), flush=True)

    summary = await Pinger(reactor).ping(host, port, count, timeout, each)
    print(json.dumps(summary_values(summary)) if as_json else "\n" + summary_lines(summary), flush=True)
    if summary.received:
        return WORKED
    complain(f"no reply from {host} in time: {summary.sent} of {summary.sent} pings were lost")
    return DID_NOT_WORK
