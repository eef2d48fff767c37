"""
The heartbeat's line: one line of UTF-8 in one datagram, at most 512 octets, on three levels.

    classic   Heartbeat SEQ TIME
    tagged    Heartbeat SEQ TIME id=ID KEY=VALUE...
    signed    Heartbeat SEQ TIME id=ID KEY=VALUE... k=NUMBER mac=MAC

    SEQ   0..2**64-1            TIME   seconds since 1970, such as 1795358159.498196

    inc=197f3c2a91     incarnation, hexadecimal: grows with each start of the sender
    m=84112.201553     the sender's monotonic clock, seconds
    int=1000           milliseconds from one beat to the next
    mult=5             how many of them, silent, make it stopped
    st=ok              ok, bye, maint, or another word
    exit=0             how its program ended: the exit status, or minus the signal's number
    lag=3              milliseconds by which the sender was late
    tag=eu,api         labels
    msg=disk%20full    for people

`id` stands first, `k` and `mac` last, the others in any order and at most once; unknown ones are
passed over. In a value, blanks, `%` and a label's commas are written `%20`, `%25`, `%2C`; no value
holds control characters, not even so. In place of `Heartbeat SEQ TIME` any of the lines of
`netlab.heartbeat.dialect` is read.
"""

import re
from binascii import unhexlify
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from netlab.clocks import seconds_text
from netlab.errors import WireError
from netlab.heartbeat.dialect import FORMATS, MAX_SEQUENCE, read

__all__ = ["FORMS", "MAX_LINE", "MAX_SEQUENCE", "Beat", "decode", "encode", "quoted"]

MAX_LINE = 512  # octets
MAX_ID = 64  # characters
SIGNATURE = 51  # octets that ` k=NUMBER mac=MAC` takes at most
FORMS = (*FORMATS, "tagged")  # what `encode` writes


class Beat(NamedTuple):
    """What one line says; None where it does not."""

    sequence: int | None = None  # 0..2**64-1; one more per beat
    sent_ns: int | None = None  # sender's wall clock, nanoseconds since 1970-01-01 UTC
    id: str | None = None  # who sends; at most 64 printable characters, no blank
    inc: int | None = None  # incarnation, 0..2**64-1: grows with each start of the sender
    mono_ns: int | None = None  # sender's monotonic clock, nanoseconds since some fixed point
    interval: float | None = None  # seconds from one beat to the next
    mult: int | None = None  # how many intervals of silence make it stopped, 1..255
    status: str | None = None  # ok, bye, maint, or another word
    exit: int | None = None  # how its program ended: the exit status, or minus the signal's number
    lag: float | None = None  # seconds by which the sender was late
    tags: tuple[str, ...] = ()  # labels
    message: str | None = None  # for people
    key: int | None = None  # the number of the key that signed
    mac: bytes | None = None  # 16 octets; see `netlab.heartbeat.signing`


_ORDER = (b"inc", b"m", b"int", b"mult", b"st", b"exit", b"lag", b"tag", b"msg", b"k", b"mac")
_FIELDS = (  # what follows the id, in the order in which `encode` writes it
    rb"(?: inc=([0-9a-f]{1,16}))?"
    rb"(?: m=([0-9]{1,12})(?:\.([0-9]{1,9}))?)?"
    rb"(?: int=([1-9][0-9]{0,8}))?"
    rb"(?: mult=(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]?))?"
    rb"(?: st=([a-z][a-z0-9-]{0,15}))?"
    rb"(?: exit=(-?[0-9]{1,3}))?"
    rb"(?: lag=([0-9]{1,9}(?:\.[0-9]{1,3})?))?"
    rb"(?: tag=([^\0- ,\x7f]+(?:,[^\0- ,\x7f]+)*))?"
    rb"(?: msg=([^\0- \x7f]+))?"
    rb"(?: k=([0-9]{1,9}) mac=([0-9a-f]{32}))?"
)
_LINE = re.compile(rb"Heartbeat ([0-9]{1,19}) ([0-9]{1,12})\.([0-9]{6})(?: id=(.*))?", re.DOTALL)
_USUAL = re.compile(rb"([!-$&-~]{1,64})" + _FIELDS)  # what follows ` id=`: an id of ASCII without escapes
_TAIL = re.compile(rb"([^\0- \x7f]{1,255})" + _FIELDS)
_PLAIN_ID = re.compile(rb"[!-$&-~]+")
_NAME = re.compile(rb"[a-z][a-z0-9_.-]{0,31}")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HIDDEN = re.compile(rb"[\0- \x7f]")
_BLANK = 0x20  # as a number it is found four times as fast
_BLANKS = b"\0\r\n\t "  # what senders leave around a line


