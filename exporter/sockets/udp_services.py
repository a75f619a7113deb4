"""Pure: what to say to a UDP port, so that the service behind it answers.

A port of a well-known service gets a question of its protocol, any other our own datagram, unless
the user gives the payload.
"""

from __future__ import annotations

from typing import Final

from exporter.model import Family, Protocol
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.wire import Wire
from exporter.sockets.wire_dns import DNS_PORT, DnsWire
from exporter.sockets.wire_ntp import NTP_PORT, NtpWire
from exporter.sockets.wire_quic import QUIC_DATAGRAM_BYTES, QUIC_PORT, QuicWire
from exporter.sockets.wire_udp import PayloadWire, UdpWire

_UDP_HEADER_BYTES: Final = 8
_FIXED_SIZE: Final = (DNS_PORT, NTP_PORT)


def udp_wire(
    family: Family,
    packet_size: int | None,
    cookie: bytes,
    port: int | None,
    payload: bytes | None,
) -> Wire:
    """The wire for a port and, where the user gave one, a payload."""
    if port is not None and payload is not None:
        return PayloadWire(payload, port)
    if port == DNS_PORT:
        return DnsWire(family, cookie)
    if port == NTP_PORT:
        return NtpWire(family, cookie)
    if port == QUIC_PORT:
        return QuicWire(family, packet_size, cookie)
    return UdpWire(family, packet_size, cookie, port)


def size_fault(
    protocol: Protocol,
    family: Family,
    packet_size: int | None,
    port: int | None,
    payload: bytes | None,
) -> str | None:
    """Why packets cannot have this size, IP header included, in words; None where they can."""
    if packet_size is None:
        return None
    if payload is not None or (protocol is Protocol.UDP and port in _FIXED_SIZE):
        return "what is sent there has a size of its own"
    quic = protocol is Protocol.QUIC or (protocol is Protocol.UDP and port == QUIC_PORT)
    header = NUMBERS[family].ip_header_bytes + _UDP_HEADER_BYTES
    least = header + (QUIC_DATAGRAM_BYTES if quic else 0)
    if packet_size < least:
        return f"a packet of this protocol and family has at least {least} bytes"
    return None
