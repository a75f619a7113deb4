"""Pure reading of whole ICMP packets, for sockets that have no error queue.

Each function trusts the length of the data it was given and no length field of an IP header: some
kernels deliver `ip_len` in host byte order and without the header (icmp(4) of macOS, ip(4) of the
BSDs), and rewrite it so in quoted packets as well.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from exporter.errors import MalformedPacket
from exporter.model import ExtensionObject, Family
from exporter.sockets.extensions import extensions_at, internet_checksum
from exporter.sockets.icmp import ECHO_HEADER_BYTES, NUMBERS
from exporter.sockets.icmp_quirks import Quirks

ICMP, ICMPV6 = 1, 58
_IPV4_BYTES, _IPV6_BYTES = 20, 40
_ERROR = struct.Struct("!BBHI")
_NUMBER = struct.Struct("!H")
_FRAGMENT_OFFSET = 0x1FFF
_FRAGMENT_HEADER = 44
_SKIPPED_HEADERS = {0, 43, 60}
_LEAST_QUOTE = 128


@dataclass(frozen=True, slots=True)
class _Errors:
    """Where RFC 4884 puts the length of the quote in the ICMP errors of one family.

    `length_at` is the byte of the ICMP header, `unit` what it counts in bytes (sections 4.1, 4.4).
    """

    with_length: frozenset[int]
    length_at: int
    unit: int


_ERRORS = {
    Family.IPV4: _Errors(frozenset({3, 11, 12}), 5, 4),
    Family.IPV6: _Errors(frozenset({1, 3}), 4, 8),
}


class Received(NamedTuple):
    """An IPv4 packet without its header: the TTL left, and what it carries."""

    ttl: int
    message: bytes


class EchoReply(NamedTuple):
    """An ICMP echo reply with this id, `message` being the whole of it."""

    identifier: int
    message: bytes


class QuotedEcho(NamedTuple):
    """An ICMP error about an echo request.

    `mtu` is what stands where "too big" has the MTU of the next link. `destination` is that of the
    quoted packet, as bytes; `quote` starts with the quoted ICMP header.
    """

    icmp_type: int
    code: int
    mtu: int
    destination: bytes
    identifier: int
    quote: bytes
    extensions: tuple[ExtensionObject, ...]


def read_packet(
    quirks: Quirks, family: Family, data: bytes
) -> tuple[EchoReply | QuotedEcho | None, int | None]:
    """What a received packet has to do with an echo request, and its TTL where it has a header.

    Raises `MalformedPacket`.
    """
    ttl, message = None, data
    if quirks.header_in_front:
        received = split_ipv4(data)
        if received is None:
            return None, None
        ttl, message = received
    if not quirks.checked and internet_checksum(message):
        raise MalformedPacket("ICMP message with a wrong checksum")
    return parse_message(family, message), ttl


def split_ipv4(packet: bytes) -> Received | None:
    """Take off the IPv4 header, options included (RFC 791 section 3.1); None if it is no ICMP.

    Raises `MalformedPacket` where the header is cut off or of another version.
    """
    header = _ipv4_header_bytes(packet)
    if packet[9] != ICMP:
        return None
    return Received(packet[8], packet[header:])


def parse_message(family: Family, message: bytes) -> EchoReply | QuotedEcho | None:
    """What an ICMP message has to do with an echo request; None for nothing.

    Raises `MalformedPacket` where it, or the packet it quotes, is cut off.
    """
    if len(message) < ECHO_HEADER_BYTES:
        raise MalformedPacket(f"ICMP message of {len(message)} bytes")
    if message[0] == NUMBERS[family].echo_reply:
        (identifier,) = _NUMBER.unpack_from(message, 4)
        return EchoReply(identifier, message)
    if message[0] in NUMBERS[family].errors:
        return _parse_error(family, message)
    return None


def _parse_error(family: Family, message: bytes) -> QuotedEcho | None:
    icmp_type, code, _, word = _ERROR.unpack_from(message)
    errors = _ERRORS[family]
    packet = message[_ERROR.size :]
    length = message[errors.length_at] * errors.unit if icmp_type in errors.with_length else 0
    # A router of before RFC 4884 may leave anything there; a structure of such a one is believed
    # by its checksum only.
    told = _LEAST_QUOTE <= length <= len(packet)
    extensions = extensions_at(packet, length if told else _LEAST_QUOTE, proven=not told)
    packet = packet[:length] if told else packet
    split = _split_ipv4_quote if family is Family.IPV4 else _split_ipv6_quote
    found = split(packet)
    if found is None:
        return None
    destination, quote = found
    if len(quote) < ECHO_HEADER_BYTES:
        raise MalformedPacket(f"ICMP error that quotes {len(quote)} bytes of an ICMP message")
    if quote[0] != NUMBERS[family].echo_request:
        return None
    (identifier,) = _NUMBER.unpack_from(quote, 4)
    mtu = word & 0xFFFF if family is Family.IPV4 else word
    return QuotedEcho(icmp_type, code, mtu, destination, identifier, quote, extensions)


def _ipv4_header_bytes(packet: bytes) -> int:
    if len(packet) < _IPV4_BYTES or packet[0] >> 4 != 4:
        raise MalformedPacket("no IPv4 header")
    header = (packet[0] & 15) * 4
    if not _IPV4_BYTES <= header <= len(packet):
        raise MalformedPacket(f"IPv4 header of {header} bytes in {len(packet)}")
    return header


def _split_ipv4_quote(packet: bytes) -> tuple[bytes, bytes] | None:
    """Destination and ICMP message of a quoted packet; None if it is none, or a later fragment."""
    header = _ipv4_header_bytes(packet)
    (fragment,) = _NUMBER.unpack_from(packet, 6)
    if packet[9] != ICMP or fragment & _FRAGMENT_OFFSET:
        return None
    return packet[16:20], packet[header:]


def _split_ipv6_quote(packet: bytes) -> tuple[bytes, bytes] | None:
    """The same for IPv6; extension headers are passed over (RFC 8200 section 4)."""
    if len(packet) < _IPV6_BYTES or packet[0] >> 4 != 6:
        raise MalformedPacket("no IPv6 header")
    destination = packet[24:40]
    kind, start = packet[6], _IPV6_BYTES
    while kind in _SKIPPED_HEADERS or kind == _FRAGMENT_HEADER:
        if start + 8 > len(packet):
            raise MalformedPacket("IPv6 extension header cut off")
        if kind == _FRAGMENT_HEADER:
            (fragment,) = _NUMBER.unpack_from(packet, start + 2)
            if fragment >> 3:
                return None
            size = 8
        else:
            size = (packet[start + 1] + 1) * 8
        kind, start = packet[start], start + size
    if kind != ICMPV6:
        return None
    return destination, packet[min(start, len(packet)) :]
