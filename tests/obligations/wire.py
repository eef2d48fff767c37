"""
A blocking client that knows no HTTP but what it needs to be strict: octets out, answers in.

It sends whatever it is told to, and takes answers apart by RFC 9112 without any leniency. Every wait
is bounded.
"""

import re
import select
import socket
import time
from dataclasses import dataclass, replace
from typing import Self

PATIENCE = 5.0  # seconds that a server may take for anything
KEPT = 4_096  # octets of what was sent and received that are kept as evidence
MAX_BODY = 20 * 2**20  # octets; a longer body is not waited for

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) [\t -~\x80-\xff]*")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]*)?")
_ONCE = ("content-length", "content-type", "content-range", "date", "etag", "last-modified", "location")


class WireTrouble(AssertionError):
    """What came is not what a server may send."""


class Unreadable(WireTrouble):
    """Octets that are no HTTP/1.1 response."""


class Ended(WireTrouble):
    """The connection ended before an answer began."""


class Silent(WireTrouble):
    """Nothing came in time."""


@dataclass(frozen=True)
class Answer:
    """A final response, and the statuses of the interim ones before it."""

    minor: int  # of HTTP/1.
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""
    interim: tuple[int, ...] = ()

    def get(self, name: str) -> str | None:
        """The value of a field, its lines joined; None where it is absent."""
        values = [value for key, value in self.fields if key.lower() == name]
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> set[str]:
        """The members of a list, in lower case."""
        return {token.strip().lower() for token in (self.get(name) or "").split(",")} - {""}


