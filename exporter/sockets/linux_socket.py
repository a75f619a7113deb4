"""Linux datagram sockets: opening them with all options set, and what their errors mean."""

from __future__ import annotations

import errno
import os
import socket
import struct

from exporter.errors import ProbeError
from exporter.model import Family
from exporter.sockets.base import SocketRequest
from exporter.sockets.errqueue import (
    OPTIONS,
    SO_TIMESTAMPING,
    STAMP_WITH_ID,
    STAMP_WITHOUT_ID,
    QueuedError,
)
from exporter.sockets.local_errors import send_error
from exporter.sockets.source_ports import or_another

_RECEIVE_BUFFER = 1 << 20
_PMTUDISC_DONT, _PMTUDISC_PROBE = 0, 3
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=9I")
_WRITE_ALLOCATED = 2


def open_socket(request: SocketRequest, protocol: int) -> socket.socket:
    """A bound, non-blocking datagram socket with all that the engine needs switched on.

    Raises `OSError` as the kernel does.
    """
    inet = socket.AF_INET if request.family is Family.IPV4 else socket.AF_INET6
    options = OPTIONS[request.family]
    sock = socket.socket(inet, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        for number in (options.receive_errors, options.receive_ttl):
            sock.setsockopt(options.level, number, 1)
        try:
            sock.setsockopt(options.level, options.receive_extensions, 1)
        except OSError as error:
            # Linux before 5.9: probing works, MPLS labels are not to be had.
            if error.errno != errno.ENOPROTOOPT:
                raise
        discover = _PMTUDISC_PROBE if request.dont_fragment else _PMTUDISC_DONT
        sock.setsockopt(options.level, options.mtu_discover, discover)
        if request.dscp:
            sock.setsockopt(options.level, options.traffic_class, request.dscp << 2)
        if request.interface:
            name = request.interface.encode() + b"\0"
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
        any_address = "0.0.0.0" if request.family is Family.IPV4 else "::"
        _bind(sock, request.source or any_address, request.local_port)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, STAMP_WITH_ID)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, address: str, port: int) -> None:
    # Ping sockets start with SO_REUSEADDR, and two of them would then get one echo id: no answer
    # would find its way to both.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    for each in or_another(port):
        try:
            sock.bind((address, each))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not each:
                raise
        else:
            return


def count_sends_anew(sock: socket.socket) -> None:
    """Let send stamps count from 0: not every kernel counts a send that failed."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, STAMP_WITHOUT_ID)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, STAMP_WITH_ID)


def is_still_here(sock: socket.socket) -> bool:
    """Whether a probe waits in a queue of this host: its memory still counts as the socket's."""
    memory = _MEMINFO.unpack(sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
    return int(memory[_WRITE_ALLOCATED]) > 0


def local_error(error: QueuedError, destination: str) -> ProbeError:
    """What a failure means to the tracer that the kernel reported later, in the error queue."""
    return send_error(OSError(error.errno, os.strerror(error.errno)), destination)
