"""
The command line of the clients.

Exit status: 0 it worked, 1 it did not, 2 wrong usage, 3 unreachable, 4 timed out.
"""

import sys
from collections.abc import Callable
from typing import Any

import click

from netlab import arguments
from netlab.clients import heartbeat, http, ping
from netlab.clients.running import WRONG_USAGE, complain, run
from netlab.http.client import location_of_file, location_of_url


class Read(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A parameter that one of our readers reads."""

    def __init__(self, read: Callable[[str], Any], name: str) -> None:
        self._read = read
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


SECONDS = Read(arguments.seconds, "seconds")
PORT = Read(arguments.port, "port")
COUNT = Read(lambda text: arguments.whole(text, 1), "number")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def netlab() -> None:
    """The clients of the socket laboratory: web, ping and heartbeat."""


@netlab.command("http", short_help="Fetch a file from a web server.")
@click.argument("where", nargs=-1, required=True, metavar="(SERVER_HOST SERVER_PORT FILENAME | URL)")
@click.option("-o", "--output", metavar="FILE", help="Save the body of a 2xx in FILE; - is standard output.")
@click.option("--timeout", type=SECONDS, default=30.0, show_default=True, help="Longest silence, seconds.")
def http_command(where: tuple[str, ...], output: str | None, timeout: float) -> int:
    """Fetch a file: print the status line, the header lines, an empty line and the body."""
    match where:
        case (host, port_text, name):
            location = location_of_file(host, PORT.convert(port_text, None, None), name)
        case (url,):
            try:
                location = location_of_url(url)
            except ValueError as error:
                raise click.UsageError(str(error)) from None
        case _:
            raise click.UsageError("give SERVER_HOST SERVER_PORT FILENAME, or one URL")
    return run(lambda reactor: http.fetch(reactor, location, output, timeout))


@netlab.command("ping", short_help="Measure round-trip times over UDP.")
@click.argument("host")
@click.argument("port", type=PORT, default="12000")
@click.option("--count", type=COUNT, default=10, show_default=True, help="Pings to send.")
@click.option("--timeout", type=SECONDS, default=1.0, show_default=True, help="Wait for each reply, seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a ping, then a summary.")
def ping_command(host: str, port: int, count: int, timeout: float, as_json: bool) -> int:
    """Send pings over UDP, one at a time, to HOST and PORT (12000)."""
    return run(lambda reactor: ping.ping(reactor, host, port, count, timeout, as_json))


@netlab.command("heartbeat", short_help="Send heartbeats over UDP.")
@click.argument("host")
@click.argument("port", type=PORT, default="13000")
@click.option("--interval", type=SECONDS, default=1.0, show_default=True, help="Seconds between two beats.")
@click.option("--count", type=COUNT, default=None, help="Beats to send; without it, until interrupted.")
def heartbeat_command(host: str, port: int, interval: float, count: int | None) -> int:
    """Send a heartbeat a second to the monitor on HOST and PORT (13000), until interrupted."""
    return run(lambda reactor: heartbeat.beat(reactor, host, port, interval, count))


def main() -> None:
    """Run the command line; leave by `SystemExit` with the exit status."""
    try:
        status = netlab.main(prog_name="netlab", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = WRONG_USAGE
    except click.ClickException as error:
        complain(f"{error.format_message()} (--help tells more)")
        status = WRONG_USAGE
    sys.exit(status)


if __name__ == "__main__":
    main()
