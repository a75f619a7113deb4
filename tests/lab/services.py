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
        payload: bytes | None = packet.data[packet.header + 8 :]
        kind = "datagram"
        if action == "quic":
            kind, payload = "version_negotiation", p.version_negotiation(payload or b"")
        if action == "silent" or payload is None:
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
