"""Reads probes from and writes answers to bytes: IPv4, IPv6, ICMP, UDP and TCP. Pure.

Sources: RFC 791, 8200, 792, 4443, 768, 9293; extensions RFC 4884 and 4950; QUIC RFC 9000
section 17.2.1. All checksums are real (RFC 1071).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from exporter.model import ExtensionObject

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ECHO_REQUESTS = {4: 8, 6: 128}
ECHO_REPLIES = {4: 0, 6: 129}
TIME_EXCEEDED = {4: 11, 6: 3}
UNREACHABLE = {4: 3, 6: 1}
PORT_UNREACHABLE = {4: 3, 6: 4}
FRAGMENTATION_NEEDED = 4
PACKET_TOO_BIG = 2
MAX_ERROR_SIZE = {4: 576, 6: 1280}
MIN_QUOTE = 128
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


class Packet(NamedTuple):
    """A packet sent by the host. `first`, `second` are the ports, or the echo id and sequence.

    `header` is the length of the IP header, `kind` the ICMP type or the flags of TCP, `flow` all
    that a balancing router hashes.
    """

    data: bytes
    version: int
    header: int
    ttl: int
    protocol: int
    source: bytes
    destination: bytes
    kind: int
    first: int
    second: int
    flow: bytes
    dont_fragment: bool


def checksum(data: bytes) -> int:
    """The internet checksum: the ones' complement sum is the remainder by 65535."""
    value = int.from_bytes(data, "big")
    if len(data) % 2:
        value <<= 8
    remainder = value % 0xFFFF
    if remainder == 0 and value:
        return 0
    return 0xFFFF - remainder


def parse(data: bytes) -> Packet | None:
    """Read a packet; None where it is no IP, a later fragment, or cut off."""
    if len(data) < 28:
        return None
    version = data[0] >> 4
    if version == 4:
        header, protocol, ttl = (data[0] & 15) * 4, data[9], data[8]
        source, destination = data[12:16], data[16:20]
        fragment = int.from_bytes(data[6:8], "big")
        dont_fragment = bool(fragment & 0x4000)
        if fragment & 0x1FFF:
            return None
    elif version == 6:
        header, protocol, ttl = 40, data[6], data[7]
        source, destination = data[8:24], data[24:40]
        dont_fragment = True
    else:
        return None
    if header < 20 or len(data) < header + 8:
        return None
    kind, _, _, first, second = struct.unpack_from("!BBHHH", data, header)
    if protocol in (UDP, TCP):
        first, second = struct.unpack_from("!HH", data, header)
        kind = 0
        hashed = data[header : header + 4]
    else:
        hashed = data[header : header + 6]
    if protocol == TCP:
        if len(data) < header + 20:
            return None
        kind = data[header + 13]
    flow = b"%c%b%b%b" % (protocol, source, destination, hashed)
    return Packet(
        data,
        version,
        header,
        ttl,
        protocol,
        source,
        destination,
        kind,
        first,
        second,
        flow,
        dont_fragment,
    )


def with_ttl(packet: Packet, ttl: int) -> bytes:
    """The packet as a router saw it that received it with this TTL, IPv4 checksum included."""
    data = bytearray(packet.data)
    if packet.version == 6:
        data[7] = ttl
        return bytes(data)
    data[8] = ttl
    data[10:12] = b"\0\0"
    data[10:12] = checksum(bytes(data[: packet.header])).to_bytes(2, "big")
    return bytes(data)


def ip_packet(source: bytes, destination: bytes, protocol: int, ttl: int, payload: bytes) -> bytes:
    """Put an IP header in front; the family is that of the addresses."""
    if len(source) == 16:
        return (
            struct.pack("!IHBB", 0x60000000, len(payload), protocol, ttl)
            + source
            + destination
            + payload
        )
    total = 20 + len(payload)
    head = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0, ttl, protocol, 0)
    value = checksum(head + source + destination)
    head = struct.pack("!BBHHHBBH", 0x45, 0, total, 0, 0, ttl, protocol, value)
    return head + source + destination + payload


def _pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    if len(source) == 16:
        return source + destination + struct.pack("!II", length, protocol)
    return source + destination + struct.pack("!HH", protocol, length)


