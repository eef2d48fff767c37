"""
A UDP port that knows when the kernel received and sent each datagram (Linux, SO_TIMESTAMPING).

What a program reads on its own clock has the time in it that the program took to be woken. The
kernel's stamps have not: it notes when a datagram came in, and, on the socket's error queue, when one
left. A waiting error stamp makes the socket look broken to a reactor; `DatagramPort` shields it.

    datagram -> protocol.stampedReceived(datagram, peer, Reception)
    departure -> protocol.departed(token, nanoseconds), token as given to `stamped_write`
    ICMP     -> protocol.networkError(OSError, peer)

A protocol without these is fed as ever. Where the kernel gives no stamps, they are None.
"""

import errno
import os
import socket
import sys
from struct import Struct
from typing import Any

from netlab.arguments import Address
from netlab.clocks import Reception
from netlab.udp import BATCH, DatagramPort, drops

LINUX = sys.platform == "linux" and sys.maxsize > 2**32  # 32-bit systems lay stamps out in another way
_TIMESTAMPING = 37  # linux/asm-generic/socket.h
_ERROR_QUEUE = 0x2000  # linux/socket.h
_SEND, _RECEIVE, _SOFTWARE, _NUMBERED, _STAMP_ONLY = 2, 8, 16, 128, 2048  # linux/net_tstamp.h
_RECVERR = {(socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)}
_WANTED = {  # IP_RECVTTL, IP_RECVTOS, IP_RECVERR and those of IPv6 (linux/in.h, linux/in6.h)
    socket.AF_INET: (socket.IPPROTO_IP, 12, 13, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 51, 66, 25),
}
_SET_TTL = ((socket.IPPROTO_IP, 2), (socket.IPPROTO_IPV6, 52))
_SET_TOS = ((socket.IPPROTO_IP, 1), (socket.IPPROTO_IPV6, 67))
_TTL, _TOS = set(_SET_TTL), set(_SET_TOS)
_LOCAL, _ICMP, _ICMP6, _DEPARTURE = 1, 2, 3, 4  # linux/errqueue.h: who made the error
_TIMESPEC = Struct("@qq")
_ERROR = Struct("@IBBBxII")
_INT = Struct("@i")
_ANCILLARY = 512  # octets; three stamps, TTL, TOS and an address need fewer than 200
_AWAITED = 4096  # departures that may be outstanding; the oldest is forgotten first
_PENDING = {
    errno.ECONNREFUSED,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.EMSGSIZE,
    errno.EPROTO,
}


