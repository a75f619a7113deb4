"""Classic BPF for raw ICMP sockets of Linux: the kernel drops what belongs to other programs.

Without it each raw socket gets, and is woken by, every ICMP packet of the host. The filter looks
at what the socket would read: from the IPv4 header, or from the ICMPv6 header (which RFC 3542
section 3 gives to raw sockets), and a read beyond the end drops the packet (linux/filter.h).
"""

from __future__ import annotations

import ctypes
import socket
import struct

from exporter.model import Family
from exporter.sockets.icmp import NUMBERS

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")
_FPROG = struct.Struct("@HP")

_BYTE, _HALF = 0x30, 0x28
_BYTE_AT_X, _HALF_AT_X = 0x50, 0x48
_X_IS_HEADER_BYTES = 0xB1
_AND, _SHIFT_LEFT, _ADD_X, _TO_X = 0x54, 0x64, 0x0C, 0x07
_IF, _RETURN = 0x15, 0x06
_PASS, _DROP = (_RETURN, 0xFFFFFFFF), (_RETURN, 0)

_Line = str | tuple[int, int] | tuple[int, int, str] | tuple[int, int, str, str]
"""A label, or an instruction: code, operand, and where to go if equal and if not (else on)."""


def echo_filter(family: Family, identifier: int) -> bytes:
    """A program that passes echo replies with this id, and errors that quote a request with it.

    An IPv6 quote with extension headers passes too: only a loop could find the end of them.
    """
    return _assemble(_ipv4(identifier) if family is Family.IPV4 else _ipv6(identifier))


def _ipv4(identifier: int) -> list[_Line]:
    return [
        (_X_IS_HEADER_BYTES, 0),
        (_BYTE_AT_X, 0),
        (_IF, NUMBERS[Family.IPV4].echo_reply, "reply"),
        (_BYTE_AT_X, 8 + 9),
        (_IF, socket.IPPROTO_ICMP, "", "drop"),
        (_BYTE_AT_X, 8),
        (_AND, 0x0F),
        (_SHIFT_LEFT, 2),
        (_ADD_X, 0),
        (_TO_X, 0),
        (_BYTE_AT_X, 8),
        (_IF, NUMBERS[Family.IPV4].echo_request, "", "drop"),
        (_HALF_AT_X, 8 + 4),
        (_IF, identifier, "pass", "drop"),
        "reply",
        (_HALF_AT_X, 4),
        (_IF, identifier, "pass", "drop"),
        "pass",
        _PASS,
        "drop",
        _DROP,
    ]


def _ipv6(identifier: int) -> list[_Line]:
    extensions = (
        socket.IPPROTO_HOPOPTS,
        socket.IPPROTO_ROUTING,
        socket.IPPROTO_FRAGMENT,
        socket.IPPROTO_DSTOPTS,
    )
    return [
        (_BYTE, 0),
        (_IF, NUMBERS[Family.IPV6].echo_reply, "reply"),
        (_BYTE, 8 + 6),
        *((_IF, each, "pass") for each in extensions),
        (_IF, socket.IPPROTO_ICMPV6, "", "drop"),
        (_BYTE, 48),
        (_IF, NUMBERS[Family.IPV6].echo_request, "", "drop"),
        (_HALF, 48 + 4),
        (_IF, identifier, "pass", "drop"),
        "reply",
        (_HALF, 4),
        (_IF, identifier, "pass", "drop"),
        "pass",
        _PASS,
        "drop",
        _DROP,
    ]


def _assemble(lines: list[_Line]) -> bytes:
    """Machine code: jumps count the instructions that they pass over."""
    labels: dict[str, int] = {}
    instructions: list[tuple[int, int, tuple[str, ...]]] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(instructions)
        else:
            instructions.append((line[0], line[1], line[2:]))
    program = b""
    for place, (code, operand, targets) in enumerate(instructions, 1):
        yes, no = (labels.get(target, place) - place for target in (*targets, "", "")[:2])
        program += _INSTRUCTION.pack(code, yes, no, operand)
    return program


def attach(sock: socket.socket, program: bytes) -> None:
    """Put the program in front of a socket's receive queue (socket(7)). Raises `OSError`."""
    code = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION.size
    sock.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, _FPROG.pack(count, ctypes.addressof(code))
    )
