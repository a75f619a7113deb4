"""Raw ICMP: where this process may have raw sockets, as with CAP_NET_RAW on Linux, or as root.

The fallback where ping sockets are refused, and the way to probe on the BSDs. How a response is
tied to its probe is told in `whole_packets.py`.
"""

from __future__ import annotations

import socket
import sys

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp_platforms import quirks_of
from exporter.sockets.whole_packets import WholePacketSocket

_LINUX_REMEDY = (
    "where ping sockets cannot be allowed, give this process CAP_NET_RAW: "
    "AmbientCapabilities=CAP_NET_RAW in its systemd unit, or setcap(8) on the Python interpreter"
)
_ROOT_REMEDY = "run as root: this system permits raw sockets to nobody else"


def open_raw_icmp(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """Open for one destination. Raises `SocketUnavailable`."""
    quirks = quirks_of(sys.platform, request.family)
    try:
        return WholePacketSocket("raw-icmp", socket.SOCK_RAW, quirks, request, listener)
    except PermissionError as error:
        remedy = _LINUX_REMEDY if sys.platform == "linux" else _ROOT_REMEDY
        message = "the kernel refuses raw sockets to this user"
        raise SocketUnavailable(ErrorReason.PERMISSION, message, remedy) from error
    except OSError as error:
        message = f"cannot open a raw ICMP socket: {error.strerror}"
        raise SocketUnavailable(ErrorReason.SOCKET, message) from error
