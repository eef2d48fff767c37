"""What was measured, as tables for people and as JSON."""

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from . import cores
from .cases import MIB, SPARED, Case
from .measure import Figures


@dataclass
class Results:
    """Everything one run of the benchmark found; the keys of rounds and failures are case and server."""

    cases: Sequence[Case]
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)  # of the servers that ran
    absent: dict[str, str] = field(default_factory=dict)  # why a server did not
    broken: dict[str, str] = field(default_factory=dict)  # of the absent, those that did not start
    rounds: dict[tuple[str, str], list[Figures]] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def median(self, case: str, server: str) -> Figures | None:
        """The medians of all rounds; None where a round failed or none ran."""
        figures = self.rounds.get((case, server))
        if not figures or (case, server) in self.failures:
            return None
        return Figures(
            **{f.name: statistics.median(getattr(one, f.name) for one in figures) for f in fields(Figures)}
        )


def machine() -> dict[str, str]:
    """Name the machine: two runs on different ones must not be compared."""
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "pinned": f"server on core {cores.SERVER}, load on core {cores.LOAD}",
        "kernel": platform.release(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def as_json(results: Results) -> dict[str, Any]:
    """Every round, every median, every version; a figure that a case does not have is null."""
    measured = []
    for key in sorted(results.rounds.keys() | results.failures.keys()):
        median = results.median(*key)
        measured.append(
            {
                "case": key[0],
                "server": key[1],
                "median": _plain(median) if median else None,
                "rounds": [_plain(one) for one in results.rounds.get(key, [])],
                "failure": results.failures.get(key),
            }
        )
    return {
        "machine": machine(),
        "seconds": results.seconds,
        "versions": results.versions,
        "absent": results.absent,
        "cases": [asdict(case) for case in results.cases],
        "measurements": measured,
    }


def _plain(figures: Figures) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in asdict(figures).items()}


def text(results: Results, markdown: bool) -> str:
    """All tables, each at most 110 columns wide."""
    show = _markdown if markdown else _aligned
    parts = [
        "\n".join(
            [
                *(f"{name}: {value}" for name, value in machine().items()),
                *(f"{name}: {value}" for name, value in results.versions.items()),
                *(f"{name}: {reason}" for name, reason in results.absent.items()),
            ]
        )
    ]
    if markdown:
        parts = ["\n".join(f"- {line}" for line in parts[0].splitlines())]
    for case in results.cases:
        parts.append(f"### {case.promise}" if markdown else f"{case.name}: {case.promise}")
        parts.append(show(_figures(results, case)))
    ratios = _ratios(results)
    for title, rows in ratios:
        if len(rows) > 1:
            parts.append(f"### {title}" if markdown else title)
            parts.append(show(rows))
    return "\n\n".join(parts)


def _figures(results: Results, case: Case) -> list[list[str]]:
    unit = "CPU us/MiB" if case.by_octets else "CPU us/req"
    rows = [["", "req/s", "MiB/s", "p50 ms", "p99 ms", unit, "resident MiB"]]
    if case.idle:
        rows[0] += ["octets/idle", "CPU x", "req/s x"]
    for server in [*results.versions, *results.absent]:
        figures = results.median(case.name, server)
        if figures is None:
            rows.append([server, _reason(results, case.name, server)])
            continue
        cpu = figures.cpu_us_per_mib if case.by_octets else figures.cpu_us_per_request
        row = [
            server,
            f"{figures.requests_per_second:,.0f}",
            f"{figures.octets_per_second / MIB:,.0f}",
            f"{figures.p50_ms:.2f}",
            f"{figures.p99_ms:.2f}",
            f"{cpu:.1f}",
            f"{figures.resident_mib:.1f}",
        ]
        if case.idle:
            row += [f"{figures.idle_octets:,.0f}", f"{figures.idle_cpu:.2f}", f"{figures.idle_rate:.2f}"]
        rows.append(row)
    return rows


def _reason(results: Results, case: str, server: str) -> str:
    if server in results.absent:
        return "did not start" if server in results.broken else "absent"
    if (server, case) in SPARED:
        return f"not run: {SPARED[server, case]}"
    failure = results.failures.get((case, server))
    return f"failed: {failure}" if failure else "not run"


def _ratios(results: Results) -> list[tuple[str, list[list[str]]]]:
    servers = [name for name in results.versions if name != "ours"]
    tables = []
    for title, base, name, upside_down in (
        ("CPU of each, as a multiple of nginx's", "nginx", "cpu", False),
        ("CPU of ours : CPU of each", "ours", "cpu", True),
        ("requests a second of ours : of each", "ours", "requests_per_second", True),
        ("p99 of ours : p99 of each", "ours", "p99_ms", True),
    ):
        columns = (["ours"] if base == "nginx" and "ours" in results.versions else []) + servers
        rows = [["", *columns]]
        if base not in results.versions or not set(columns) - {base}:
            continue
        for case in results.cases:
            row = [case.name]
            for server in columns:
                one, other = results.median(case.name, server), results.median(case.name, base)
                if one is None or other is None:
                    row.append("-")
                    continue
                ratio = _value(one, name, case) / _value(other, name, case)
                row.append(f"{1 / ratio if upside_down else ratio:.2f}")
            rows.append(row)
        tables.append((title, rows))
    return tables


def _value(figures: Figures, name: str, case: Case) -> float:
    if name == "cpu":
        return figures.cpu_us_per_mib if case.by_octets else figures.cpu_us_per_request
    return float(getattr(figures, name))


def _aligned(rows: list[list[str]]) -> str:
    whole = [row for row in rows if len(row) == len(rows[0])]
    first = max(len(row[0]) for row in rows)
    widths = [max(len(row[column]) for row in whole) for column in range(1, len(rows[0]))]
    lines = []
    for name, *cells in rows:
        if len(cells) < len(widths):
            lines.append(f"  {name:<{first}}  {' '.join(cells)}"[:110])
        else:
            aligned = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
            lines.append(f"  {name:<{first}}  {'  '.join(aligned)}")
    return "\n".join(lines)


def _markdown(rows: list[list[str]]) -> str:
    width = len(rows[0])
    rule = ["---", *["--:"] * (width - 1)]
    padded = [row + [""] * (width - len(row)) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [padded[0], rule, *padded[1:]])
