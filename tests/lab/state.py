"""One node at work: its token bucket, its loss pattern, and the ICMP errors it writes. Pure."""

from __future__ import annotations

import json
from ipaddress import ip_address
from random import Random

from exporter.model import ExtensionObject
from tests.lab import packets as p
from tests.lab.packets import Packet
from tests.lab.world import Node

MPLS_CLASS, MPLS_INCOMING_STACK = 1, 1
NANOSECONDS = 1_000_000_000


class NodeState:
    """Everything about a node that is worth working out once. Times are nanoseconds."""

    def __init__(self, node: Node, before: NodeState | None = None) -> None:
        self.node = node
        self.delay = int(node.delay * NANOSECONDS)
        self.slow = int(node.slow * NANOSECONDS)
        self.jitter = int(node.jitter * NANOSECONDS)
        self.is_obstacle = bool(
            node.blackhole or node.forward_loss or node.unreachable is not None or node.mtu
        )
        self._addresses: dict[int, bytes] = {}
        name = json.dumps(node.name)
        self._records = dict.fromkeys((4, 6), f'"hop":{name},"address":null')
        for version in (4, 6):
            address = node.answers_as.of(version) or node.addresses.of(version)
            if address is not None:
                self._addresses[version] = ip_address(address).packed
                self._records[version] = f'"hop":{name},"address":"{address}"'
        self._extensions = p.extension_structure(_extension_objects(node))
        self._tokens = node.rate_limit.burst if node.rate_limit else 0.0
        self._filled_at = 0
        self._answers = 0
        if before and before.node.rate_limit == node.rate_limit:
            self._tokens, self._filled_at = before._tokens, before._filled_at

    def fate(self, version: int, now: int, random: Random) -> str:
        """Why this node does not answer now, or nothing where it does."""
        node = self.node
        if node.silent or version not in self._addresses:
            return "silent"
        if node.rate_limit and not self._take_token(now):
            return "rate_limited"
        if not node.loss:
            return ""
        if isinstance(node.loss, tuple):
            self._answers += 1
            lost = bool(node.loss[(self._answers - 1) % len(node.loss)])
        else:
            lost = random.random() < node.loss
        return "lost" if lost else ""

    def address(self, version: int) -> bytes | None:
        """Where this node's answers come from."""
        return self._addresses.get(version)

    def record(self, version: int) -> str:
        """Its name and address, for the truth log."""
        return self._records[version]

    def reply_ttl(self, position: int) -> int:
        """The TTL left in this node's answer when it reaches the host."""
        back = self.node.return_hops
        return max(1, self.node.initial_ttl - (position - 1 if back is None else back))

    def error(self, packet: Packet, position: int, kind: int, code: int) -> bytes | None:
        """A whole ICMP error that quotes the packet as this node received it."""
        return self._error(packet, position, kind, code, 0)

    def too_big(self, packet: Packet, position: int) -> bytes | None:
        """Fragmentation needed (RFC 1191) or packet too big (RFC 8201), with this node's MTU."""
        mtu = self.node.mtu or 0
        if packet.version == 4:
            return self._error(packet, position, 3, p.FRAGMENTATION_NEEDED, mtu)
        return self._error(packet, position, p.PACKET_TOO_BIG, 0, mtu)

    def _error(
        self, packet: Packet, position: int, kind: int, code: int, rest: int
    ) -> bytes | None:
        version = packet.version
        source = self._addresses.get(version)
        if source is None:
            return None
        room = p.MAX_ERROR_SIZE[version] - (28 if version == 4 else 48)
        if self.node.quote is not None:
            room = min(room, packet.header + self.node.quote)
        quote = p.with_ttl(packet, packet.ttl - position + 1)[:room]
        # RFC 4884 section 4.6: packet too big has no length field, so it cannot be extended.
        extensions = b"" if rest and version == 6 else self._extensions
        message = p.icmp_error(version, kind, code, quote, extensions, rest)
        return p.icmp_packet(source, packet.source, self.reply_ttl(position), message)

    def _take_token(self, now: int) -> bool:
        limit = self.node.rate_limit
        assert limit is not None
        passed = (now - self._filled_at) / NANOSECONDS if self._filled_at else 0.0
        self._tokens = min(limit.burst, self._tokens + max(0.0, passed) * limit.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _extension_objects(node: Node) -> tuple[ExtensionObject, ...]:
    """MPLS first (RFC 4950 section 2), then whatever else the description asks for."""
    if not node.mpls:
        return node.extensions
    stack = b"".join(
        (entry.label << 12 | entry.exp << 9 | entry.bottom << 8 | entry.ttl).to_bytes(4, "big")
        for entry in node.mpls
    )
    return (ExtensionObject(MPLS_CLASS, MPLS_INCOMING_STACK, stack), *node.extensions)
