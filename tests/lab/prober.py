"""Probes with plain sockets, the way any program could: the lab's own tests look through it.

It shares nothing with the exporter's backends, so that neither can hide a fault of the other.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import NamedTuple

IP_RECVERR_RFC4884, IPV6_RECVERR_RFC4884 = 26, 31
IP_RECVERR, IPV6_RECVERR = 11, 25
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_PROBE = 10, 23, 3
MSG_ERRQUEUE = 0x2000
LEVELS = {4: socket.IPPROTO_IP, 6: socket.IPPROTO_IPV6}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
ICMP_PROTOCOLS = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
TTL_OPTIONS = {4: socket.IP_TTL, 6: socket.IPV6_HOPLIMIT}
RECVTTL_OPTIONS = {4: 12, 6: socket.IPV6_RECVHOPLIMIT}


class Seen(NamedTuple):
    """What the kernel handed over: an ICMP error (`kind`, `code` of it) or, both None, an answer.

    `extension` is the RFC 4884 structure, `rtt` the seconds since the newest
    probe by this process's own clock.
    """

    address: str
    kind: int | None
    code: int | None
    reply_ttl: int | None
    info: int
    payload: bytes
    extension: bytes
    rtt: float


class Prober:
    """One connectionless socket to one destination, by UDP or by ping socket."""

    def __init__(self, destination: str, port: int = 0, *, icmp: bool = False) -> None:
        self.version = 6 if ":" in destination else 4
        self.icmp = icmp
        protocol = ICMP_PROTOCOLS[self.version] if icmp else socket.IPPROTO_UDP
        self.socket = socket.socket(FAMILIES[self.version], socket.SOCK_DGRAM, protocol)
        self._destination = (destination, 0 if icmp else port or 33434)
        four = self.version == 4
        options = (
            IP_RECVERR if four else IPV6_RECVERR,
            IP_RECVERR_RFC4884 if four else IPV6_RECVERR_RFC4884,
            RECVTTL_OPTIONS[self.version],
        )
        for option in options:
            self.socket.setsockopt(LEVELS[self.version], option, 1)
        discover = IP_MTU_DISCOVER if four else IPV6_MTU_DISCOVER
        self.socket.setsockopt(LEVELS[self.version], discover, PMTUDISC_PROBE)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setblocking(False)

    def __enter__(self) -> Prober:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, ttl: int, payload: bytes = b"", *, sequence: int = 1) -> None:
        """Send one probe; an error that an earlier one left on the socket does not count."""
        if self.icmp:
            request = 8 if self.version == 4 else 128
            payload = struct.pack("!BBHHH", request, 0, 0, 0, sequence) + payload
        control = [(LEVELS[self.version], TTL_OPTIONS[self.version], struct.pack("@i", ttl))]
        for attempt in (1, 2, 3):
            try:
                self._sent_at = time.monotonic()
                self.socket.sendmsg([payload], control, 0, self._destination)
            except OSError:
                if attempt == 3:
                    raise
            else:
                return

    def receive(self, timeout: float = 2.0) -> Seen | None:
        """What arrived first, an error or an answer; None where nothing does in time (s)."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            poll.poll(left * 1000)
            for flags in (MSG_ERRQUEUE, 0):
                try:
                    message = self.socket.recvmsg(65535, 512, flags)
                except OSError:
                    # Empty, or an error that is also on the queue.
                    continue
                return _seen(message[0], message[1], message[3], time.monotonic() - self._sent_at)
        return None

    def ask(self, ttl: int, payload: bytes = b"", *, timeout: float = 2.0) -> Seen | None:
        """Send one probe and wait for its answer."""
        self.send(ttl, payload)
        return self.receive(timeout)

    def drain(self, timeout: float = 0.0) -> list[Seen]:
        """Everything that has arrived by now."""
        found = []
        while seen := self.receive(timeout or 0.001):
            found.append(seen)
        return found


def _seen(
    data: bytes, ancillary: list[tuple[int, int, bytes]], name: tuple[str, int], rtt: float
) -> Seen:
    address, kind, code, reply_ttl, info, extension = name[0], None, None, None, 0, b""
    for level, option, value in ancillary:
        six = level == socket.IPPROTO_IPV6
        if option == (IPV6_RECVERR if six else IP_RECVERR):
            _, _, kind, code, _, info, offset, flags = struct.unpack_from("=IBBBBIHB", value)
            start = 16 + (8 if six else 4)
            size = 16 if six else 4
            family = socket.AF_INET6 if six else socket.AF_INET
            address = socket.inet_ntop(family, value[start : start + size])
            if offset and not flags & 1:
                data, extension = data[:offset], data[offset:]
        elif option in (socket.IP_TTL, socket.IPV6_HOPLIMIT):
            (reply_ttl,) = struct.unpack_from("@i", value)
    return Seen(address, kind, code, reply_ttl, info, data, extension, rtt)
