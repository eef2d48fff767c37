"""
Static web servers side by side on this machine, each on one core, the load on another.

    python -m bench.http                                    everything, about 20 minutes
    python -m bench.http --only ours,nginx --cases 1k-64 --rounds 3
    python -m bench.http --list                             servers and cases
    python -m bench.http --markdown --json result.json

Each server is started once; in a round every server meets every case, and medians over the rounds are shown.
A case with idle connections starts its own server each time. An answer or a connection that is wrong fails
its case. nginx is tuned as a server of static files is (descriptors cached, the log written in blocks);
nginx-stock, run only where it is named, has Debian's settings.

Needs wrk, and to compare nginx and the other peers: what is not there is named as absent.

    apt-get install wrk nginx-light
    .venv/bin/pip install --editable '.[bench]'
"""

import argparse
import json
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from . import cores, report, rounds
from .cases import CASES
from .servers import DEFAULT, SERVERS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the command line says; the result is the exit status."""
    options = _options(arguments)
    cases = [case for case in CASES if case.name in options.cases]
    if options.list:
        print("servers:", *SERVERS)
        for case in CASES:
            print(f"{case.name:<10} {case.promise}")
        return 0
    if shutil.which("wrk") is None:
        return _refuse("wrk is missing and nothing can be measured without it: apt-get install wrk")
    if cores.LOAD == cores.SERVER:
        return _refuse("one core only: the server and its load would disturb each other")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    signal.signal(signal.SIGTERM, _end)
    try:
        results = rounds.measured(options.only, cases, options.rounds, options.seconds)
    except KeyboardInterrupt:
        return _refuse("interrupted")
    print(report.text(results, options.markdown))
    if options.json:
        options.json.write_text(json.dumps(report.as_json(results), indent=1) + "\n")
    return 1 if results.failures or results.broken else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m bench.http", description=__doc__.strip().splitlines()[0])
    names = [case.name for case in CASES]
    parser.add_argument(
        "--only",
        type=_some(SERVERS),
        default=list(DEFAULT),
        metavar="SERVER,…",
        help="default: all but nginx-stock",
    )
    parser.add_argument("--cases", type=_some(names), default=names, metavar="CASE,…", help="default: all")
    parser.add_argument("--rounds", type=_positive, default=5, help="medians are over so many (default 5)")
    parser.add_argument("--seconds", type=_positive, default=3, help="of one measurement (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round, median and version")
    parser.add_argument("--markdown", action="store_true", help="print tables in Markdown")
    parser.add_argument("--list", action="store_true", help="print the servers and cases there are")
    options = parser.parse_args(arguments)
    if options.json:
        try:
            options.json.touch()  # not at the end, when all is measured
        except OSError as error:
            parser.error(f"{options.json}: {error.strerror}")
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def _some(known: Iterable[str]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        chosen = [name.strip() for name in text.split(",")]
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(f"python -m bench.http: ended by {signal.Signals(number).name}")


def _refuse(reason: str) -> int:
    print(f"python -m bench.http: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
