"""Pure writing of what the kernel leaves to a program with a raw socket: id, checksum, header."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from exporter.model import Family
from exporter.sockets.extensions import internet_checksum

_NUMBER = struct.Struct("!H")
_IPV4_HEADER = struct.Struct("!BB2sH2sBBH4s4s")
_DONT_FRAGMENT = 0x4000
_ICMP = 1


def identified(family: Family, request: bytes, identifier: int) -> bytes:
    """An echo request with this id and, for IPv4, its checksum (RFC 792).

    ICMPv6 checksums cover addresses, and the kernel computes them (RFC 3542 section 3.1).
    """
    request = request[:4] + _NUMBER.pack(identifier) + request[6:]
    if family is Family.IPV6:
        return request
    return request[:2] + _NUMBER.pack(internet_checksum(request)) + request[4:]


@dataclass(frozen=True, slots=True)
class Ipv4Header:
    """The constant part of an IPv4 header written by this program (`IP_HDRINCL`).

    `order` is the byte order that the kernel wants length and flags in, "=" or "!". The kernel
    fills in identification and checksum, and the source where it is zero: raw(7), ip(4).
    """

    source: bytes
    destination: bytes
    traffic_class: int
    dont_fragment: bool
    order: str

    def packet(self, ttl: int, message: bytes) -> bytes:
        """The whole packet."""
        number = struct.Struct(f"{self.order}H")
        length = number.pack(_IPV4_HEADER.size + len(message))
        flags = number.pack(_DONT_FRAGMENT if self.dont_fragment else 0)
        fields = (0x45, self.traffic_class, length, 0, flags, ttl, _ICMP, 0)
        return _IPV4_HEADER.pack(*fields, self.source, self.destination) + message
