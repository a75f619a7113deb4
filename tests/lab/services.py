"""What a destination answers: to echo requests, datagrams, connections and QUIC. Pure."""

from __future__ import annotations

import json

from tests.lab import packets as p
from tests.lab.packets import Packet
from tests.lab.state import NodeState
from tests.lab.world import Target


class TargetState:
    """A target in one family: its services by port, and the newest probe that was sent to it."""

    def __init__(self, target: Target, version: int) -> None:
        self.target = target
        self.version = version
        address = target.node.addresses.of(version)
        self.record = f'"target":{json.dumps(target.name)},"destination":"{address}"'
        self.udp = dict(target.udp)
        self.tcp = dict(target.tcp)
        self.last: Packet | None = None

    def answer(self, node: NodeState, packet: Packet, position: int) -> tuple[str, bytes | None]:
        """The kind of answer and the whole packet; an empty kind where the service is silent."""
        if packet.protocol == p.UDP:
            return self._udp_answer(node, packet, position)
        if packet.protocol == p.TCP:
            return self._tcp_answer(node, packet, position)
        return self._echo_answer(node, packet, position)

    def _udp_answer(
        self, node: NodeState, packet: Packet, position: int
    ) -> tuple[str, bytes | None]:
        action = self.udp.get(packet.second, self.udp["default"])
        version = packet.version
        if action == "unreachable":
            code = p.PORT_UNREACHABLE[version]
            return "unreachable", node.error(packet, position, p.UNREACHABLE[version], code)
        kind = "version_negotiation" if action == "quic" else "datagram"
        payload = _said(action, packet.data[packet.header + 8 :])
        if payload is None:
            return "", None
        source = node.address(version) or packet.destination
        ports, ttl = (packet.second, packet.first), node.reply_ttl(position)
        return kind, p.udp_packet(source, packet.source, ports, ttl, payload)

    def _tcp_answer(
        self, node: NodeState, packet: Packet, position: int
    ) -> tuple[str, bytes | None]:
        action = self.tcp.get(packet.second, self.tcp["default"])
        ttl = node.reply_ttl(position)
        if action == "silent":
            return "", None
        if action == "open":
            return "connected", p.tcp_answer(packet, ttl, p.SYN | p.ACK)
        return "refused", p.tcp_answer(packet, ttl, p.RST | p.ACK)

    def _echo_answer(
        self, node: NodeState, packet: Packet, position: int
    ) -> tuple[str, bytes | None]:
        if self.target.icmp != "reply":
            return "", None
        source = node.address(packet.version) or packet.destination
        ttl = node.reply_ttl(position)
        return "echo_reply", p.icmp_packet(source, packet.source, ttl, p.echo_reply(packet))


def _said(action: str, payload: bytes) -> bytes | None:
    """What a UDP service answers to this; None where it is silent."""
    if action == "quic":
        return p.version_negotiation(payload)
    if action == "dns":
        return _refusal(payload)
    if action == "ntp":
        return _time(payload)
    if action == "banner":
        return b"220 welcome"
    return payload if action == "echo" else None


def _refusal(question: bytes) -> bytes | None:
    """A DNS server that serves nobody (RFC 1035 section 4.1.1, code 5) repeats the question."""
    if len(question) < 12 or question[2] & 0x80:
        return None
    end = question.index(0, 12) + 5
    return question[:2] + b"\x81\x05" + question[4:6] + bytes(6) + question[12:end]


def _time(request: bytes) -> bytes | None:
    """The time, with the transmit timestamp of the request as origin (RFC 5905 section 9.2)."""
    if len(request) < 48 or request[0] & 7 != 3:
        return None
    return b"\x24\x02".ljust(24, b"\0") + request[40:48] + bytes(16)
