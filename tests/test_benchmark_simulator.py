"""Holds the compiled simulator against the one in Python: the same world, the same network."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from socket import AF_INET, IP_TTL, IPPROTO_IP, SOCK_DGRAM, socket

import pytest

from benchmarks.plainworld import compact
from benchmarks.simulator import NOBODY, WHY_NO_COMPILER, Record, compiled, records
from tests.conftest import WHY_NO_LAB
from tests.lab.control import ControlError
from tests.lab.generate import Shape, generate
from tests.lab.lab import Lab
from tests.lab.prober import Prober, Seen
from tests.lab.world import Addresses, Node, Target, World, WorldError

WHY_NOT = WHY_NO_LAB or WHY_NO_COMPILER
in_lab = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "both are there")
WORLD = generate(20, Shape(min_hops=3, max_hops=6))
TARGET = "t7"


def seen(lab: Lab) -> list[Seen | None]:
    """What plain sockets see of every hop and beyond, in both families, by ICMP and UDP."""
    addresses = lab.world.targets[TARGET].node.addresses
    found = []
    for address in (addresses.ipv4, addresses.ipv6):
        for icmp in (True, False):
            with Prober(str(address), icmp=icmp) as prober:
                answers = [prober.ask(ttl) for ttl in range(1, 9)]
            found += [each and each._replace(payload=b"", rtt=0.0) for each in answers]
    return found


@in_lab
def test_both_simulators_are_the_same_network() -> None:
    """Every probe got the same answer, from the same address with the same TTL, from either."""
    with Lab(WORLD) as lab:
        interpreted = seen(lab)
        truth = [(each.ttl, each.position, each.size, each.fate) for each in lab.truth()]
    with Lab(WORLD, simulator=compiled()) as lab:
        assert seen(lab) == interpreted
        found = records(lab)
        assert lab.ping() == {"ok": True, "pending": 0, "probes": 32, "dropped": 0}
    assert None not in interpreted
    assert [(each.ttl, each.position, each.size, "answered") for each in found] == truth
    assert {each.target for each in found} == {list(WORLD.targets).index(TARGET)}


@in_lab
def test_no_answer_leaves_before_its_time() -> None:
    """A real trace took its path and RTTs from the answers that the record tells of."""
    target = WORLD.targets[TARGET]
    nodes = [*(WORLD.hops[str(name)] for name in target.path), target.node]
    with Lab(WORLD, simulator=compiled()) as lab:
        argv = [sys.executable, "-m", "exporter", "trace", "--json", str(nodes[-1].addresses.ipv4)]
        hops = json.loads(lab.run(argv).stdout)["hops"]
        found = {each.position: each for each in records(lab)}
    delay = 0.0
    for position, (node, hop) in enumerate(zip(nodes, hops, strict=True), 1):
        delay += node.delay
        record = found[position]
        (responder,) = hop["responders"]
        assert responder["address"] == node.addresses.ipv4
        assert delay < responder["rtt_seconds"][0] + 1e-6
        assert int(delay * 1e9) - position <= record.sent_ns - record.received_ns
        assert record.sent_ns <= record.sent_after_ns


@in_lab
def test_a_flood_is_answered_to_the_last_probe() -> None:
    """Ten thousand probes in one go were all read, answered and recorded."""
    addresses = [str(each.node.addresses.ipv4) for each in WORLD.targets.values()]
    with Lab(WORLD, simulator=compiled()) as lab, socket(AF_INET, SOCK_DGRAM) as deaf:
        for number in range(10_000):
            ttl = [(IPPROTO_IP, IP_TTL, struct.pack("@i", 1 + number % 7))]
            deaf.sendmsg([b""], ttl, 0, (addresses[number % len(addresses)], 33434))
        found = records(lab)
        assert lab.ping()["dropped"] == 0
    assert len(found) == 10_000
    assert all(each.answered for each in found)


@in_lab
def test_probes_that_get_no_answer_are_recorded() -> None:
    """An unknown address, a router without an address, and an answer not due when all ended."""
    bare = Node("bare")
    slow = Node("slow", Addresses("192.0.2.7"), slow=60.0)
    world = World(hops={"bare": bare}, targets={"slow": Target(slow, ("bare",))})
    with Lab(world, simulator=compiled()) as lab:
        for address, ttl in (("192.0.2.99", 1), ("192.0.2.7", 1), ("192.0.2.7", 2)):
            with Prober(address) as prober:
                prober.send(ttl)
        assert lab.ping()["pending"] == 1
        with pytest.raises(ControlError, match="cannot do that"):
            lab.set_hop("bare", delay="1ms")
        lab.stop()
        assert [(each.target, each.fate) for each in records(lab)] == [
            (NOBODY, "unknown"),
            (0, "silent"),
            (0, "unsent"),
        ]


@in_lab
def test_a_record_written_in_part_is_left_out() -> None:
    """Where the log was read while it was written, its whole records counted."""
    with Lab(WORLD, simulator=compiled()) as lab, Prober("198.18.0.3") as prober:
        assert prober.ask(1) is not None
        assert len(records(lab)) == 1
        with lab.truth_path.open("ab") as log:
            log.write(bytes(39))
        assert len(records(lab)) == 1


@in_lab
def test_a_signal_ends_it_in_good_order() -> None:
    """What it had recorded was written out, and its status was 0."""
    with Lab(WORLD, simulator=compiled()) as lab, Prober("198.18.0.3") as prober:
        assert prober.ask(1) is not None
        lab.simulator.terminate()
        assert lab.simulator.wait(10) == 0
        assert [each.answered for each in records(lab)] == [True]


@pytest.mark.parametrize(
    "change", [{"loss": 0.1}, {"jitter": 0.1}, {"silent": True}, {"mtu": 1400}, {"duplicate": 1}]
)
def test_a_router_that_is_not_plain_is_refused(change: dict[str, float]) -> None:
    """The compiled simulator would have played another world than the one described."""
    name = next(iter(WORLD.hops))
    with pytest.raises(WorldError, match=f"{name}: .* plain routers"):
        compact(WORLD.with_node(replace(WORLD.hops[name], **change)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change", [{"path": (("a",), ("b",))}, {"loop": 1}, {"icmp": "silent"}, {"udp": ()}]
)
def test_a_target_that_is_not_plain_is_refused(change: dict[str, object]) -> None:
    """Balanced paths, loops and services are not known to it."""
    target = replace(WORLD.targets[TARGET], **change)  # type: ignore[arg-type]
    with pytest.raises(WorldError, match=f"{TARGET}: .* plain targets"):
        compact(WORLD.with_target(target))


def test_a_record_says_whether_it_was_answered() -> None:
    """Only a probe whose answer left counts."""
    record = Record(1, 2, 3, 0, 7, 8, 60, 1, 1, 4, 1, "answered")
    assert record.answered
    assert not record._replace(fate="silent").answered
