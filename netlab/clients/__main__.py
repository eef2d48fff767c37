"""
The command line of the clients.

Exit status: 0 it worked, 1 it did not, 2 wrong usage, 3 unreachable, 4 timed out.
"""

import os
import re
import socket
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from netlab import arguments
from netlab.clients import heartbeat, http, ping
from netlab.clients.running import WRONG_USAGE, complain, run
from netlab.heartbeat.signing import derive
from netlab.heartbeat.style import Style
from netlab.heartbeat.wire import FORMS
from netlab.http.location import Location, location_of_file, location_of_url
from netlab.http.serialize import require_sendable
from netlab.http.tls import TLS
from netlab.keys import read_key
from netlab.ping.plan import LONGEST, PROTOCOLS, Plan

T = TypeVar("T")


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


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is not NAME: VALUE")
    field = name, value.strip(" \t")
    require_sendable([field])
    return field


def _method(text: str) -> str:
    try:
        require_sendable([(text, "")])
    except ValueError:
        raise ValueError(f"{text!r} is not a method such as GET") from None
    return text


def _data(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        with open(text[1:], "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"cannot read {text[1:]}: {error.strerror}") from None


SECONDS = Read(arguments.seconds, "seconds")
PORT = Read(arguments.port, "port")
COUNT = Read(lambda text: arguments.whole(text, 1), "number")
FIELD = Read(_field, "field")
METHOD = Read(_method, "method")
DATA = Read(_data, "body")
FILE = click.Path(exists=True, dir_okay=False, readable=True)
SIZE = Read(lambda text: arguments.whole(text, 0, LONGEST), "octets")
DSCP = Read(lambda text: arguments.whole(text, 0, 63), "number")
TTL = Read(lambda text: arguments.whole(text, 1, 255), "number")
SHARE = Read(arguments.share, "share")
DURATION = Read(arguments.duration, "duration")
TARGET = Read(lambda text: arguments.host_port(text, 12000), "host[:port]")
KEY = Read(read_key, "file")
MONITOR = Read(lambda text: arguments.host_port(text, 13000), "host[:port]")
MULT = Read(lambda text: arguments.whole(text, 1, 255), "number")
KEY_NUMBER = Read(lambda text: arguments.whole(text, 0, 999_999_999), "number")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def netlab() -> None:
    """The clients of the socket laboratory: web, ping and heartbeat."""


@netlab.command("http", short_help="Fetch a file from a web server.")
@click.argument("where", nargs=-1, required=True, metavar="(SERVER_HOST SERVER_PORT FILENAME | URL)")
@click.option("-o", "--output", metavar="FILE", help="Save the body of a 2xx in FILE; - is standard output.")
@click.option("-O", "--remote-name", is_flag=True, help="Save it under the last part of the URL.")
@click.option("-c", "--continue", "resume", is_flag=True, help="Go on with FILE.part, unless it has changed.")
@click.option("-I", "--head", "head", is_flag=True, help="Ask for the head alone (HEAD).")
@click.option("-i/--no-headers", "heads", default=None, help="Print the header lines, or the body alone.")
@click.option(
    "-H", "--header", "fields", multiple=True, type=FIELD, metavar="'NAME: VALUE'", help="Send it too."
)
@click.option("-X", "--method", type=METHOD, help="Another method than GET, or POST with --data.")
@click.option("--data", type=DATA, metavar="TEXT|@FILE", help="Send this body, by POST.")
@click.option("-L", "--location", "follow", is_flag=True, help="Follow redirects, ten at most.")
@click.option("--allow-downgrade", "downgrade", is_flag=True, help="Follow them from https to http as well.")
@click.option("--compressed", is_flag=True, help="Offer content codings, and undo them.")
@click.option("--timeout", type=SECONDS, default=30.0, show_default=True, help="Longest silence, seconds.")
@click.option("--max-time", type=SECONDS, help="Longest time for all of it, seconds.")
@click.option("-k", "--insecure", is_flag=True, help="Take any certificate.")
@click.option("--cacert", type=FILE, metavar="FILE", help="Trust these authorities (PEM) and no others.")
@click.option("--cert", type=FILE, metavar="FILE", help="Show this certificate; the file holds its key too.")
@click.option("--unix-socket", metavar="PATH", help="Connect to this socket.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar, no complaint about a 4xx or 5xx.")
@click.option("-v", "--verbose", is_flag=True, help="Show the exchange as it was on the wire.")
@click.option("--timing", is_flag=True, help="Draw how long each step took.")
@click.option("--explain", is_flag=True, help="Say what each line of the exchange is for.")
def http_command(
    where: tuple[str, ...],
    output: str | None,
    remote_name: bool,
    head: bool,
    method: str | None,
    data: bytes | None,
    insecure: bool,
    cacert: str | None,
    cert: str | None,
    **others: Any,
) -> int:
    """
    Fetch a file: print the status line, the header lines, an empty line and the body.

    The proxies of the environment are used: http_proxy, https_proxy, all_proxy, no_proxy.
    """
    location = _location(where)
    if remote_name:
        if output is not None:
            raise click.UsageError("-o and -O both name the file: give one of them")
        output = _asked(lambda: http.name_of(location))
    if head and (method or data is not None):
        raise click.UsageError("-I is HEAD: it goes with neither -X nor --data")
    if others["resume"] and (output in (None, "-") or head or others["compressed"] or data is not None):
        raise click.UsageError("--continue needs -o FILE or -O, and neither -I, --data nor --compressed")
    if method is None:
        method = "HEAD" if head else "GET" if data is None else "POST"
    tls = TLS(not insecure, cacert, cert)
    _asked(lambda: tls.options(location.host) if location.secure else None)
    wanted = http.Wanted(location, method, body=data or b"", output=output, tls=tls, **others)
    return run(lambda reactor: http.fetch(reactor, wanted))


def _location(where: tuple[str, ...]) -> Location:
    match where:
        case (host, port_text, name):
            port = PORT.convert(port_text, None, None)
            return _asked(lambda: location_of_file(host, port, name))
        case (url,):
            return _asked(lambda: location_of_url(url))
        case _:
            raise click.UsageError("give SERVER_HOST SERVER_PORT FILENAME, or one URL")


def _asked(read: Callable[[], T]) -> T:
    """What *read* gives; what it refuses is wrong usage."""
    try:
        return read()
    except ValueError as error:
        raise click.UsageError(str(error)) from None


@netlab.command("ping", short_help="Measure round-trip times, loss and their variation over UDP.")
@click.argument("host")
@click.argument("port", type=PORT, default="12000")
@click.option(
    "--target", "others", type=TARGET, multiple=True, help="One more HOST[:PORT], at the same time."
)
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), default="text", show_default=True, help="What to send."
)
@click.option("--key-file", "key", type=KEY, default=b"", help="STAMP: sign with the key in this file.")
@click.option("--no-options", is_flag=True, help="STAMP: send the bare 44 octets, as for TWAMP-Light.")
@click.option("--count", type=COUNT, default=None, help="Pings to send; 10 unless --duration is given.")
@click.option("--duration", type=SECONDS, default=None, help="Send for so many seconds.")
@click.option("--timeout", type=SECONDS, default=1.0, show_default=True, help="Wait for each reply, seconds.")
@click.option(
    "--interval", type=SECONDS, default=None, help="Seconds between pings; else each waits for the last."
)
@click.option("--poisson", is_flag=True, help="Random pauses, --interval seconds in the mean.")
@click.option("--size", type=SIZE, default=0, help="Octets of a ping, where it needs no more.")
@click.option("--dscp", type=DSCP, default=None, help="Class of service, 0 to 63.")
@click.option("--ttl", type=TTL, default=None, help="Time to live, 1 to 255.")
@click.option("-4", "family", flag_value=socket.AF_INET, type=int, help="IPv4 only.")
@click.option("-6", "family", flag_value=socket.AF_INET6, type=int, help="IPv6 only.")
@click.option("--json", "style", flag_value="json", help="Print one JSON object a ping, then a summary.")
@click.option("--csv", "style", flag_value="csv", help="Print a row a ping.")
@click.option("--live", "style", flag_value="live", help="Draw on the terminal, a few times a second.")
@click.option("--histogram", is_flag=True, help="Draw the distribution of the RTT in the end.")
@click.option("--explain", is_flag=True, help="Say in the end what the figures mean.")
@click.option("--fail-loss", type=SHARE, default=None, help="Status 1 when more is lost, such as 1%.")
@click.option(
    "--fail-p99", type=DURATION, default=None, help="Status 1 when the RTT's p99 is more, such as 20ms."
)
def ping_command(host: str, port: int, **given: Any) -> int:
    """
    Send pings over UDP to HOST and PORT (12000): ten lines of text, one at a time, as the course has it.

    --interval sends by the clock instead; --protocol stamp takes the reflector's own time out of the
    RTT and tells losses on the way there from those on the way back.
    """
    if given["count"] is None and given["duration"] is None:
        given["count"] = 10
    targets = [(host, port), *given.pop("others")]
    if given["style"] == "live" and not sys.stdout.isatty():
        raise click.UsageError("--live draws on a terminal, and the output is none")
    output = ping.Output(**{name: given.pop(name) for name in ping.OUTPUT})
    try:
        plan = Plan(options=not given.pop("no_options"), family=given.pop("family") or 0, **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return run(lambda reactor: ping.ping(reactor, targets, plan, output))


class WithCommand(click.Command):
    """A command of ours that runs another one, whose words follow ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            end = args.index("--")
            ctx.meta["command"] = tuple(args[end + 1 :])
            args = args[:end]
        return super().parse_args(ctx, args)


@netlab.command("heartbeat", cls=WithCommand, short_help="Send heartbeats over UDP.")
@click.argument("host")
@click.argument("port", type=PORT, default="13000")
@click.option("--also", type=MONITOR, multiple=True, metavar="HOST[:PORT]", help="Beat to this monitor, too.")
@click.option("--interval", type=SECONDS, default=1.0, show_default=True, help="Seconds between two beats.")
@click.option("--count", type=COUNT, default=None, help="Beats to send; without it, until interrupted.")
@click.option("--id", "identity", default=None, help="Name the sender; the line is then tagged.")
@click.option("--tag", "tags", multiple=True, help="Label it.")
@click.option("--message", default=None, help="Tell people something.")
@click.option("--mult", type=MULT, default=None, help="Intervals of silence after which to call it down.")
@click.option(
    "--key-file", "master", type=KEY, default=None, help="Sign with the monitor's key, in this file."
)
@click.option("--key-number", type=KEY_NUMBER, default=1, show_default=True, help="Which of its keys.")
@click.option("--format", "form", type=click.Choice(FORMS), default="classic", help="For foreign monitors.")
@click.option("--goodbye", is_flag=True, help="Tell the monitor of a stop.")
@click.pass_context
def heartbeat_command(
    ctx: click.Context,
    /,
    host: str,
    port: int,
    also: tuple[tuple[str, int], ...],
    interval: float,
    count: int | None,
    goodbye: bool,
    **given: Any,
) -> int:
    """
    Send a heartbeat a second to the monitor on HOST and PORT (13000), until interrupted.

    After -- a COMMAND may follow: it is run, heartbeats are sent while it lives, the monitor is told
    at once how it ended, and its exit status is ours. --tag, --message, --mult, --key-file, --goodbye
    and a COMMAND need a name: the machine's, and the command's, unless --id gives another.
    """
    command = ctx.meta.get("command", ())
    if "command" in ctx.meta and not command:
        raise click.UsageError("there is no command after --")
    style = _asked(lambda: _style(command, goodbye, **given))
    wanted = heartbeat.Wanted(((host, port), *also), interval, count, style, goodbye, command)
    return run(lambda reactor: heartbeat.beat(reactor, wanted))


def _style(
    command: tuple[str, ...],
    goodbye: bool,
    identity: str | None,
    master: bytes | None,
    key_number: int,
    tags: tuple[str, ...],
    **given: Any,
) -> Style:
    if identity is None and (command or goodbye or master or tags or given["message"] or given["mult"]):
        words = (socket.gethostname(), *(os.path.basename(word) for word in command[:1]))
        identity = "-".join(re.sub(r"[^!-~]", "_", word) for word in words)[:64]
    key = None if master is None else derive(master, identity or "")
    return Style(id=identity, tags=tags, key=key, key_number=key_number, **given)


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
