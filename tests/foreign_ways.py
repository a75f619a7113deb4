"""The ways of macOS and of the BSDs, played on raw sockets of Linux by the engine they share.

Nothing filters other programs' ICMP, stamps come as `SO_TIMESTAMP` has them, no error queue tells
anything, and a probe gets its TTL as it does there. Only the numbers of the options are Linux's.
"""

from __future__ import annotations

import socket
from dataclasses import replace

from exporter.errors import ErrorReason, SocketUnavailable
from exporter.model import Family, Protocol
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.icmp_platforms import BSD, DARWIN, LINUX
from exporter.sockets.icmp_quirks import Option, Quirks, Stamps, TtlBy
from exporter.sockets.table import Candidate
from exporter.sockets.whole_packets import WholePacketSocket

_STAMPS = Stamps(Option(1, 29), 29, "@ll", 1000)
_NUMBERS = {TtlBy.HEADER: socket.IP_HDRINCL, TtlBy.OPTION: socket.IP_TTL}


def _played(theirs: Quirks, family: Family) -> Quirks:
    linux = LINUX[family]
    return replace(
        linux,
        ttl_by=theirs.ttl_by,
        ttl=_NUMBERS.get(theirs.ttl_by, linux.ttl),
        whole_message=theirs.whole_message,
        stamps=_STAMPS,
        error_queue=False,
        shared=True,
        filters=(),
    )


def _open(
    backend: str, theirs: dict[Family, Quirks], request: SocketRequest, listener: Listener
) -> ProbeSocket:
    quirks = _played(theirs[request.family], request.family)
    try:
        return WholePacketSocket(backend, socket.SOCK_RAW, quirks, request, listener)
    except OSError as error:
        raise SocketUnavailable(ErrorReason.SOCKET, str(error)) from error


def open_as_macos(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """An own IPv4 header in front of each probe; fragments forbidden with each IPv6 send."""
    return _open("as-macos", DARWIN, request, listener)


def open_as_bsd(request: SocketRequest, listener: Listener) -> ProbeSocket:
    """The TTL of an IPv4 probe set as a socket option just before."""
    return _open("as-bsd", BSD["freebsd"], request, listener)


FOREIGN_WAYS = (
    Candidate("as-macos", Protocol.ICMP, __name__, "open_as_macos", auto=False),
    Candidate(
        "as-bsd",
        Protocol.ICMP,
        __name__,
        "open_as_bsd",
        auto=False,
        cannot=(("mtu", "no fragments can be forbidden"),),
    ),
)
