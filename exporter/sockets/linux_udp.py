"""Linux UDP with the error queue: works for every user, without any permission.

A response is tied to its probe by the sequence number and cookie in the quoted payload, or, where a
router quotes only 28 bytes, by the destination port, which differs for each TTL. From cycle to
cycle nothing in a flow varies; the flows of different TTLs differ in that port.
"""

from __future__ import annotations

import secrets
import socket

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Protocol
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.linux_datagram import Flavour, LinuxDatagramSocket
from exporter.sockets.linux_socket import open_socket
from exporter.sockets.wire import COOKIE_BYTES, UdpWire

_UDP_HEADER_BYTES = 8


def open_linux_udp(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    try:
        sock = open_socket(request, socket.IPPROTO_UDP)
    except OSError as error:
        message = f"cannot open a UDP socket: {error.strerror}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error
    header_bytes = NUMBERS[request.family].ip_header_bytes + _UDP_HEADER_BYTES
    cookie = secrets.token_bytes(COOKIE_BYTES)
    return LinuxDatagramSocket(
        Flavour("linux-udp", Protocol.UDP, header_bytes),
        sock,
        UdpWire(request.family, request.packet_size, cookie, request.port),
        request,
        listener,
    )
