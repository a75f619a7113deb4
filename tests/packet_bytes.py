"""Whole ICMP packets for tests, as routers and destinations send them and kernels deliver them."""

from __future__ import annotations

import struct

from exporter.model import ExtensionObject, Family
from tests.lab import packets as p

US = {
    Family.IPV4: bytes((10, 99, 0, 2)),
    Family.IPV6: bytes.fromhex("20010db8") + bytes(11) + b"\2",
}
THEM = {
    Family.IPV4: bytes((192, 0, 2, 1)),
    Family.IPV6: bytes.fromhex("20010db80300") + bytes(9) + b"\1",
}
ROUTER = {
    Family.IPV4: bytes((198, 51, 100, 1)),
    Family.IPV6: bytes.fromhex("20010db80100") + bytes(9) + b"\1",
}
VERSIONS = {Family.IPV4: 4, Family.IPV6: 6}
PROTOCOLS = {Family.IPV4: p.ICMP, Family.IPV6: p.ICMPV6}
MPLS = (ExtensionObject(1, 1, bytes.fromhex("05dd1101")),)


def echo(family: Family, identifier: int, sequence: int = 1, body: bytes = bytes(32)) -> bytes:
    """An echo request, checksum zero."""
    return (
        struct.pack("!BBHHH", p.ECHO_REQUESTS[VERSIONS[family]], 0, 0, identifier, sequence) + body
    )


def quoted(family: Family, message: bytes, protocol: int | None = None) -> bytes:
    """The packet with this message on its way to them, as a router quotes it."""
    number = PROTOCOLS[family] if protocol is None else protocol
    return p.ip_packet(US[family], THEM[family], number, 1, message)


def with_options(packet: bytes, options: bytes = b"\1\1\1\0" * 2) -> bytes:
    """An IPv4 packet with options in its header (RFC 791 section 3.1)."""
    header = 5 + len(options) // 4
    return bytes((0x40 | header,)) + packet[1:20] + options + packet[20:]


def error(family: Family, quote: bytes, *, kind: int | None = None, **more: object) -> bytes:
    """An ICMP error message with its right checksum (IPv6: zero); time exceeded unless told."""
    version = VERSIONS[family]
    number = p.TIME_EXCEEDED[version] if kind is None else kind
    extensions = p.extension_structure(more.pop("extensions", ()))  # type: ignore[arg-type]
    code, rest = more.pop("code", 0), more.pop("rest", 0)
    message = p.icmp_error(version, number, code, quote, extensions, rest)  # type: ignore[arg-type]
    return checked(family, message)


def checked(family: Family, message: bytes) -> bytes:
    """An ICMP message with its checksum; one of ICMPv6 is left alone: kernels check those."""
    if family is Family.IPV6:
        return message
    return message[:2] + p.checksum(message).to_bytes(2, "big") + message[4:]


def reply(family: Family, request: bytes) -> bytes:
    """The echo reply to a request."""
    return checked(family, bytes((p.ECHO_REPLIES[VERSIONS[family]], 0, 0, 0)) + request[4:])


def delivered(family: Family, message: bytes, ttl: int = 60, source: bytes | None = None) -> bytes:
    """What a socket reads on Linux: with an IPv4 header in front, without an IPv6 header."""
    if family is Family.IPV6:
        return message
    return p.ip_packet(source or ROUTER[family], US[family], p.ICMP, ttl, message)


def delivered_by_apple(message: bytes, ttl: int = 60) -> bytes:
    """The same on macOS: `ip_len` and `ip_off` in host byte order, the length without the header.

    See icmp(4), "ip_off and ip_len fields are in host byte order", and ip_input of xnu, which
    deducts the header. In an error the quoted header has its length in host byte order too
    (icmp_input), after the checksum was verified.
    """
    packet = bytearray(delivered(Family.IPV4, message, ttl))
    packet[2:4] = struct.pack("=H", len(message))
    if message[0] in (3, 11, 12):
        packet[30:32] = packet[31:29:-1]
    return bytes(packet)
