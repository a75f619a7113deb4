"""macOS ICMP datagram sockets: echo for every user, answers and errors alike (icmp(4)).

The kernel neither rewrites the echo id nor sorts answers by it, so that each socket sees those of
all others too. How a response is tied to its probe is told in `whole_packets.py`.
"""

from __future__ import annotations

import socket

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp_platforms import DARWIN
from exporter.sockets.whole_packets import WholePacketSocket


def open_macos_icmp(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    quirks = DARWIN[request.family]
    try:
        return WholePacketSocket("macos-icmp", socket.SOCK_DGRAM, quirks, request, listener)
    except PermissionError as error:
        message = "the kernel refuses ICMP sockets to this process"
        remedy = "let it out of its sandbox: macOS permits them to every user"
        raise SocketUnavailable(ErrorReason.PERMISSION, message, remedy) from error
    except OSError as error:
        message = f"cannot open an ICMP socket: {error.strerror}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error
