"""
Many datagrams at once: by one system call, recvmmsg(2), which Linux has and Python's socket has not.

Where datagrams come by the ten thousand a second, a good part of what receiving one costs is the call
and the making of its sender's address; both are shared here. The kernel also tells when it took each
in (SO_TIMESTAMPNS, socket(7)), however long they have waited in the socket's queue.
"""

import ctypes
import os
import socket
import sys
from struct import Struct

from netlab.arguments import Address

AVAILABLE = sys.platform == "linux" and sys.maxsize > 2**32  # 32-bit systems lay the structures out otherwise
ADDRESSES = 65_536  # senders whose address is remembered
_NAME = 28  # octets of a sockaddr_in6, the longer one
_PORT = Struct("!H")
_STAMP = 35  # SO_TIMESTAMPNS, and the kind of what it brings (linux/asm-generic/socket.h)
_CONTROL = Struct("=QiiQQ")  # struct cmsghdr and a struct timespec

Batch = list[tuple[bytes, Address]]
"""Datagrams, each with its sender's host and port."""


class OneByOne:
    """Read datagrams one by one: what `Batches` does, where there is no recvmmsg."""

    def __init__(self, udp: socket.socket, size: int, longest: int) -> None:
        self._udp = udp
        self._size = size
        self._longest = longest

    def receive(self) -> Batch:
        """Read what waits, at most a batch. Raises: OSError, as `Batches.receive` does."""
        batch: Batch = []
        try:
            while len(batch) < self._size:
                octets, sender = self._udp.recvfrom(self._longest)
                batch.append((octets, sender[:2]))
        except OSError:
            if not batch:
                raise
        return batch

    def span(self) -> tuple[int, int] | None:
        """The kernel's stamps are not read."""
        return None

    def stamps(self) -> list[int]:
        return []


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """struct msghdr of <sys/socket.h>."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    """struct mmsghdr: a header, and how many octets have come."""

    _fields_ = [("header", _Header), ("received", ctypes.c_uint)]


class Batches:
    """
    Read up to *size* datagrams at once from *udp*, an IPv4 or IPv6 socket, into memory that stays.

    Of a datagram longer than *longest* octets the first *longest* are read.
    """

    def __init__(self, udp: socket.socket, size: int, longest: int) -> None:
        self._udp = udp
        self._size = size
        self._octets = ctypes.create_string_buffer(size * longest)
        self._names = ctypes.create_string_buffer(size * _NAME)
        self._controls = ctypes.create_string_buffer(size * _CONTROL.size)
        self._vectors = (_Vector * size)()
        self._messages = (_Message * size)()
        octets, names = ctypes.addressof(self._octets), ctypes.addressof(self._names)
        controls = ctypes.addressof(self._controls)
        for place, (vector, message) in enumerate(zip(self._vectors, self._messages, strict=True)):
            vector.base, vector.length = octets + place * longest, longest
            header = message.header
            header.name, header.name_length = names + place * _NAME, _NAME
            header.vectors, header.vector_count = ctypes.addressof(vector), 1
            header.control, header.control_length = controls + place * _CONTROL.size, _CONTROL.size
        before, whole = _Message.received.offset, ctypes.sizeof(_Message)
        self._lengths = Struct(f"={before}xI{whole - before - 4}x")
        self._places = [(place * longest, place * _NAME) for place in range(size)]
        self._longest = longest
        self._six = udp.family == socket.AF_INET6
        self._known: dict[bytes, Address] = {}
        self._call = ctypes.CDLL(None, use_errno=True).recvmmsg
        self._call.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        self._where = ctypes.addressof(self._messages)
        self._fresh = bytes(self._messages)  # the kernel writes lengths into what it is given
        self._count = 0
        try:
            udp.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
        except OSError:
            self._stamped = False
        else:
            self._stamped = True

    def receive(self) -> Batch:
        """
        Read what waits, at most a batch.

        Raises:
            BlockingIOError: nothing waits.
            OSError: the socket has an error.
        """
        ctypes.memmove(self._where, self._fresh, self._count * self._lengths.size)
        count = self._call(self._udp.fileno(), self._where, self._size, socket.MSG_DONTWAIT, None)
        self._count = max(count, 0)
        if count < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        octets = memoryview(self._octets)[: count * self._longest].tobytes()
        names = memoryview(self._names)[: count * _NAME].tobytes()
        headers = memoryview(self._messages).cast("B")[: count * self._lengths.size]
        known = self._known
        batch: Batch = []
        for (start, name), (length,) in zip(self._places, self._lengths.iter_unpack(headers), strict=False):
            sender = names[name : name + _NAME]
            batch.append((octets[start : start + length], known.get(sender) or self._address(sender)))
        return batch

    def span(self) -> tuple[int, int] | None:
        """When the first and the last of the batch came; None: the kernel does not tell (see `stamps`)."""
        if not self._stamped or not self._count:
            return None
        first = _CONTROL.unpack_from(self._controls)
        last = _CONTROL.unpack_from(self._controls, (self._count - 1) * _CONTROL.size)
        return _nanoseconds(first), _nanoseconds(last)

    def stamps(self) -> list[int]:
        """When the kernel took in each of the batch: nanoseconds since 1970, on the wall clock of then."""
        controls = memoryview(self._controls)[: self._count * _CONTROL.size]
        return [_nanoseconds(control) for control in _CONTROL.iter_unpack(controls)]

    def _address(self, name: bytes) -> Address:
        """Read a sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)), and remember it."""
        port: int = _PORT.unpack_from(name, 2)[0]
        if self._six:
            address = socket.inet_ntop(socket.AF_INET6, name[8:24]), port
        else:
            address = socket.inet_ntop(socket.AF_INET, name[4:8]), port
        if len(self._known) >= ADDRESSES:
            self._known.clear()
        self._known[name] = address
        return address


def _nanoseconds(control: tuple[int, ...]) -> int:
    return control[3] * 1_000_000_000 + control[4]
