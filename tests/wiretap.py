"""Sees every TCP segment on the lab's link, or on loopback: what really left this host."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from tests.lab.packets import ACK, RST, SYN, TCP, Packet, parse

_ALL_PROTOCOLS, _OUTGOING = 3, 4
_NAMES = {SYN: "SYN", SYN | ACK: "SYN-ACK", ACK: "ACK", RST: "RST", RST | ACK: "RST"}


class Segment(NamedTuple):
    """One TCP segment; `flags` in words, `outgoing` where this host sent it."""

    packet: Packet
    flags: str
    outgoing: bool

    @property
    def flow_label(self) -> int:
        """That of an IPv6 packet."""
        return int.from_bytes(self.packet.data[:4], "big") & 0xFFFFF

    @property
    def traffic_class(self) -> int:
        """DSCP and ECN bits."""
        data = self.packet.data
        return data[1] if self.packet.version == 4 else int.from_bytes(data[:2], "big") >> 4 & 0xFF


class Wiretap:
    """Keeps segments until they are asked for."""

    def __init__(self, tap: socket.socket) -> None:
        self._tap = tap

    def segments(self) -> list[Segment]:
        """All segments since the last call, in order."""
        found: list[Segment] = []
        while True:
            try:
                data, (_, _, kind, *_) = self._tap.recvfrom(65535)
            except BlockingIOError:
                return found
            packet = parse(data)
            if packet is not None and packet.protocol == TCP:
                flags = _NAMES.get(packet.kind, hex(packet.kind))
                found.append(Segment(packet, flags, kind == _OUTGOING))

    def sent(self) -> list[tuple[str, int]]:
        """Flags and TTL of all that this host has sent since the last call."""
        return [(each.flags, each.packet.ttl) for each in self.segments() if each.outgoing]


@contextmanager
def wiretap(link: str = "lab0") -> Iterator[Wiretap]:
    """Listen on a link of this namespace."""
    protocol = socket.htons(_ALL_PROTOCOLS)
    with closing(socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, protocol)) as tap:
        tap.bind((link, _ALL_PROTOCOLS))
        tap.setblocking(False)
        yield Wiretap(tap)