class StampedPort(DatagramPort):
    """A UDP port for measuring; see the module. `kernel_stamps` tells whether the system gives any."""

    kernel_stamps = False

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._awaited: dict[int, object] = {}
        self._departures = 0  # stamps asked for since the kernel's own count was last set to zero

    def createInternetSocket(self) -> socket.socket:
        udp: socket.socket = super().createInternetSocket()
        self._six = udp.family == socket.AF_INET6
        if LINUX:
            self.kernel_stamps = _request_stamps(udp)
            level, ttl, tos, errors = _WANTED[udp.family]
            for option in (ttl, tos, errors) if hasattr(self.protocol, "networkError") else (ttl, tos):
                _set(udp, level, option, 1)
        return udp

    def drops(self) -> int:
        """Datagrams that were dropped since our own receive queue was full; 0 where that is not told."""
        return drops(self.socket) if LINUX else 0

    def stamped_write(
        self,
        datagram: bytes,
        peer: Address,
        token: object = None,
        tos: int | None = None,
        ttl: int | None = None,
    ) -> None:
        """
        Send a datagram, at once; with a *token* `departed` hears of it when it has left.

        Raises:
            OSError: it was not taken.
        """
        ancillary: list[tuple[int, int, bytes]] = []
        stamped = token is not None and self.kernel_stamps
        if stamped:
            ancillary.append((socket.SOL_SOCKET, _TIMESTAMPING, _INT.pack(_SEND)))
        for value, option in ((tos, _SET_TOS), (ttl, _SET_TTL)):
            if value is not None:
                ancillary.append((*option[self._six], _INT.pack(value)))
        self._send(datagram, ancillary, peer)
        if stamped:
            self._awaited[self._departures] = token
            self._departures = self._departures + 1 & 0xFFFF_FFFF
            if len(self._awaited) > _AWAITED:
                del self._awaited[next(iter(self._awaited))]
            self.read_errors()  # most often the stamp is there already, and nobody need be woken for it

    def read_errors(self) -> None:
        """Read the error queue: departures, and ICMP errors with whom they are about."""
        for _ in range(BATCH if LINUX else 0):
            try:
                _, ancillary, _, peer = self.socket.recvmsg(0, _ANCILLARY, _ERROR_QUEUE)
            except OSError:  # empty, as a rule; any other error comes again with the data
                return
            stamp: int | None = None
            number = origin = key = 0
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPING):
                    stamp = _nanoseconds(value)
                elif (level, kind) in _RECVERR:
                    number, origin, _, _, _, key = _ERROR.unpack_from(value)
            if origin == _DEPARTURE:
                self._depart(key, stamp)
            elif origin in (_LOCAL, _ICMP, _ICMP6):
                self._tell(OSError(number, os.strerror(number)), peer[:2])

    def _read_batch(self) -> bool:
        self.read_errors()
        return super()._read_batch()

    def _read_one(self) -> None:
        stamped = getattr(self.protocol, "stampedReceived", None)
        if stamped is None:
            super()._read_one()
            return
        datagram, ancillary, _, peer = self.socket.recvmsg(self.maxPacketSize, _ANCILLARY)
        stamp = ttl = tos = None
        for level, kind, value in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, _TIMESTAMPING):
                stamp = _nanoseconds(value)
            elif (level, kind) in _TTL:
                ttl = _INT.unpack_from(value)[0]
            elif (level, kind) in _TOS:
                tos = value[0]
        self._deliver(peer, stamped, datagram, peer[:2], Reception(stamp, ttl, tos))

    def _send(self, datagram: bytes, ancillary: list[tuple[int, int, bytes]], peer: Address) -> None:
        """Send; an error of an earlier datagram's, which Linux tells here as well, is none of this one's."""
        try:
            self.socket.sendmsg([datagram], ancillary, 0, peer)
        except OSError as failure:
            self._recount()
            if failure.errno not in _PENDING:
                raise
            try:
                self.socket.sendmsg([datagram], ancillary, 0, peer)
            except OSError:
                self._recount()
                raise

    def _depart(self, key: int, stamp: int | None) -> None:
        token = self._awaited.pop(key, None)
        departed = getattr(self.protocol, "departed", None)
        if token is not None and stamp is not None and departed is not None:
            self._deliver(("", 0), departed, token, stamp)

    def _recount(self) -> None:
        """Begin to count departures anew: the kernel may or may not have counted one that was not taken."""
        self.read_errors()
        self._awaited.clear()
        self._departures = 0
        _request_stamps(self.socket)


def _request_stamps(udp: socket.socket) -> bool:
    """Ask for stamps of all that comes and of what is marked on sending; numbers begin at zero."""
    flags = _RECEIVE | _SOFTWARE | _STAMP_ONLY
    _set(udp, socket.SOL_SOCKET, _TIMESTAMPING, flags)  # the numbers begin anew when they are asked for anew
    return _set(udp, socket.SOL_SOCKET, _TIMESTAMPING, flags | _NUMBERED)


def _set(udp: socket.socket, level: int, option: int, value: int) -> bool:
    try:
        udp.setsockopt(level, option, value)
    except OSError:
        return False
    return True


def _nanoseconds(value: bytes) -> int | None:
    """The software stamp, the first of three; zeros where there is none."""
    seconds, nanoseconds = _TIMESPEC.unpack_from(value)
    return int(seconds * 1_000_000_000 + nanoseconds) or None