def decode(datagram: bytes) -> Beat:
    """
    Read a beat from a stranger's octets. Whether its signature is right is not asked here.

    Raises:
        WireError: not a line of at most 512 octets of one of the levels or dialects. Nothing else.
    """
    if len(datagram) > MAX_LINE:
        raise WireError(f"{len(datagram)} octets, at most {MAX_LINE} are read")
    line = _LINE.fullmatch(datagram)
    if line is not None:
        number, seconds, micros, tail = line.groups()
        sequence: int | None = int(number)
        sent_ns: int | None = int(seconds + micros) * 1000
    else:
        head, tagged, tail = datagram.strip(_BLANKS).partition(b" id=")
        sequence, sent_ns = read(head)
        tail = tail if tagged else None
    if tail is None:
        return tuple.__new__(  # three times as fast as Beat(sequence, sent_ns)
            Beat, (sequence, sent_ns, None, None, None, None, None, None, None, None, (), None, None, None)
        )
    if _BLANK not in tail and len(tail) <= MAX_ID and _PLAIN_ID.fullmatch(tail):
        name = tail.decode("ascii")
        return tuple.__new__(
            Beat, (sequence, sent_ns, name, None, None, None, None, None, None, None, (), None, None, None)
        )
    try:
        found = _USUAL.fullmatch(tail) or _TAIL.fullmatch(tail) or _TAIL.fullmatch(_ordered(tail))
        return _tagged(sequence, sent_ns, found)
    except ValueError as error:
        raise WireError(f"{error}: {datagram[:80]!r}") from error


def _tagged(sequence: int | None, sent_ns: int | None, found: re.Match[bytes] | None) -> Beat:
    if found is None:
        raise ValueError("a field has a value that it cannot have")
    identity, inc, mono, parts, interval, mult, status, exit_, lag, tags, message, key, mac = found.groups()
    if found.re is _USUAL:
        name = identity.decode("ascii")
    else:
        name = _text(identity)
        if len(name) > MAX_ID or " " in name:
            raise ValueError(f"an id has at most {MAX_ID} characters and no blanks")
    if mac is not None and (inc is None or sequence is None or sent_ns is None):
        raise ValueError("a signed line needs a number, a time and inc=, else it could be replayed")
    return tuple.__new__(
        Beat,
        (
            sequence,
            sent_ns,
            name,
            inc and int(inc, 16),
            mono and int(mono) * 10**9 + (int(parts.ljust(9, b"0")) if parts else 0),
            interval and int(interval) / 1000,
            mult and int(mult),
            status and status.decode("ascii"),
            exit_ and int(exit_),
            lag and float(lag) / 1000,
            tuple(map(_text, tags.split(b","))) if tags else (),
            message and _text(message),
            key and int(key),
            mac and unhexlify(mac),
        ),
    )


def _ordered(tail: bytes) -> bytes:
    """Bring the fields into the order that `_TAIL` reads, without the unknown ones."""
    identity, *fields = tail.rstrip(_BLANKS).split(b" ")
    values: dict[bytes, bytes] = {}
    for field in filter(None, fields):
        name, equals, value = field.partition(b"=")
        if not (equals and _NAME.fullmatch(name)) or _HIDDEN.search(value):
            raise ValueError("not fields of the form key=value")
        if name in values or name == b"id":
            raise ValueError(f"{name.decode('ascii')}= stands there twice")
        values[name] = value
    if b"mac" in values and list(values)[-2:] != [b"k", b"mac"]:
        raise ValueError("k= and mac= are not the last two fields")
    return b" ".join([identity, *(name + b"=" + values[name] for name in _ORDER if name in values)])


