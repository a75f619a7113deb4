"""Writes a plain world for the compiled simulator. Pure.

Plain: every router and target answers every probe, by ICMP and UDP, always after the same time, and
every target has one path.

The file, in the machine's own byte order: magic, numbers of steps, nodes, targets; then the steps
(nanoseconds from the host and back, number of the node), the nodes (IPv4 and IPv6 address, TTL of
its answers, routers on their way back or 255 for as many as there, 1 for IPv4 and 2 for IPv6) and
the targets (first step, number of steps; the last step is the target).
"""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address

from tests.lab.state import NANOSECONDS
from tests.lab.world import Node, Target, World, WorldError

_MAGIC = 0x31525446
_HEAD = struct.Struct("=IIII")
_STEP = struct.Struct("=qII")
_NODE = struct.Struct("=16s16sBBBx")
_TARGET = struct.Struct("=II")
_AS_MANY = 255


def compact(world: World) -> bytes:
    """The world as the compiled simulator reads it. Raises `WorldError` where it is not plain."""
    nodes = [*world.hops.values(), *(target.node for target in world.targets.values())]
    numbers = {node.name: number for number, node in enumerate(nodes)}
    steps: list[bytes] = []
    targets: list[bytes] = []
    for target in world.targets.values():
        before, delay = len(steps), 0
        for name in (*_plain_path(target), target.name):
            node = nodes[numbers[name]]
            delay += int(node.delay * NANOSECONDS)
            steps.append(_STEP.pack(delay + int(node.slow * NANOSECONDS), numbers[name], 0))
        targets.append(_TARGET.pack(before, len(steps) - before))
    head = _HEAD.pack(_MAGIC, len(steps), len(nodes), len(targets))
    return head + b"".join((*steps, *map(_node, nodes), *targets))


def _plain_path(target: Target) -> list[str]:
    names = [step for step in target.path if isinstance(step, str)]
    if target != Target(target.node, tuple(names)):
        raise WorldError(f"target {target.name}: the compiled simulator knows plain targets only")
    return names


def _node(node: Node) -> bytes:
    plain = Node(node.name, node.addresses, node.hostname, node.delay, node.slow)
    if node != replace(plain, initial_ttl=node.initial_ttl, return_hops=node.return_hops):
        raise WorldError(f"{node.name}: the compiled simulator knows plain routers only")
    four, six = (
        ip_address(address).packed if address else b""
        for address in (node.addresses.ipv4, node.addresses.ipv6)
    )
    back = _AS_MANY if node.return_hops is None else node.return_hops
    return _NODE.pack(four, six, node.initial_ttl, back, bool(four) | bool(six) << 1)
