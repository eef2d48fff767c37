"""Options of the daemons: coercers for `usage.Options`, each refusing with one line."""

from collections.abc import Callable
from typing import ClassVar, TypeVar

from twisted.python import usage

from netlab import arguments
from netlab.toml import ConfigError

T = TypeVar("T")


def coercer(read: Callable[[str], T]) -> Callable[[object], T]:
    """Make a coercer of a reader: its `ValueError` becomes the line that the user sees."""

    def coerce(given: object) -> T:
        try:
            return read(str(given))
        except ValueError as error:
            raise usage.UsageError(str(error)) from None

    return coerce


seconds = coercer(arguments.seconds)
probability = coercer(arguments.probability)
seed = coercer(arguments.whole)
workers = coercer(lambda text: arguments.whole(text, 1, 256))
udp_address = coercer(arguments.udp_address)


class UDPOptions(usage.Options):
    """Options of a daemon on UDP: ``--listen``, as often as wanted, else `default_port` on 127.0.0.1."""

    default_port: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, text: str) -> None:
        """UDP address to listen on, HOST:PORT or [V6]:PORT; may be given more than once."""
        self["listen"].append(udp_address(text))

    def postOptions(self) -> None:
        self["listen"] = self["listen"] or [("127.0.0.1", self.default_port)]


def tcp_endpoint(text: str) -> str:
    """Read a Twisted server endpoint string; a bare port number means that port on 127.0.0.1."""
    if not text.isdigit():
        return text
    try:
        arguments.whole(text, 0, 65535)
    except ValueError as error:
        raise usage.UsageError(f"{error}: no such port") from None
    return f"tcp:{text}:interface=127.0.0.1"


def read_config(path: str, parse: Callable[[str, str], T]) -> T:
    """
    Have *parse* read the text of the file that ``--config`` names, and its name.

    Raises:
        UsageError: it cannot be read, or with its line and key what is wrong in it.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file.read(), path)
    except (OSError, UnicodeError) as error:
        raise usage.UsageError(f"--config {path}: {getattr(error, 'strerror', None) or error}") from error
    except ConfigError as error:
        raise usage.UsageError(str(error)) from error
