"""Linux TCP sockets for probing: one fresh socket for each SYN, with all options set."""

from __future__ import annotations

import errno
import os
import resource
import socket
import struct
import time
from typing import NamedTuple

from exporter.model import Family, Probe
from exporter.sockets.base import SocketRequest
from exporter.sockets.errqueue import OPTIONS, SO_TIMESTAMPING, STAMP_RECEIVED
from exporter.sockets.pending import Sent
from exporter.sockets.tcpinfo import TCP_INFO_BYTES, TcpInfo, parse_tcp_info

DEFAULT_PORT = 443
_IP_BIND_ADDRESS_NO_PORT = 24
_IPV6_AUTOFLOWLABEL = 70
_RESET_ON_CLOSE = struct.pack("@ii", 1, 0)
_DESCRIPTORS_FOR_OTHERS = 64
_DEFAULT_MULTICAST_HOPS = 1

Option = tuple[int, int, int | bytes]


class Flight(NamedTuple):
    """A SYN on its way and the socket that waits for what becomes of it."""

    socket: socket.socket
    sent: Sent


class Connector:
    """Sends the SYNs of one destination. Opening raises `OSError` where an option is impossible.

    It keeps one socket that sends nothing: the kernel stamps packets only while somebody wants
    stamps, and starts a little late.
    """

    def __init__(self, request: SocketRequest) -> None:
        ipv4 = request.family is Family.IPV4
        self._inet = socket.AF_INET if ipv4 else socket.AF_INET6
        self._source = request.source or ("0.0.0.0" if ipv4 else "::")
        self._target = (request.destination, request.port or DEFAULT_PORT)
        self._ttl = (
            (socket.IPPROTO_IP, socket.IP_TTL)
            if ipv4
            else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
        )
        self._most_descriptors = _descriptor_limit()
        self._options = _options(request)
        try:
            self._idle = self._open()
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
            # Linux before 5.9: probing works all the same.
            family = OPTIONS[request.family]
            missing = (family.level, family.receive_extensions, 1)
            self._options = [option for option in self._options if option != missing]
            self._idle = self._open()
        try:
            self._idle.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            self._idle.bind((self._source, 0))
        except BaseException:
            self._idle.close()
            raise

    def connect(self, probe: Probe, port: int) -> Flight:
        """Send a SYN from this source port. Raises `OSError`: EADDRINUSE where it is taken."""
        sock = self._open()
        try:
            if sock.fileno() >= self._most_descriptors:
                raise _os_error(errno.EMFILE)
            sock.setsockopt(*self._ttl, probe.ttl)
            sock.bind((self._source, port))
            sent = Sent(probe, port, time.time_ns(), time.monotonic_ns())
            number = sock.connect_ex(self._target)
            if number == errno.EADDRNOTAVAIL:
                # Another socket, bound to this port as well, is connected to the same place.
                number = errno.EADDRINUSE
            if number not in (0, errno.EINPROGRESS):
                raise _os_error(number)
            if tcp_info(sock).congested:
                # connect(2) does not tell that this host's own queue had no room for the SYN.
                raise _os_error(errno.ENOBUFS)
        except BaseException:
            sock.close()
            raise
        return Flight(sock, sent)

    def close(self) -> None:
        """Give the idle socket back."""
        self._idle.close()

    def _open(self) -> socket.socket:
        sock = socket.socket(self._inet, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            for option in self._options:
                sock.setsockopt(*option)
        except BaseException:
            sock.close()
            raise
        return sock


def _options(request: SocketRequest) -> list[Option]:
    """Options of every socket.

    - The first ACK is delayed (`TCP_QUICKACK` off), and closing resets: between the two nothing is
      sent, so that the service never gets to see a connection.
    - One SYN more at most leaves, if this process is too late to close (`TCP_USER_TIMEOUT`).
    - Linux makes up an IPv6 flow label for each connection, and routers hash it: so none at all.
    """
    family = OPTIONS[request.family]
    options: list[Option] = [
        (family.level, family.receive_errors, 1),
        (family.level, family.receive_ttl, 1),
        (family.level, family.receive_extensions, 1),
        (socket.SOL_SOCKET, SO_TIMESTAMPING, STAMP_RECEIVED),
        (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
        (socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE),
        (socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1),
    ]
    if request.family is Family.IPV6:
        options.append((socket.IPPROTO_IPV6, _IPV6_AUTOFLOWLABEL, 0))
    if request.dscp:
        options.append((family.level, family.traffic_class, request.dscp << 2))
    if request.interface:
        name = request.interface.encode() + b"\0"
        options.append((socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name))
    return options


def _descriptor_limit() -> int:
    """Sockets get the lowest free descriptor: from this one on nearly all are in use."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 30
    return max(soft - _DESCRIPTORS_FOR_OTHERS, soft // 2)


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def tcp_info(sock: socket.socket) -> TcpInfo:
    """What the kernel knows of the connection."""
    return parse_tcp_info(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES))


def hop_limit_of_answer(sock: socket.socket) -> int | None:
    """The hop limit left in the SYN-ACK, which only IPv6 keeps.

    Where `IPV6_RECVHOPLIMIT` is on, it takes the place of the unused multicast hop limit.
    """
    if sock.family != socket.AF_INET6:
        return None
    hops = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS)
    return hops if hops > _DEFAULT_MULTICAST_HOPS else None
