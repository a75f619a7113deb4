"""Pure: what Windows writes into the reply buffer of an echo request, and what its numbers mean.

Layouts and numbers are those of ipexport.h (`ICMP_ECHO_REPLY`, `ICMPV6_ECHO_REPLY`, `IP_STATUS`).
Pointers have the width of this process: on 64 bits a reply takes 40 bytes, over IPv6 36 anywhere.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from exporter.errors import ErrorReason, MalformedPacket, ProbeError, SendBlocked
from exporter.model import Family, Kind

REPLY4 = struct.Struct("@4sIIHHPBBBBP")
REPLY6 = struct.Struct("=HI16sI2xII")
REPLY_BYTES = {Family.IPV4: REPLY4.size, Family.IPV6: REPLY6.size}
_CLOCK_TICK_NS = 16_000_000
_MILLISECOND_NS = 1_000_000

SUCCESS, PACKET_TOO_BIG, TIMED_OUT, GENERAL_FAILURE = 0, 11009, 11010, 11050
_SOURCE_QUENCH = 11016
NO_ANSWER = frozenset((TIMED_OUT, _SOURCE_QUENCH))
"""Nothing is known of the way: no answer came in time, or one that RFC 6633 tells us to ignore."""

_EITHER: dict[int, tuple[Kind, int | None]] = {
    SUCCESS: (Kind.ECHO_REPLY, None),
    11013: (Kind.TIME_EXCEEDED, None),
    11014: (Kind.TIME_EXCEEDED, None),
    11015: (Kind.UNREACHABLE, None),
}
MEANINGS: dict[Family, dict[int, tuple[Kind, int | None]]] = {
    Family.IPV4: _EITHER
    | {
        11002: (Kind.UNREACHABLE, 0),
        11003: (Kind.UNREACHABLE, 1),
        11004: (Kind.UNREACHABLE, 2),
        11005: (Kind.UNREACHABLE, 3),
        PACKET_TOO_BIG: (Kind.UNREACHABLE, 4),
    },
    Family.IPV6: _EITHER
    | {
        11002: (Kind.UNREACHABLE, 0),
        11003: (Kind.UNREACHABLE, 3),
        11004: (Kind.UNREACHABLE, 1),
        11005: (Kind.UNREACHABLE, 4),
        PACKET_TOO_BIG: (Kind.UNREACHABLE, None),
        11040: (Kind.UNREACHABLE, None),
        11041: (Kind.TIME_EXCEEDED, None),
        11042: (Kind.UNREACHABLE, None),
        11043: (Kind.UNREACHABLE, None),
        11044: (Kind.UNREACHABLE, None),
        11045: (Kind.UNREACHABLE, 2),
    },
}
"""The kind of an answer by its status, and the ICMP code as near as Windows tells it.

It names only four reasons of unreachability; what other codes become is its own affair.
"""

_BLOCKED = frozenset((8, 14, 1450, 1453, 1816, 11006))
_NO_ROUTE = frozenset((1214, 1231, 1232, 11002, 11003, 11012, 11018, 11045))
_FORBIDDEN = frozenset((5, 1260, 11004))
_WORDS = {
    5: "access denied",
    1231: "no route to its network",
    1232: "no route to it",
    11001: "the reply buffer is too small",
    11002: "no route to its network",
    11003: "the next hop does not answer on its link",
    11006: "not enough resources",
    11008: "hardware error",
    PACKET_TOO_BIG: "the packet is too big for the first link",
    11012: "bad route",
    11018: "bad destination",
    11032: "IPsec is being negotiated",
    GENERAL_FAILURE: "general failure",
}


class Reply(NamedTuple):
    """One decoded reply: status, whole milliseconds, TTL left in it, and the data it carries."""

    address: str
    status: int
    rtt_ms: int
    ttl: int | None
    data: bytes


def parse_reply(family: Family, memory: bytes, start: int, sent: int) -> Reply:
    """Decode a reply buffer that lies at address `start`; `sent` is the size of the echoed data.

    Raises `MalformedPacket` where the buffer is too short for a reply.
    """
    if len(memory) < REPLY_BYTES[family]:
        raise MalformedPacket(f"a reply of {len(memory)} bytes")
    if family is Family.IPV4:
        packed, status, rtt, size, _, data, ttl, *_ = REPLY4.unpack_from(memory)
        return Reply(
            str(IPv4Address(packed)), status, rtt, ttl or None, _part(memory, data - start, size)
        )
    _, _, packed, _, status, rtt = REPLY6.unpack_from(memory)
    data = _part(memory, REPLY6.size, sent if status == SUCCESS else 0)
    return Reply(str(IPv6Address(packed)), status, rtt, None, data)


def _part(memory: bytes, offset: int, size: int) -> bytes:
    """The bytes that a pointer of Windows means; none where it leads out of the buffer."""
    if offset < 0 or offset + size > len(memory):
        return b""
    return memory[offset : offset + size]


def round_trip(elapsed_ns: int, rtt_ms: int) -> float:
    """Seconds from sending to the answer, of our own measurement and the one of Windows.

    Ours is finer and wins. It ends when a thread wakes up, so that it is too long where this
    process was held up: where Windows saw the answer more than a tick of its coarse clock earlier,
    the end of its millisecond counts. Its 0 says nothing: it may stand for "not measured".
    """
    told_ns = (rtt_ms + 1) * _MILLISECOND_NS
    if rtt_ms and elapsed_ns > told_ns + _CLOCK_TICK_NS:
        return told_ns / 1e9
    return elapsed_ns / 1e9


def failure(status: int, destination: str) -> ProbeError:
    """What a failure of this host means to the tracer; `status` is an IP or a Windows error."""
    message = f"cannot send to {destination}: {_WORDS.get(status, f'Windows error {status}')}"
    if status in _BLOCKED:
        return SendBlocked(message)
    if status in _NO_ROUTE:
        return ProbeError(ErrorReason.UNREACHABLE_NETWORK, message)
    if status in _FORBIDDEN:
        return ProbeError(ErrorReason.PERMISSION, message)
    return ProbeError(ErrorReason.SEND, message)
