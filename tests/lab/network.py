"""Decides what the imaginary internet does with a packet. Pure: time and chance are given.

Times are nanoseconds. The same seed and the same packets in the same order give the same answers.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from ipaddress import ip_address
from random import Random
from typing import NamedTuple

from tests.lab import packets as p
from tests.lab.packets import Packet
from tests.lab.state import NodeState
from tests.lab.world import Node, Target, World

MAX_ROUTES = 65536
PROTOCOLS = {p.ICMP: "icmp", p.ICMPV6: "icmp", p.UDP: "udp", p.TCP: "tcp"}


class Route(NamedTuple):
    """The way of one flow: its hops, then the target; `delays` are whole round trips so far."""

    nodes: tuple[NodeState, ...]
    delays: tuple[int, ...]
    obstacles: tuple[tuple[int, NodeState], ...]
    ends: bool


class Outcome(NamedTuple):
    """What becomes of a probe. `answer` is None where none is sent, `fate` then says why.

    `position` is that of the node that decided, 0 where none did. `record` is the beginning of
    the line of the truth log.
    """

    fate: str
    node: NodeState | None
    position: int
    kind: str
    answer: bytes | None
    delay: int
    record: str


class _TargetState:
    def __init__(self, target: Target, version: int) -> None:
        self.target = target
        self.version = version
        address = target.node.addresses.of(version)
        self.record = f'"target":{json.dumps(target.name)},"destination":"{address}"'
        self.udp = dict(target.udp)
        self.tcp = dict(target.tcp)
        self.last: Packet | None = None


class Network:
    """A world at work: token buckets, loss patterns and the routes of the flows seen so far."""

    def __init__(self, world: World) -> None:
        self._random = Random(world.seed)
        self._nodes: dict[str, NodeState] = {}
        self.change(world)

    def change(self, world: World) -> None:
        """Go on with this world; buckets and patterns that it leaves alone keep their state."""
        self.world = world
        nodes = [*world.hops.values(), *(target.node for target in world.targets.values())]
        old = self._nodes
        self._nodes = {
            node.name: old[node.name]
            if node.name in old and old[node.name].node == node
            else NodeState(node, old.get(node.name))
            for node in nodes
        }
        self._routes: dict[bytes, Route] = {}
        self._targets: dict[bytes, _TargetState] = {}
        for target in world.targets.values():
            self._add(target)

    def change_node(self, node: Node) -> None:
        """Let one hop behave differently from now on."""
        self.world = self.world.with_node(node)
        self._nodes[node.name] = NodeState(node, self._nodes[node.name])
        self._routes.clear()

    def change_target(self, target: Target) -> None:
        """Let one target, or the way there, be different from now on."""
        before = self.world.targets[target.name].node.addresses
        for version in (4, 6):
            address = before.of(version)
            if address is not None:
                del self._targets[ip_address(address).packed]
        self.world = self.world.with_target(target)
        self._nodes[target.name] = NodeState(target.node, self._nodes[target.name])
        self._routes.clear()
        self._add(target)

    def _add(self, target: Target) -> None:
        for version in (4, 6):
            address = target.node.addresses.of(version)
            if address is not None:
                self._targets[ip_address(address).packed] = _TargetState(target, version)

    def last_packet(self, target: str) -> Packet | None:
        """The newest probe to a target, as it left the host."""
        seen = (state.last for state in self._targets.values() if state.target.name == target)
        return next((packet for packet in seen if packet is not None), None)

    def handle(self, packet: Packet, now: int) -> Outcome | None:
        """Decide; None where the packet is no probe (a TCP segment without SYN, multicast)."""
        if not _is_probe(packet):
            return None
        state = self._targets.get(packet.destination)
        record = _record(packet, state)
        if state is None:
            return Outcome("unknown", None, 0, "", None, 0, record)
        state.last = packet
        route = self._route(state, packet)
        last = len(route.nodes)
        position = packet.ttl if packet.ttl < last or not route.ends else last
        stopped = self._obstacle(state, route, packet, position, record, now)
        if stopped is not None:
            return stopped
        if position > last:
            return Outcome("looped", None, 0, "", None, 0, record)
        node = route.nodes[position - 1]
        if position == last and route.ends:
            return self._at_target(state, node, packet, route, record, now)
        message = node.error(packet, position, p.TIME_EXCEEDED[packet.version], 0)
        delay = route.delays[position - 1]
        return self._answer(node, packet, position, "time_exceeded", message, delay, record, now)

    def tcp_closing(self, packet: Packet) -> bytes | None:
        """What an established connection is told when the host ends it: reset, at once."""
        if packet.protocol != p.TCP or not packet.kind & p.FIN:
            return None
        if packet.destination not in self._targets:
            return None
        return p.tcp_answer(packet, 64, p.RST | p.ACK)

    def _obstacle(
        self, state: _TargetState, route: Route, packet: Packet, end: int, record: str, now: int
    ) -> Outcome | None:
        for position, node in route.obstacles:
            if position >= end:
                return None
            world = node.node
            if world.blackhole:
                return Outcome("blackholed", node, position, "", None, 0, record)
            if world.forward_loss and self._random.random() < world.forward_loss:
                return Outcome("dropped", node, position, "", None, 0, record)
            codes = world.unreachable
            if codes is None and route.ends and position == len(route.nodes) - 1:
                codes = state.target.unreachable
            delay = route.delays[position - 1]
            if codes is not None:
                kind, code = p.UNREACHABLE[packet.version], codes[packet.version == 6]
                message = node.error(packet, position, kind, code)
                return self._answer(
                    node, packet, position, "unreachable", message, delay, record, now
                )
            if world.mtu and len(packet.data) > world.mtu and packet.dont_fragment:
                message = node.too_big(packet, position)
                return self._answer(node, packet, position, "too_big", message, delay, record, now)
        return None

    def _at_target(
        self, state: _TargetState, node: NodeState, packet: Packet, route: Route, record: str,
        now: int,
    ) -> Outcome:  # fmt: skip
        position = len(route.nodes)
        ttl = node.reply_ttl(position)
        whole: bytes | None = None
        kind = "silent"
        if packet.protocol == p.UDP:
            kind, whole = _udp_answer(state, node, packet, ttl)
        elif packet.protocol == p.TCP:
            action = state.tcp.get(packet.second, state.tcp["default"])
            if action != "silent":
                kind = "connected" if action == "open" else "refused"
                flags = p.SYN | p.ACK if action == "open" else p.RST | p.ACK
                whole = p.tcp_answer(packet, ttl, flags)
        elif state.target.icmp == "reply":
            kind = "echo_reply"
            source = node.address(packet.version) or packet.destination
            whole = p.icmp_packet(source, packet.source, ttl, p.echo_reply(packet))
        if kind == "unreachable":
            code = p.PORT_UNREACHABLE[packet.version]
            whole = node.error(packet, position, p.UNREACHABLE[packet.version], code)
        if kind == "silent":
            return Outcome("silent", node, position, "", None, 0, record)
        return self._answer(node, packet, position, kind, whole, route.delays[-1], record, now)

    def _answer(
        self, node: NodeState, packet: Packet, position: int, kind: str, message: bytes | None,
        delay: int, record: str, now: int,
    ) -> Outcome:  # fmt: skip
        fate = node.fate(packet.version, now, self._random)
        if fate or message is None:
            return Outcome(fate or "silent", node, position, kind, None, 0, record)
        world = node.node
        delay += node.slow
        if world.jitter:
            delay += int(self._random.random() * node.jitter)
        return Outcome("answered", node, position, kind, message, delay, record)

    def _route(self, state: _TargetState, packet: Packet) -> Route:
        balance = state.target.balance
        if balance == "packet":
            return self._make_route(state.target, self._random.getrandbits(64))
        flow = packet.flow if balance == "flow" else packet.destination
        route = self._routes.get(flow)
        if route is None:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            # A digest, not a checksum: each balancer on the way takes digits of its own.
            digest = blake2b(flow, digest_size=8).digest()
            route = self._make_route(state.target, int.from_bytes(digest, "big"))
            self._routes[flow] = route
        return route

    def _make_route(self, target: Target, number: int) -> Route:
        nodes: list[NodeState] = []
        starts: list[int] = []
        for step in target.path:
            starts.append(len(nodes))
            if isinstance(step, str):
                nodes.append(self._nodes[step])
            else:
                number, chosen = divmod(number, len(step))
                nodes.extend(self._nodes[name] for name in step[chosen])
        if target.loop:
            again = nodes[starts[-target.loop] :]
            while again and len(nodes) < 255:
                nodes.extend(again)
            del nodes[255:]
        else:
            nodes.append(self._nodes[target.name])
        delays, total = [], 0
        for node in nodes:
            total += node.delay
            delays.append(total)
        last = len(nodes) - 1
        obstacles = tuple(
            (position, node)
            for position, node in enumerate(nodes, 1)
            if node.is_obstacle or (target.unreachable is not None and position == last)
        )
        return Route(tuple(nodes), tuple(delays), obstacles, not target.loop)


def _is_probe(packet: Packet) -> bool:
    protocol = packet.protocol
    if protocol == p.TCP:
        return packet.kind & (p.SYN | p.ACK) == p.SYN
    if packet.destination[0] >= (0xE0 if packet.version == 4 else 0xFF):
        return False
    if protocol == p.UDP:
        return True
    own = p.ICMP if packet.version == 4 else p.ICMPV6
    return protocol == own and packet.kind == p.ECHO_REQUESTS[packet.version]


def _record(packet: Packet, state: _TargetState | None) -> str:
    where = state.record if state else f'"target":null,"destination":"{_text(packet.destination)}"'
    return (
        f'{where},"family":"ipv{packet.version}","protocol":"{PROTOCOLS[packet.protocol]}",'
        f'"ttl":{packet.ttl},"first":{packet.first},"second":{packet.second},'
        f'"size":{len(packet.data)}'
    )


def _text(address: bytes) -> str:
    return str(ip_address(address))


def _udp_answer(
    state: _TargetState, node: NodeState, packet: Packet, ttl: int
) -> tuple[str, bytes | None]:
    action = state.udp.get(packet.second, state.udp["default"])
    payload: bytes | None = packet.data[packet.header + 8 :]
    kind = "datagram"
    if action == "quic":
        payload = p.version_negotiation(payload or b"")
        kind = "version_negotiation"
    if action in ("silent", "unreachable") or payload is None:
        return ("unreachable" if action == "unreachable" else "silent"), None
    ports = (packet.second, packet.first)
    source = node.address(packet.version) or packet.destination
    return kind, p.udp_packet(source, packet.source, ports, ttl, payload)
