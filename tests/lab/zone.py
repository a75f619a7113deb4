"""Says what DNS knows of a world, in the form that the lab's name server reads. Pure."""

from __future__ import annotations

from typing import Any

from tests.lab.world import Node, World


def world_zone(world: World) -> dict[str, Any]:
    """The zone of a world: reverse names, origins of prefixes, names of systems, hosts.

    Shape: {"ptr": {address: name}, "origins": [{"prefix", "asn", "country"}],
    "as_names": {"64500": {"name", "country"}}, "hosts": {name: [address, ...]}}.
    """
    targets = [target.node for target in world.targets.values()]
    return {
        "ptr": {
            address: node.hostname
            for node in (*world.hops.values(), *targets)
            if node.hostname is not None
            for address in _addresses(node)
        },
        "origins": [
            {"prefix": prefix, "asn": system.number, "country": system.country}
            for system in world.systems
            for prefix in system.prefixes
        ],
        "as_names": {
            str(system.number): {"name": system.name, "country": system.country}
            for system in world.systems
        },
        "hosts": {node.hostname: _addresses(node) for node in targets if node.hostname is not None},
    }


def _addresses(node: Node) -> list[str]:
    return [each for each in (node.addresses.ipv4, node.addresses.ipv6) if each is not None]
