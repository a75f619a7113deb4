"""Linux QUIC: what a web server of today answers on UDP port 443, without any permission.

A response is tied to its probe by the connection ids, in quotes and in Version Negotiation alike.
All probes are of one flow, for addresses and ports never vary; where routers quote only 28 bytes,
`PortPerTtl` says what happens.
"""

from __future__ import annotations

import secrets

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Protocol
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.linux_datagram import Flavour
from exporter.sockets.port_per_ttl import UDP_HEADER_BYTES, PortPerTtl
from exporter.sockets.udp_services import size_fault
from exporter.sockets.wire import COOKIE_BYTES
from exporter.sockets.wire_quic import QUIC_PORT, QuicWire


def open_linux_quic(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    family, size, port = request.family, request.packet_size, request.port or QUIC_PORT
    fault = size_fault(Protocol.QUIC, family, size, port, None)
    if fault is not None:
        raise SocketUnavailable(ErrorReason.SOCKET, fault)
    header_bytes = NUMBERS[family].ip_header_bytes + UDP_HEADER_BYTES
    flavour = Flavour("linux-quic", Protocol.QUIC, header_bytes)
    wire = QuicWire(family, size, secrets.token_bytes(COOKIE_BYTES), port)
    return PortPerTtl(flavour, wire, request, listener)
