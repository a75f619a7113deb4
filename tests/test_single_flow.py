"""Behind load balancers: with one destination port for all TTLs, a trace is one path."""

from __future__ import annotations

import socket as sockets
from contextlib import closing

import pytest

from exporter.model import Family, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.extensions import internet_checksum
from exporter.sockets.factory import open_probe_socket
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.conftest import LabFactory
from tests.lab.lab import Lab
from tests.lab.packets import parse
from tests.probing import Recorder, run

FOUR = {Family.IPV4: "192.0.2.4", Family.IPV6: "2001:db8:300::4"}
BRANCHES = [["a0", "a1"], ["a2", "a3"], ["a4", "a5"], ["a6", "a7"]]
FLOWS = 16
each_family = pytest.mark.parametrize("family", list(Family))
each_way = pytest.mark.parametrize(
    ("protocol", "port"),
    [
        (Protocol.QUIC, None),
        (Protocol.UDP, 443),
        (Protocol.UDP, 53),
        (Protocol.UDP, 123),
        (Protocol.UDP, 33434),
    ],
)


def world(lab_factory: LabFactory) -> Lab:
    """A balancer of four branches, each of two routers."""
    lab = lab_factory("diamonds")
    lab.set_target("four", path=["gw", BRANCHES, "edge"])
    return lab


def branches(
    lab: Lab, family: Family, protocol: Protocol, port: int | None
) -> list[tuple[int, int]]:
    """Of each flow: the branches that its second and its third hop belong to."""
    version = 4 if family is Family.IPV4 else 6
    belongs = {
        lab.world.hops[name].addresses.of(version): number
        for number, branch in enumerate(BRANCHES)
        for name in branch
    }

    async def test() -> list[tuple[int, int]]:
        seen = []
        for number in range(FLOWS):
            tracer = Tracer(Pacer(10_000), ResponseCounts(), lambda response: None)
            request = SocketRequest(
                FOUR[family], family, protocol, port, local_port=20_000 + 300 * number
            )
            socket = open_probe_socket(request, tracer)
            for _ in range(2):
                hops = (await tracer.trace(socket, Plan(rounds=2))).hops()
            socket.close()
            assert [len(hop.addresses) for hop in hops] == [1] * 5
            seen.append((belongs[hops[1].addresses[0]], belongs[hops[2].addresses[0]]))
        return seen

    return run(test())


@each_family
@each_way
def test_neighbouring_hops_belong_to_one_branch(
    lab_factory: LabFactory, family: Family, protocol: Protocol, port: int | None
) -> None:
    """Sixteen flows over four branches: each stays on the branch it took, in every cycle."""
    lab = world(lab_factory)
    seen = branches(lab, family, protocol, port)
    assert all(second == third for second, third in seen)
    assert len(set(seen)) > 1
    ports = {(record.first, record.second) for record in lab.truth()}
    assert len(ports) == FLOWS


@each_family
@each_way
def test_all_that_routers_may_hash_stays_put(
    lab_factory: LabFactory, family: Family, protocol: Protocol, port: int | None
) -> None:
    """Five packets of different TTLs on the link: addresses, ports, traffic class, flow label (RFC
    6437), length and the sum of the payload are the same.
    """
    world(lab_factory)
    hashed = set()

    async def test() -> None:
        request = SocketRequest(FOUR[family], family, protocol, port)
        socket = open_probe_socket(request, Recorder())
        for ttl in range(101, 106):
            socket.send(Probe(1, 0, ttl))
        socket.close()

    with closing(sockets.socket(sockets.AF_PACKET, sockets.SOCK_DGRAM, sockets.htons(3))) as tap:
        tap.bind(("lab1", 3))
        tap.settimeout(5)
        run(test())
        ttls: set[int] = set()
        while len(ttls) < 5:
            packet = parse(tap.recv(65535))
            if packet is None or packet.ttl not in range(101, 106):
                continue
            ttls.add(packet.ttl)
            label = packet.data[:2] if family is Family.IPV4 else packet.data[:4]
            payload = packet.data[packet.header + 8 :]
            hashed.add((packet.flow, label, len(payload), internet_checksum(payload)))
    assert len(hashed) == 1


@each_family
def test_a_port_for_each_ttl_mixes_branches(lab_factory: LabFactory, family: Family) -> None:
    """What the single flow is for: without a port neighbours are of different branches."""
    seen = branches(world(lab_factory), family, Protocol.UDP, None)
    assert any(second != third for second, third in seen)


@each_family
@each_way
def test_router_that_quotes_little_takes_nobody_else_out_of_the_flow(
    lab_factory: LabFactory, family: Family, protocol: Protocol, port: int | None
) -> None:
    """The balancer quotes 8 bytes: it alone is asked from another port, and it is not silent."""
    lab = world(lab_factory)
    lab.set_hop("gw", quote=8)
    seen = branches(lab, family, protocol, port)
    assert all(second == third for second, third in seen)
    assert len(set(seen)) > 1
