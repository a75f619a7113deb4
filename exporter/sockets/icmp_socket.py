"""Opening of ICMP sockets that deliver whole packets, with all their options set."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from exporter.model import Family
from exporter.sockets.base import SocketRequest
from exporter.sockets.icmp_quirks import Option, Quirks, TtlBy
from exporter.sockets.linux_filter import attach, echo_filter

_RECEIVE_BUFFERS = (1 << 20, 1 << 18, 1 << 16)


def open_icmp(kind: int, quirks: Quirks, request: SocketRequest, identifier: int) -> socket.socket:
    """A non-blocking ICMP socket of this kind (`SOCK_RAW`, `SOCK_DGRAM`).

    Raises `OSError` as the kernel does.
    """
    ipv4 = request.family is Family.IPV4
    inet = socket.AF_INET if ipv4 else socket.AF_INET6
    protocol = socket.IPPROTO_ICMP if ipv4 else socket.IPPROTO_ICMPV6
    sock = socket.socket(inet, kind, protocol)
    try:
        if not quirks.shared:
            attach(sock, echo_filter(request.family, identifier))
        sock.setblocking(False)
        _enlarge_buffer(sock)
        _set_options(sock, quirks, request)
        if request.source:
            sock.bind((request.source, 0))
    except BaseException:
        sock.close()
        raise
    return sock


def _enlarge_buffer(sock: socket.socket) -> None:
    # Linux takes of it what it may; the BSDs refuse what is more than their limit.
    for size in _RECEIVE_BUFFERS:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            return


def _set_options(sock: socket.socket, quirks: Quirks, request: SocketRequest) -> None:
    for option in quirks.filters:
        _set(sock, option)
    if quirks.receive_ttl is not None:
        sock.setsockopt(quirks.level, quirks.receive_ttl, 1)
    if quirks.ttl_by is TtlBy.HEADER:
        sock.setsockopt(quirks.level, quirks.ttl, 1)
    elif request.dscp:
        sock.setsockopt(quirks.level, quirks.traffic_class, request.dscp << 2)
    fragments = quirks.whole if request.dont_fragment else quirks.divisible
    if fragments is not None:
        _set(sock, fragments)
    if request.interface and quirks.interface is not None:
        name: bytes | int = request.interface.encode() + b"\0"
        if not quirks.interface_by_name:
            name = socket.if_nametoindex(request.interface)
        _set(sock, quirks.interface._replace(value=name))
    try:
        _set(sock, quirks.stamps.option)
    except OSError as error:
        # Without stamps round trips are measured by this process.
        if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):
            raise


def _set(sock: socket.socket, option: Option) -> None:
    sock.setsockopt(option.level, option.number, option.value)
