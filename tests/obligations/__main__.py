"""
`python -m tests.obligations`: ask a server for all that it owes, and print what it keeps.

Without arguments our own servers are asked, both tables. With HOST:PORT the first table is asked of
that server, which has to serve FOLDER/root, where FOLDER was written by ``--make-site FOLDER``.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.obligations.checks import Place, Row, Verdict
from tests.obligations.rows import ROWS
from tests.obligations.rows_body import BODY_ROWS
from tests.obligations.servers import echo_server, file_server
from tests.obligations.site import make_site, site_in

WIDTHS = {"no": 3, "source": 20, "level": 6, "request": 44, "required": 62, "got": 30}
SHOWN = 600  # octets of evidence


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print, and say by the exit status whether all is kept."""
    options = _options(arguments)
    if options.make_site is not None:
        print(f"serve {make_site(options.make_site).root}")
        return 0
    with _asked(options) as asked:
        _print_line({name: name for name in WIDTHS}, "")
        kept = number = 0
        for number, (row, place) in enumerate(asked, start=1):
            verdict = row.judge(place)
            kept += verdict.kept
            _print_verdict(number, row, verdict)
    print(f"{kept} of {number} obligations kept")
    return 0 if kept == number else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.obligations", description=__doc__)
    parser.add_argument("server", nargs="?", metavar="HOST:PORT", help="ask this server, not ours")
    parser.add_argument("--site", type=Path, metavar="FOLDER", help="what was prepared for that server")
    parser.add_argument("--make-site", type=Path, metavar="FOLDER", help="write the site and stop")
    options = parser.parse_args(arguments)
    if options.server is not None:
        host, _, port = options.server.rpartition(":")
        if not host or not port.isdecimal():
            parser.error(f"{options.server} is not HOST:PORT")
        if options.site is None or not site_in(options.site).root.is_dir():
            parser.error("say with --site FOLDER what it serves; --make-site FOLDER writes it")
        options.server = host, int(port)
    elif options.site is not None:
        parser.error("--site goes with HOST:PORT")
    return options


@contextmanager
def _asked(options: argparse.Namespace) -> Iterator[Iterable[tuple[Row, Place]]]:
    """Every row, and the server that it is asked of."""
    if options.server is not None:
        place = Place(*options.server, site_in(options.site.resolve()))
        yield [(row, place) for row in ROWS]
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = make_site(folder / "site")
        with file_server(folder, site) as files, echo_server(folder, site) as echo:
            yield [*((row, files) for row in ROWS), *((row, echo) for row in BODY_ROWS)]


def _print_verdict(number: int, row: Row, verdict: Verdict) -> None:
    cells = {"no": str(number), "source": row.source, "level": row.level, "request": row.request}
    _print_line({**cells, "required": row.required, "got": verdict.got}, "ok" if verdict.kept else "FAIL")
    for fault in verdict.faults:
        print(f"      {fault.fault}")
        for name, octets in (("sent", fault.sent), ("received", fault.received)):
            if octets:
                print(f"      {name:8} {octets[:SHOWN]!r}{' ...' if len(octets) > SHOWN else ''}")


def _print_line(cells: dict[str, str], verdict: str) -> None:
    print("  ".join(_cut(cells[name], width) for name, width in WIDTHS.items()), verdict, sep="  ")


def _cut(text: str, width: int) -> str:
    return f"{text if len(text) <= width else text[: width - 2] + '..':{width}}"


if __name__ == "__main__":
    sys.exit(main())
