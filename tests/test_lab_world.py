"""Descriptions of worlds: what they mean, and that every fault is named where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exporter.model import ExtensionObject, MplsEntry
from tests.lab.lab import WORLDS, find_world
from tests.lab.world import Addresses, RateLimit, World, WorldError
from tests.lab.world_file import load_world, parse_world
from tests.lab.zone import world_zone


def with_hop(**keys: Any) -> dict[str, Any]:
    """A world of one hop."""
    return {"hops": {"gw": keys}}


def with_target(**keys: Any) -> dict[str, Any]:
    """A world of one hop and one target."""
    return {"hops": {"gw": {}}, "targets": {"web": {"ipv4": "192.0.2.1", "path": ["gw"], **keys}}}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("delay", "300us", 0.0003),
        ("slow", "5ms", 0.005),
        ("jitter", 0.25, 0.25),
        ("loss", "5%", 0.05),
        ("loss", [0, 1], (0, 1)),
        ("forward_loss", 1, 1.0),
        ("rate_limit", "0.5/s", RateLimit(0.5, 1)),
        ("rate_limit", "10/s burst 3", RateLimit(10, 3)),
        ("rate_limit", None, None),
        ("quote", "full", None),
        ("quote", 8, 8),
        ("silent", True, True),
        ("initial_ttl", 255, 255),
        ("return_hops", 0, 0),
        ("unreachable", "admin", (13, 1)),
        ("unreachable", 7, (7, 7)),
        ("unreachable", None, None),
        ("mtu", 1280, 1280),
        ("answers_as", {"ipv6": "2001:DB8::0:1"}, Addresses(None, "2001:db8::1")),
        (
            "mpls",
            [{"label": 16}, {"label": 17, "exp": 5, "ttl": 9}],
            (MplsEntry(16, 0, False, 1), MplsEntry(17, 5, True, 9)),
        ),
        (
            "extensions",
            [{"class": 2, "type": 10, "payload": "00ff"}],
            (ExtensionObject(2, 10, b"\0\xff"),),
        ),
    ],
)
def test_a_hop_means_what_it_says(key: str, text: object, value: object) -> None:
    """Each key became its field."""
    assert getattr(parse_world(with_hop(**{key: text})).hops["gw"], key) == value


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("path", ["gw", ["gw", ["gw", "gw"]]], ("gw", (("gw",), ("gw", "gw")))),
        ("balance", "packet", "packet"),
        ("loop", 1, 1),
        ("icmp", "silent", "silent"),
        ("udp", "silent", (("default", "silent"),)),
        ("udp", {443: "quic"}, (("default", "unreachable"), (443, "quic"))),
        ("tcp", {"default": "silent", 80: "open"}, (("default", "silent"), (80, "open"))),
        ("unreachable", "host", (1, 3)),
    ],
)
def test_a_target_means_what_it_says(key: str, text: object, value: object) -> None:
    """Each key became its field."""
    assert getattr(parse_world(with_target(**{key: text})).targets["web"], key) == value


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "world: a mapping is expected"),
        ({"hosts": {}}, "world: unknown key hosts; known are as, hops"),
        ({"host": {"ipv4": "fd09::2"}}, "host: .*is no ipv4 address"),
        ({"host": {"ipv7": "x"}}, "unknown key ipv7"),
        ({"mtu": -1}, "mtu: -1: a whole number"),
        ({"mtu": True}, "mtu: True: a whole number"),
        ({"as": {"x": {}}}, "as.x: 'x': a whole number"),
        ({"as": {1: {"prefixes": ["192.0.2.1/24"]}}}, "as.1.prefixes: .*host bits"),
        ({"hops": {"gw": 3}}, "hops.gw: a mapping is expected, not 3"),
        ({"hops": {1: {}}}, "hops.1: a name must be text"),
        (with_hop(dely=1), "hops.gw: unknown key dely"),
        (with_hop(delay="fast"), "hops.gw.delay: 'fast': a duration"),
        (with_hop(delay="-1ms"), "hops.gw.delay"),
        (with_hop(delay=True), "hops.gw.delay"),
        (with_hop(loss="101%"), "hops.gw.loss: '101%': a share"),
        (with_hop(loss=[]), "hops.gw.loss: .*a list of 0"),
        (with_hop(loss=[2]), "hops.gw.loss"),
        (with_hop(rate_limit="1 per second"), "hops.gw.rate_limit"),
        (with_hop(rate_limit=1), "hops.gw.rate_limit"),
        (with_hop(silent="yes"), "hops.gw.silent: 'yes': true or false"),
        (with_hop(unreachable="nobody"), "hops.gw.unreachable: 'nobody'"),
        (with_hop(initial_ttl=256), "hops.gw.initial_ttl: 256: a TTL"),
        (with_hop(ipv4="300.1.1.1"), "hops.gw: .*300.1.1.1"),
        (with_hop(name=7), "hops.gw.name: 7: text"),
        (with_hop(mpls=[{}]), "hops.gw.mpls"),
        (with_hop(extensions=[{"class": 1, "type": 1, "payload": "xyz"}]), "hops.gw.extensions"),
        ({"targets": {"web": {"ipv4": "192.0.2.1"}}}, "targets.web: 'path' is missing"),
        (with_target(path=["gw", "nowhere"]), "targets.web.path: no hop is named nowhere"),
        (with_target(path="gw"), "targets.web.path: 'gw': a list"),
        (with_target(path=[[]]), "targets.web.path: .*list of branches"),
        (with_target(path=[3]), "targets.web.path"),
        (with_target(loop=2), "targets.web.loop: the path has only 1 steps"),
        (with_target(balance="luck"), "targets.web.balance: 'luck': one of flow, packet"),
        (with_target(udp=["echo"]), "targets.web.udp"),
        (with_target(tcp="ajar"), "targets.web.tcp: 'ajar': one of refused"),
        (with_target(colour="red"), "targets.web: unknown key colour"),
        (
            {"hops": {"web": {}}, "targets": {"web": {"path": []}}},
            "targets.web: a hop has the same name",
        ),
        (
            {
                "targets": {
                    "a": {"ipv6": "2001:db8::1", "path": []},
                    "b": {"ipv6": "2001:db8::01", "path": []},
                }
            },
            "targets.b: 2001:db8::1 belongs to a already",
        ),
    ],
)
def test_a_fault_is_named_where_it_stands(content: object, fault: str) -> None:
    """The message held the key and what is allowed."""
    with pytest.raises(WorldError, match=fault):
        parse_world(content)


@pytest.mark.parametrize("content", [b"hops: [", b"\xff\xfe\x00", b"hops: {gw: {los: 1}}"])
def test_a_faulty_file_is_named(tmp_path: Path, content: bytes) -> None:
    """Broken YAML, broken text and a broken world were told with the file's name."""
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(WorldError, match=r"broken\.yaml"):
        load_world(path)