def icmp_packet(source: bytes, destination: bytes, ttl: int, message: bytes) -> bytes:
    """A whole ICMP or ICMPv6 packet of a message whose checksum field (bytes 2, 3) is zero."""
    if len(source) == 4:
        value, protocol = checksum(message), ICMP
    else:
        pseudo = _pseudo_header(source, destination, ICMPV6, len(message))
        value, protocol = checksum(pseudo + message), ICMPV6
    message = message[:2] + value.to_bytes(2, "big") + message[4:]
    return ip_packet(source, destination, protocol, ttl, message)


def echo_reply(packet: Packet) -> bytes:
    """The message that answers an echo request: all the same but the type."""
    start = packet.header
    return bytes((ECHO_REPLIES[packet.version], 0, 0, 0)) + packet.data[start + 4 :]


def extension_structure(objects: tuple[ExtensionObject, ...]) -> bytes:
    """The extensions as bytes (RFC 4884 section 7), empty where there are no objects."""
    if not objects:
        return b""
    body = b"\x20\0\0\0" + b"".join(
        struct.pack("!HBB", 4 + len(each.payload), each.class_number, each.c_type) + each.payload
        for each in objects
    )
    return body[:2] + checksum(body).to_bytes(2, "big") + body[4:]


def icmp_error(
    version: int, kind: int, code: int, quote: bytes, extensions: bytes = b"", rest: int = 0
) -> bytes:
    """An ICMP error message, checksum still zero. `rest` is the MTU where the type has one.

    With extensions the quote is padded with zeros to 128 bytes and to whole words, and its
    length stands in the header in 32-bit (IPv4) or 64-bit words (IPv6), RFC 4884 sections 4, 5.
    """
    if extensions:
        word = 4 if version == 4 else 8
        limit = MAX_ERROR_SIZE[version] - (28 if version == 4 else 48) - len(extensions)
        quote = quote[: limit // word * word]
        size = max(MIN_QUOTE, -(-len(quote) // word) * word)
        quote = quote.ljust(size, b"\0")
        rest |= (size // word) << (16 if version == 4 else 24)
    return struct.pack("!BBHI", kind, code, 0, rest) + quote + extensions


def udp_packet(
    source: bytes, destination: bytes, ports: tuple[int, int], ttl: int, payload: bytes
) -> bytes:
    """A whole UDP packet; a checksum of zero is sent as all ones (RFC 768)."""
    length = 8 + len(payload)
    head = struct.pack("!HHHH", *ports, length, 0)
    pseudo = _pseudo_header(source, destination, UDP, length)
    value = checksum(pseudo + head + payload) or 0xFFFF
    head = struct.pack("!HHHH", *ports, length, value)
    return ip_packet(source, destination, UDP, ttl, head + payload)


def tcp_answer(packet: Packet, ttl: int, flags: int) -> bytes:
    """A segment without data that acknowledges the packet's; a SYN among `flags` starts at 1."""
    start = packet.header
    theirs, acknowledged = struct.unpack_from("!II", packet.data, start + 4)
    sent = packet.kind
    length = len(packet.data) - start - (packet.data[start + 12] >> 4) * 4
    advance = length + bool(sent & SYN) + bool(sent & FIN)
    sequence = 1 if flags & SYN else (acknowledged if sent & ACK else 0)
    ports = (packet.second, packet.first)
    numbers = (sequence, (theirs + advance) & 0xFFFFFFFF)
    segment = struct.pack("!HHIIBBHHH", *ports, *numbers, 0x50, flags, 65535, 0, 0)
    pseudo = _pseudo_header(packet.destination, packet.source, TCP, len(segment))
    value = checksum(pseudo + segment)
    segment = segment[:16] + value.to_bytes(2, "big") + segment[18:]
    return ip_packet(packet.destination, packet.source, TCP, ttl, segment)


def version_negotiation(payload: bytes) -> bytes | None:
    """What a QUIC server answers to this datagram; None where it would stay silent.

    Only a long header of an unknown version in at least 1,200 bytes is answered (RFC 9000
    sections 5.2.2 and 6.1); the connection ids come back exchanged.
    """
    if len(payload) < 1200 or not payload[0] & 0x80 or payload[1:5] in QUIC_VERSIONS:
        return None
    to_length = payload[5]
    from_length = payload[6 + to_length]
    to_id = payload[6 : 6 + to_length]
    from_id = payload[7 + to_length : 7 + to_length + from_length]
    return b"\xc0\0\0\0\0%c%b%c%b%b" % (from_length, from_id, to_length, to_id, QUIC_V1)


QUIC_V1 = b"\0\0\0\1"
QUIC_VERSIONS = (b"\0\0\0\0", QUIC_V1, bytes.fromhex("6b3343cf"))
