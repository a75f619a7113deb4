"""Decides what the imaginary internet does with a packet. Pure: time and chance are given.

Times are nanoseconds. The same seed and the same packets in the same order give the same answers.
"""

from __future__ import annotations

from hashlib import blake2b
from ipaddress import ip_address
from random import Random
from typing import NamedTuple

from tests.lab import packets as p
from tests.lab.packets import Packet
from tests.lab.services import TargetState
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


class _Arrival(NamedTuple):
    packet: Packet
    state: TargetState
    route: Route
    record: str
    now: int


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
        self._targets: dict[bytes, TargetState] = {}
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
                self._targets.pop(ip_address(address).packed, None)
        self.world = self.world.with_target(target)
        self._nodes[target.name] = NodeState(target.node, self._nodes[target.name])
        self._routes.clear()
        self._add(target)

    def _add(self, target: Target) -> None:
        for version in (4, 6):
            address = target.node.addresses.of(version)
            if address is not None:
                self._targets[ip_address(address).packed] = TargetState(target, version)

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
        arrival = _Arrival(packet, state, route, record, now)
        end = packet.ttl if packet.ttl < last or not route.ends else last
        stopped = self._obstacle(arrival, end)
        if stopped is not None:
            return stopped
        if end > last:
            return Outcome("looped", None, 0, "", None, 0, record)
        if end == last and route.ends:
            return self._at_target(arrival)
        message = route.nodes[end - 1].error(packet, end, p.TIME_EXCEEDED[packet.version], 0)
        return self._answer(arrival, end, "time_exceeded", message)

    def tcp_closing(self, packet: Packet) -> bytes | None:
        """What an established connection is told when the host ends it: reset, at once."""
        if packet.protocol != p.TCP or not packet.kind & p.FIN:
            return None
        if packet.destination not in self._targets:
            return None
        return p.tcp_answer(packet, 64, p.RST | p.ACK)

    def _obstacle(self, arrival: _Arrival, end: int) -> Outcome | None:
        """What stops the packet at a router before position `end`; None where nothing does."""
        packet, route = arrival.packet, arrival.route
        for position, node in route.obstacles:
            if position >= end:
                return None
            world = node.node
            if world.blackhole:
                return Outcome("blackholed", node, position, "", None, 0, arrival.record)
            if world.forward_loss and self._random.random() < world.forward_loss:
                return Outcome("dropped", node, position, "", None, 0, arrival.record)
            codes = world.unreachable
            if codes is None and route.ends and position == len(route.nodes) - 1:
                codes = arrival.state.target.unreachable
            if codes is not None:
                kind, code = p.UNREACHABLE[packet.version], codes[packet.version == 6]
                message = node.error(packet, position, kind, code)
                return self._answer(arrival, position, "unreachable", message)
            if world.mtu and len(packet.data) > world.mtu and packet.dont_fragment:
                message = node.too_big(packet, position)
                return self._answer(arrival, position, "too_big", message)
        return None

    def _at_target(self, arrival: _Arrival) -> Outcome:
        position = len(arrival.route.nodes)
        node = arrival.route.nodes[-1]
        kind, whole = arrival.state.answer(node, arrival.packet, position)
        if not kind:
            return Outcome("silent", node, position, "", None, 0, arrival.record)
        return self._answer(arrival, position, kind, whole)

    def _answer(
        self, arrival: _Arrival, position: int, kind: str, message: bytes | None
    ) -> Outcome:
        """Let a node answer, if it does: it may be silent, limited, or its answer lost."""
        node, record = arrival.route.nodes[position - 1], arrival.record
        fate = node.fate(arrival.packet.version, arrival.now, self._random)
        if fate or message is None:
            return Outcome(fate or "silent", node, position, kind, None, 0, record)
        delay = arrival.route.delays[position - 1] + node.slow
        if node.jitter:
            delay += int(self._random.random() * node.jitter)
        return Outcome("answered", node, position, kind, message, delay, record)

    def _route(self, state: TargetState, packet: Packet) -> Route:
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


def _record(packet: Packet, state: TargetState | None) -> str:
    where = state.record if state else f'"target":null,"destination":"{_text(packet.destination)}"'
    return (
        f'{where},"family":"ipv{packet.version}","protocol":"{PROTOCOLS[packet.protocol]}",'
        f'"ttl":{packet.ttl},"first":{packet.first},"second":{packet.second},'
        f'"size":{len(packet.data)}'
    )


def _text(address: bytes) -> str:
    return str(ip_address(address))