def _text(value: bytes) -> str:
    if b"%" in value:
        if _BROKEN_ESCAPE.search(value):
            raise ValueError("% without two hexadecimal digits")
        value = unquote_to_bytes(value)
    elif value.isascii():
        return value.decode("ascii")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    if not text.isprintable():
        raise ValueError("characters that cannot be printed")
    return text


def encode(beat: Beat, form: str = "classic") -> bytes:
    """
    Write a beat, its times to the microsecond, without its signature.

    *form* is one of `FORMS`; what the form has no place for is left out. "classic" writes the tags
    of a beat that has an `id`. In a message, what cannot be printed becomes a blank, and what is too
    long for the line is cut, so that there is room for a signature.

    Raises:
        ValueError: no such form, the beat lacks what the form needs, or a value cannot be written.
    """
    if form not in FORMS:
        raise ValueError(f"no form {form!r}; there are {', '.join(FORMS)}")
    if beat.sequence is None or beat.sent_ns is None:
        raise ValueError("a beat needs a number and a time")
    if not (0 <= beat.sequence <= MAX_SEQUENCE and 0 <= beat.sent_ns < 10**21):
        raise ValueError(f"number {beat.sequence} or time {beat.sent_ns} is out of range")
    if form not in ("classic", "tagged"):
        return FORMATS[form](beat.sequence, beat.sent_ns).encode("ascii")
    line = FORMATS["classic"](beat.sequence, beat.sent_ns).encode("ascii")
    if beat.id is None:
        if form == "tagged":
            raise ValueError("a tagged beat needs an id")
        return line
    if not 1 <= len(beat.id) <= MAX_ID or " " in beat.id:
        raise ValueError(f"an id has 1 to {MAX_ID} characters and no blanks, {beat.id!r} does not")
    tail = b" ".join([quoted(beat.id), *(name + b"=" + value for name, value in _fields(beat))])
    found = _TAIL.fullmatch(tail)
    if found is None:
        raise ValueError(f"a field has a value that it cannot have: {tail.decode()!r}")
    line += b" id=" + tail
    room = MAX_LINE - SIGNATURE - len(line)
    if room < 0:
        raise ValueError(f"a line of {len(line)} octets; with a signature, at most {MAX_LINE} are sent")
    return line + _message(beat.message, room - len(b" msg=")) if beat.message else line


def _fields(beat: Beat) -> Iterator[tuple[bytes, bytes]]:
    if beat.inc is not None:
        yield b"inc", b"%x" % beat.inc
    if beat.mono_ns is not None:
        yield b"m", seconds_text(beat.mono_ns).encode("ascii")
    if beat.interval is not None:
        yield b"int", b"%d" % max(1, round(beat.interval * 1000))
    if beat.mult is not None:
        yield b"mult", b"%d" % beat.mult
    if beat.status is not None:
        yield b"st", beat.status.encode()
    if beat.exit is not None:
        yield b"exit", b"%d" % beat.exit
    if beat.lag is not None:
        yield b"lag", b"%d" % round(beat.lag * 1000)
    if beat.tags:
        yield b"tag", b",".join(quoted(tag, comma=True) for tag in beat.tags)


def quoted(text: str, comma: bool = False) -> bytes:
    """Write an id, or a label with *comma*, with its escapes. ValueError: it cannot be written."""
    if not text or not text.isprintable():
        raise ValueError(f"{text!r} is empty or cannot be printed")
    octets = text.encode().replace(b"%", b"%25").replace(b" ", b"%20")
    return octets.replace(b",", b"%2C") if comma else octets


def _message(text: str, room: int) -> bytes:
    """` msg=` and as many whole characters as there is room for."""
    characters = [quoted(character if character.isprintable() else " ") for character in text[: max(0, room)]]
    while characters and sum(map(len, characters)) > room:
        characters.pop()
    return b" msg=" + b"".join(characters) if characters else b""
