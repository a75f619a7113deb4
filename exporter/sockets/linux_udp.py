"""Linux UDP with the error queue: works for every user, without any permission.

A response is tied to its probe by the sequence number and cookie in the quoted payload, or, where a
router quotes only 28 bytes, by the destination port, which differs for each TTL. From cycle to
cycle nothing in a flow varies; the flows of different TTLs differ in that port. A port given by the
user is one for all TTLs, so that all are of one flow (`PortPerTtl`), and is asked what the service
behind it answers (`udp_services`).
"""

from __future__ import annotations

import secrets

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Protocol
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.linux_datagram import Flavour
from exporter.sockets.port_per_ttl import UDP_HEADER_BYTES, PortPerTtl, open_udp
from exporter.sockets.udp_services import size_fault, udp_wire
from exporter.sockets.wire import COOKIE_BYTES


def open_linux_udp(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    family, size, port, payload = request.family, request.packet_size, request.port, request.payload
    fault = size_fault(Protocol.UDP, family, size, port, payload)
    if fault is not None:
        raise SocketUnavailable(ErrorReason.SOCKET, fault)
    header_bytes = NUMBERS[family].ip_header_bytes + UDP_HEADER_BYTES
    flavour = Flavour("linux-udp", Protocol.UDP, header_bytes)
    wire = udp_wire(family, size, secrets.token_bytes(COOKIE_BYTES), port, payload)
    if port is None:
        return open_udp(flavour, wire, request, listener)
    return PortPerTtl(flavour, wire, request, listener, alike=payload is not None)
