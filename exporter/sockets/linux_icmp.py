"""Linux ICMP ping socket: echo without privilege, where `net.ipv4.ping_group_range` allows it.

A response is tied to its probe by the sequence number, which every quote and every reply holds, and
by the cookie where the quote is long enough. Nothing in a flow varies: addresses, id, checksum.
"""

from __future__ import annotations

import secrets
import socket

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Family, Protocol
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp import NUMBERS
from exporter.sockets.linux_datagram import Flavour, LinuxDatagramSocket
from exporter.sockets.linux_socket import open_socket
from exporter.sockets.wire import COOKIE_BYTES, EchoWire

_REMEDY = (
    "allow ping sockets to this process's group: "
    "sysctl -w net.ipv4.ping_group_range='0 2147483647'; "
    "for good, copy systemd/50-ftr-exporter-ping.conf of this project to /etc/sysctl.d/"
)


def open_linux_icmp(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    protocol = socket.IPPROTO_ICMP if request.family is Family.IPV4 else socket.IPPROTO_ICMPV6
    try:
        sock = open_socket(request, protocol)
    except PermissionError as error:
        message = "the kernel refuses ping sockets to this user"
        raise SocketUnavailable(ErrorReason.PERMISSION, message, _REMEDY) from error
    except OSError as error:
        message = f"cannot open a ping socket: {error.strerror}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error
    header_bytes = NUMBERS[request.family].ip_header_bytes
    return LinuxDatagramSocket(
        Flavour("linux-icmp", Protocol.ICMP, header_bytes),
        sock,
        EchoWire(request.family, request.packet_size, secrets.token_bytes(COOKIE_BYTES)),
        request,
        listener,
    )
