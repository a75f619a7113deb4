"""What ICMP and ICMPv6 messages mean, by address family: one table instead of two twins."""

from __future__ import annotations

from dataclasses import dataclass

from exporter.model import Family, Kind

ECHO_HEADER_BYTES = 8


@dataclass(frozen=True, slots=True)
class IcmpNumbers:
    """Message numbers of one family (RFC 792, RFC 4443), and its least IP header in bytes."""

    echo_request: int
    echo_reply: int
    time_exceeded: int
    unreachable: int
    port_unreachable: int
    ip_header_bytes: int
    too_big: tuple[int, int]
    host_unreachable: int


NUMBERS = {
    Family.IPV4: IcmpNumbers(8, 0, 11, 3, 3, 20, (3, 4), 1),
    Family.IPV6: IcmpNumbers(128, 129, 3, 1, 4, 40, (2, 0), 3),
}


def kind_of(family: Family, icmp_type: int) -> Kind:
    """The kind of an ICMP error. Packet too big and parameter problem end a path as well."""
    if icmp_type == NUMBERS[family].time_exceeded:
        return Kind.TIME_EXCEEDED
    return Kind.UNREACHABLE


def code_of(family: Family, icmp_type: int, code: int) -> int | None:
    """The code of a destination unreachable; None for every other message."""
    return code if icmp_type == NUMBERS[family].unreachable else None


def reaches(family: Family, kind: Kind, code: int | None) -> bool:
    """Whether such an answer of the destination says that the probe arrived there."""
    if kind is Kind.UNREACHABLE:
        return code == NUMBERS[family].port_unreachable
    return kind is not Kind.TIME_EXCEEDED


def mtu_of(family: Family, icmp_type: int, code: int, info: int) -> int | None:
    """The next link's MTU that "fragmentation needed" (RFC 1191 section 4) or "packet too big"

    (RFC 4443 section 3.2) tells; None for every other message and where an old router tells none.
    """
    return info or None if (icmp_type, code) == NUMBERS[family].too_big else None
