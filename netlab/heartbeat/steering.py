"""
Which worker a client belongs to: one and the same for an identity's beats, or an address's without any.

    beat with " id=NAME"   hash of NAME's octets as they are on the wire      % workers
    any other              hash of the source's address and port              % workers

The kernel decides, before a worker is woken, by a program that stands with the group of their sockets
(SO_ATTACH_REUSEPORT_CBPF, socket(7)). `owner` decides the same for a client that a store remembers.
"""

import ctypes
import ipaddress
import socket
import struct
from collections.abc import Iterator

from netlab.arguments import Address
from netlab.heartbeat.wire import quoted

_ATTACH = 51  # SO_ATTACH_REUSEPORT_CBPF (linux/asm-generic/socket.h)
SEARCHED = 96  # octets of a line in which its id= is looked for
_FACTOR = 31
_NET = 0xFFF00000  # SKF_NET_OFF: offsets from here on count from the IP header (linux/filter.h)
_ID = int.from_bytes(b" id=")
HASHED = 64  # octets of an identity that count

# linux/bpf_common.h: what an instruction does
_LD, _LDH, _LDB, _LD_LEN, _LDB_X, _LD_MEM = 0x20, 0x28, 0x30, 0x80, 0x50, 0x60
_LD_IMM, _LDX, _LDX_MEM, _ST = 0x00, 0x01, 0x61, 0x02
_MUL, _ADD, _ADD_X, _SUB_X, _MOD, _RSH = 0x24, 0x04, 0x0C, 0x1C, 0x94, 0x74
_JA, _JEQ, _JGT, _RET_A, _TAX, _TXA = 0x05, 0x15, 0x25, 0x16, 0x07, 0x87


def owner(identity: str | None, address: Address | None, workers: int) -> int:
    """The worker, counted from 0, of a client: by its *identity*, or by its address where it has none."""
    if identity is not None:
        words: Iterator[int] = iter(quoted(identity)[:HASHED])
    elif address is None:
        return 0
    else:
        host = ipaddress.ip_address(address[0].partition("%")[0])
        mapped = getattr(host, "ipv4_mapped", None)
        packed = (mapped or host).packed
        words = iter([*struct.unpack(f"!{len(packed) // 4}I", packed), address[1]])
    value = 0
    for word in words:
        value = (value * _FACTOR + word) & 0xFFFFFFFF
    return value % workers


def steer(one: socket.socket, workers: int) -> None:
    """
    Let the group of sockets that *one* is bound with be steered; they are the workers', in their order.

    Raises:
        OSError: this kernel does not do that.
    """
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _program(workers))
    octets = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(octets))
    one.setsockopt(socket.SOL_SOCKET, _ATTACH, program)


Instruction = tuple[int, int, int, int]  # what to do, jumps if so and if not, an operand


def _program(workers: int) -> list[Instruction]:
    """M[0] is the hash so far, M[1] its next word; X is where the identity's next octet stands."""
    by_name = _hash_name(workers)
    search: list[Instruction] = []
    for at in range(SEARCHED):
        left = (SEARCHED - 1 - at) * 7 + 1  # instructions of the search that follow these
        search += [
            (_LD_LEN, 0, 0, 0),  # a load past the end would end the program
            (_JGT, 1, 0, at + 4),
            (_JA, 0, 0, 4 + left + len(by_name)),
            (_LD, 0, 0, at),
            (_JEQ, 0, 2, _ID),
            (_LDX, 0, 0, at + 4),
            (_JA, 0, 0, left),
        ]
    search.append((_JA, 0, 0, len(by_name)))
    return [*search, *by_name, *_hash_address(workers)]


def _hash_name(workers: int) -> list[Instruction]:
    end: list[Instruction] = [(_LD_MEM, 0, 0, 0), (_MOD, 0, 0, workers), (_RET_A, 0, 0, 0)]
    octet: list[Instruction] = [
        (_LD_LEN, 0, 0, 0),
        (_SUB_X, 0, 0, 0),
        (_JEQ, 2, 0, 0),
        (_LDB_X, 0, 0, 0),
        (_JGT, 1, 0, 0x20),
        (_JA, 0, 0, 0),  # to the end: set below
        (_ST, 0, 0, 1),
        (_LD_MEM, 0, 0, 0),
        (_MUL, 0, 0, _FACTOR),
        (_ST, 0, 0, 0),
        (_TXA, 0, 0, 0),
        (_ADD, 0, 0, 1),
        (_ST, 0, 0, 2),
        (_LDX_MEM, 0, 0, 1),
        (_LD_MEM, 0, 0, 0),
        (_ADD_X, 0, 0, 0),
        (_ST, 0, 0, 0),
        (_LDX_MEM, 0, 0, 2),
    ]
    name: list[Instruction] = [(_LD_IMM, 0, 0, 0), (_ST, 0, 0, 0)]
    for number in range(HASHED):
        left = (HASHED - 1 - number) * len(octet)
        name += [*octet[:5], (_JA, 0, 0, len(octet) - 6 + left), *octet[6:]]
    return name + end


def _hash_address(workers: int) -> list[Instruction]:
    def word(load: int, offset: int) -> list[Instruction]:
        return [
            (load, 0, 0, _NET + offset),
            (_ST, 0, 0, 1),
            (_LDX_MEM, 0, 0, 1),
            (_LD_MEM, 0, 0, 0),
            (_MUL, 0, 0, _FACTOR),
            (_ADD_X, 0, 0, 0),
            (_ST, 0, 0, 0),
        ]

    end: list[Instruction] = [(_LD_MEM, 0, 0, 0), (_MOD, 0, 0, workers), (_RET_A, 0, 0, 0)]
    version4 = [*word(_LD, 12), *word(_LDH, 20), *end]
    version6 = [*(part for offset in (8, 12, 16, 20) for part in word(_LD, offset)), *word(_LDH, 40), *end]
    choice: list[Instruction] = [
        (_LD_IMM, 0, 0, 0),
        (_ST, 0, 0, 0),
        (_LDB, 0, 0, _NET),
        (_RSH, 0, 0, 4),
        (_JEQ, 0, len(version4), 4),
    ]
    return [*choice, *version4, *version6]