def test_a_missing_file_is_a_fault() -> None:
    """There is no world of this name."""
    with pytest.raises(WorldError, match="atlantis"):
        find_world("atlantis")


def test_a_world_is_found_by_name_by_path_and_as_itself() -> None:
    """All three gave the same world."""
    by_name = find_world("small")
    assert by_name == find_world(WORLDS / "small.yaml") == find_world(by_name)
    assert by_name.targets["mail"].hop_names() == ("gw", "core1", "a", "b", "edge")


@pytest.mark.parametrize("path", sorted(WORLDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_world_in_the_repository_can_be_read(path: Path) -> None:
    """None of them had a fault, and every target's name is known to DNS."""
    world = load_world(path)
    zone = world_zone(world)
    assert world.targets
    for target in world.targets.values():
        if target.node.hostname:
            assert target.node.addresses.ipv4 in zone["hosts"][target.node.hostname]


def test_dns_knows_names_origins_and_systems() -> None:
    """The zone of a world held what the lab's name server wants to read."""
    zone = world_zone(load_world(WORLDS / "small.yaml"))
    assert zone["ptr"]["2001:db8:100::1"] == "gw.access.example"
    assert {"prefix": "192.0.2.0/24", "asn": 64502, "country": "FR"} in zone["origins"]
    assert zone["as_names"]["64500"] == {"name": "EXAMPLE-ACCESS", "country": "DE"}
    assert zone["hosts"]["www.example.net"] == ["192.0.2.1", "2001:db8:300::1"]


def test_an_empty_world_is_a_world() -> None:
    """Nothing is there, and nothing is wrong with that."""
    assert parse_world({}) == World()
