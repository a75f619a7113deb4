"""Reads a world from YAML or from a mapping; every fault names the key where it stands.

    host: {ipv4: 10.9.0.2, ipv6: "fd09::2"}       # optional
    as: {64500: {name: EXAMPLE-ACCESS, country: DE, prefixes: [198.51.100.0/24]}}
    hops:
      gw:   {ipv4: 198.51.100.1, ipv6: "2001:db8:100::1", name: gw.example.net, delay: 300us}
      core: {ipv4: 203.0.113.1, delay: 5ms, loss: 5%, rate_limit: 1/s, quote: 8,
             mpls: [{label: 24017, exp: 0, ttl: 1}]}
    targets:
      web:  {ipv4: 192.0.2.1, path: [gw, [a, [b, c]], core], udp: {default: unreachable, 443: quic}}

The other keys are the fields of `Node` and `Target` in `world.py`; in a path, a list is a choice
between branches, and a list in that list is a branch of several hops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from tests.lab.fields import NODE_KEYS, TARGET_KEYS, addresses, mapping, only, parsed, text, whole
from tests.lab.world import AutonomousSystem, Node, Target, World, WorldError


def load_world(path: str | Path) -> World:
    """Read a file. Raises `WorldError`."""
    # Here, for a simulator that is handed its world starts an eighth faster without.
    import yaml

    try:
        content = yaml.load(Path(path).read_text("utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WorldError(f"{path}: {error}") from error
    try:
        return parse_world(content)
    except WorldError as error:
        raise WorldError(f"{path}: {error}") from error


def parse_world(content: object) -> World:
    """Make a world of a mapping as YAML gives it. Raises `WorldError`."""
    top = mapping(content, "world")
    only(top, "world", {"host", "mtu", "seed", "as", "hops", "targets"})
    hops = {
        name: parse_node(name, mapping(value, f"hops.{name}"), f"hops.{name}")
        for name, value in mapping(top.get("hops") or {}, "hops").items()
    }
    targets = {
        name: parse_target(name, mapping(value, f"targets.{name}"), hops)
        for name, value in mapping(top.get("targets") or {}, "targets").items()
    }
    _distinct(hops, targets)
    systems = mapping(top.get("as") or {}, "as")
    host = World().host
    if "host" in top:
        host = parsed(addresses, top["host"], "host")
    return World(
        host,
        parsed(whole, top.get("mtu", 1500), "mtu"),
        parsed(whole, top.get("seed", 0), "seed"),
        tuple(_system(number, value) for number, value in systems.items()),
        hops,
        targets,
    )


def _distinct(hops: Mapping[str, Node], targets: Mapping[str, Target]) -> None:
    both = sorted(set(hops) & set(targets))
    if both:
        raise WorldError(f"targets.{both[0]}: a hop has the same name")
    owners: dict[str, str] = {}
    for name, target in targets.items():
        for address in (target.node.addresses.ipv4, target.node.addresses.ipv6):
            if address and owners.setdefault(address, name) != name:
                raise WorldError(f"targets.{name}: {address} belongs to {owners[address]} already")


def parse_node(name: str, content: Mapping[Any, Any], where: str) -> Node:
    """Make a node of its keys. Raises `WorldError`."""
    if not isinstance(name, str) or not name:
        raise WorldError(f"{where}: a name must be text")
    return change_node(Node(name), content, where)


def change_node(node: Node, content: Mapping[Any, Any], where: str) -> Node:
    """The node with these keys changed. Raises `WorldError`."""
    only(content, where, {"ipv4", "ipv6", "name", *NODE_KEYS})
    changes = {
        key: parsed(NODE_KEYS[key], value, f"{where}.{key}")
        for key, value in content.items()
        if key in NODE_KEYS
    }
    given = {key: content[key] for key in ("ipv4", "ipv6") if key in content}
    if given:
        new = parsed(addresses, given, where)
        changes["addresses"] = replace(node.addresses, **{key: getattr(new, key) for key in given})
    if "name" in content:
        changes["hostname"] = parsed(text, content["name"], f"{where}.name")
    return replace(node, **changes)


def parse_target(name: str, content: Mapping[Any, Any], hops: Mapping[str, Node]) -> Target:
    """Make a target of its keys, whose path may use these hops. Raises `WorldError`."""
    where = f"targets.{name}"
    if "path" not in content:
        raise WorldError(f"{where}: 'path' is missing")
    own = {key: value for key, value in content.items() if key in TARGET_KEYS}
    rest = {key: value for key, value in content.items() if key not in TARGET_KEYS}
    return change_target(Target(parse_node(name, rest, where), ()), own, hops)


def change_target(target: Target, content: Mapping[Any, Any], hops: Mapping[str, Node]) -> Target:
    """The target with these keys changed, those of its node too. Raises `WorldError`."""
    where = f"targets.{target.name}"
    own = {
        key: parsed(TARGET_KEYS[key], value, f"{where}.{key}")
        for key, value in content.items()
        if key in TARGET_KEYS
    }
    rest = {key: value for key, value in content.items() if key not in TARGET_KEYS}
    changed = replace(target, node=change_node(target.node, rest, where), **own)
    names = changed.hop_names()
    unknown = sorted(set(names) - set(hops))
    if unknown:
        raise WorldError(f"{where}.path: no hop is named {', '.join(unknown)}")
    if changed.loop > len(changed.path):
        raise WorldError(f"{where}.loop: the path has only {len(changed.path)} steps")
    return changed


def _system(number: Any, value: Any) -> AutonomousSystem:
    where = f"as.{number}"
    content = mapping(value, where)
    only(content, where, {"name", "country", "prefixes"})
    prefixes = parsed(
        lambda texts: tuple(str(ip_network(text)) for text in texts),
        content.get("prefixes", []),
        f"{where}.prefixes",
    )
    name, country = content.get("name", f"AS{number}"), content.get("country", "ZZ")
    return AutonomousSystem(parsed(whole, number, where), text(name), text(country), prefixes)
