"""What ICMP and ICMPv6 messages mean, by address family: one table instead of two twins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from exporter.model import Family, Kind

ECHO_HEADER_BYTES = 8


@dataclass(frozen=True, slots=True)
class IcmpNumbers:
    """Message numbers of one family (RFC 792, RFC 4443), and its least IP header in bytes.

    `errors` are the types that say what became of a packet. A redirect or a source quench quotes
    one too, but that was forwarded all the same.
    """

    echo_request: int
    echo_reply: int
    time_exceeded: int
    unreachable: int
    port_unreachable: int
    ip_header_bytes: int
    too_big: tuple[int, int]
    host_unreachable: int
    errors: frozenset[int]


NUMBERS = {
    Family.IPV4: IcmpNumbers(8, 0, 11, 3, 3, 20, (3, 4), 1, frozenset({3, 11, 12})),
    Family.IPV6: IcmpNumbers(128, 129, 3, 1, 4, 40, (2, 0), 3, frozenset({1, 2, 3, 4})),
}


class Meaning(NamedTuple):
    """What an ICMP error says; sent by the destination itself, `arrived` says that the probe did.

    `code` is that of a destination unreachable, else None. `tells_mtu` marks "fragmentation needed"
    (RFC 1191 section 4) and "packet too big" (RFC 4443 section 3.2), which may tell the MTU of the
    next link. Packet too big and parameter problem end a path as an unreachable does.
    """

    kind: Kind
    code: int | None
    arrived: bool
    tells_mtu: bool


@cache
def meaning_of(family: Family, icmp_type: int, code: int) -> Meaning:
    """What this type and code, one byte each, mean."""
    numbers = NUMBERS[family]
    kind = Kind.TIME_EXCEEDED if icmp_type == numbers.time_exceeded else Kind.UNREACHABLE
    told = code if icmp_type == numbers.unreachable else None
    arrived = told == numbers.port_unreachable
    return Meaning(kind, told, arrived, (icmp_type, code) == numbers.too_big)