class Connection:
    """One TCP connection; *window* is the size of the receive buffer, for a reader that is slow."""

    def __init__(self, host: str, port: int, window: int | None = None) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if window is not None:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            self._socket.settimeout(PATIENCE)
            self._socket.connect((host, port))
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise Ended(f"no connection: {error}") from error
        self._buffer = bytearray()
        self._interim: list[int] = []  # statuses before the next final one, though it be late
        self._cut = False  # sending was refused
        self.end = ""  # how the server ended it: "FIN", "RST", or not at all
        self.sent = b""  # the first `KEPT` octets
        self.received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    # Sending.

    def send(self, octets: bytes, reading: bool = True) -> None:
        """
        Send all of *octets*, taking in meanwhile what comes unless *reading* is off.

        A server that resets the connection ends this early; `end` says so once all is read.
        """
        self.sent = (self.sent + octets[:KEPT])[:KEPT]
        rest = memoryview(octets)
        deadline = time.monotonic() + PATIENCE
        while rest and not self._cut:
            listened = [self._socket] if reading and not self.end else []
            readable, writable, _ = select.select(listened, [self._socket], [], _left(deadline))
            if not readable and not writable:
                raise Silent("the server takes no more octets")
            if readable:
                self._receive(0.0)
            if writable:
                try:
                    rest = rest[self._socket.send(rest[:65_536]) :]
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    self._cut = True

    def send_slowly(self, octets: bytes, pause: float = 0.001) -> None:
        """Send every octet as a segment of its own, *pause* seconds apart."""
        for octet in octets:
            self.send(bytes([octet]))
            time.sleep(pause)

    def finish(self) -> None:
        """Close for writing (SHUT_WR)."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:  # it is reset already
            self._cut = True

    # Receiving.

    def answer(self, method: str = "GET", seconds: float = PATIENCE) -> Answer:
        """
        Read the next final response, to a request with *method*.

        Raises:
            Ended: the server has closed instead.
            Silent: it did not come within *seconds*.
            Unreadable: it breaks RFC 9112.
        """
        deadline = time.monotonic() + seconds
        while True:
            minor, status, fields = self.head(deadline)
            if status >= 200 or status == 101:
                answer = Answer(minor, status, fields, interim=tuple(self._interim))
                self._interim.clear()
                return replace(answer, body=self._body(answer, method, deadline))
            self._interim.append(status)

    def head(self, deadline: float | None = None) -> tuple[int, int, tuple[tuple[str, str], ...]]:
        """Read one head, also that of an interim response: minor version, status, fields."""
        deadline = deadline or time.monotonic() + PATIENCE
        if not self._buffer and not self._receive(_left(deadline)):
            raise Ended(f"the connection ended ({self.end}) without an answer")
        match = _STATUS_LINE.fullmatch(line := self._line(deadline))
        if match is None:
            raise Unreadable(f"not a status line: {line[:80]!r}")
        fields: list[tuple[str, str]] = []
        while line := self._line(deadline):
            field = _FIELD_LINE.fullmatch(line)
            if field is None:
                raise Unreadable(f"not a field line: {line[:80]!r}")
            fields.append((field[1].decode("ascii"), field[2].decode("latin-1")))
        names = [name.lower() for name, _ in fields]
        for name in _ONCE:
            if names.count(name) > 1:
                raise Unreadable(f"{name} stands there twice")
        if "content-length" in names and "transfer-encoding" in names:
            raise Unreadable("both Content-Length and Transfer-Encoding")
        return int(match[1]), int(match[2]), tuple(fields)

    def some(self, size: int) -> bytes:
        """Read the next *size* octets, whatever they are."""
        return self._take(size, time.monotonic() + PATIENCE)

    def rest(self, seconds: float = PATIENCE) -> bytes:
        """Read all that still comes, until the server closes or *seconds* have passed."""
        deadline = time.monotonic() + seconds
        while not self.end and len(self._buffer) <= MAX_BODY:
            try:
                self._receive(_left(deadline))
            except Silent:
                break
        octets = bytes(self._buffer)
        self._buffer.clear()
        return octets

    def quiet(self, seconds: float) -> bool:
        """Nothing comes for *seconds*, neither octets nor the end."""
        try:
            self._receive(seconds)
        except Silent:
            return not self._buffer
        return False

    def _body(self, answer: Answer, method: str, deadline: float) -> bytes:
        """RFC 9112 §6.3, in its order."""
        length, coding = answer.get("content-length"), answer.get("transfer-encoding")
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return b""
        if coding is not None:
            if coding.lower() != "chunked" or answer.minor == 0:
                raise Unreadable(f"Transfer-Encoding: {coding} in HTTP/1.{answer.minor}")
            return self._chunks(deadline)
        if length is not None:
            if not re.fullmatch("[0-9]+", length) or int(length) > MAX_BODY:
                raise Unreadable(f"Content-Length: {length}")
            return self._take(int(length), deadline)
        while self._receive(_left(deadline)):
            if len(self._buffer) > MAX_BODY:
                raise Unreadable(f"a body of more than {MAX_BODY} octets")
        if self.end != "FIN":
            raise Unreadable("a body without a length was reset")
        return self._take(len(self._buffer), deadline)

    def _chunks(self, deadline: float) -> bytes:
        body = bytearray()
        while True:
            match = _CHUNK_LINE.fullmatch(line := self._line(deadline))
            if match is None:
                raise Unreadable(f"not the line before a chunk: {line[:80]!r}")
            if int(match[1], 16) == 0:
                break
            body += self._take(int(match[1], 16), deadline)
            if self._line(deadline) or len(body) > MAX_BODY:
                raise Unreadable("a chunk longer than its size says, or too long a body")
        while line := self._line(deadline):
            if _FIELD_LINE.fullmatch(line) is None:
                raise Unreadable(f"not a trailer: {line[:80]!r}")
        return bytes(body)

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > 65_536 or not self._receive(_left(deadline)):
                raise Unreadable(f"a line without an end ({self.end}): {bytes(self._buffer[:80])!r}")
        line = self._take(end + 1, deadline)
        if not line.endswith(b"\r\n"):
            raise Unreadable(f"a line that ends in LF alone: {line[:80]!r}")
        return line[:-2]

    def _take(self, size: int, deadline: float) -> bytes:
        while len(self._buffer) < size:
            if not self._receive(_left(deadline)):
                raise Unreadable(f"{len(self._buffer)} octets of {size}, then {self.end}")
        octets = bytes(self._buffer[:size])
        del self._buffer[:size]
        return octets

    def _receive(self, seconds: float) -> bool:
        """Take in what has come; False: the server has closed. Raises: Silent: nothing has come."""
        if self.end:
            return False
        if not select.select([self._socket], [], [], seconds)[0]:
            raise Silent("nothing came in time")
        try:
            octets = self._socket.recv(1_048_576)
        except ConnectionResetError:
            octets, self._cut = b"", True
        if not octets:
            self.end = "RST" if self._cut else "FIN"
            return False
        self._buffer += octets
        self.received = (self.received + octets[:KEPT])[:KEPT]
        return True


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)
