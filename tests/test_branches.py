"""Parallel branches: how many flows it takes to find them, and that they are found."""

from __future__ import annotations

import random

import pytest

from exporter.model import Family, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.trace.branches import flows_needed
from exporter.trace.flowset import FlowSet, Wiring, local_port
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts
from tests.conftest import LabFactory
from tests.probing import run
from tests.soak.branches import runs_that_found, trace_all_branches


def test_flows_needed_are_those_of_the_multipath_detection_algorithm() -> None:
    """At 5 % the published table: 6, 11, 16, 21; at 1 % more. Nothing seen needs one flow."""
    assert [flows_needed(seen, 0.05) for seen in (1, 2, 3, 4)] == [6, 11, 16, 21]
    assert [flows_needed(seen) for seen in (1, 2, 4, 16)] == [8, 15, 28, 123]
    assert flows_needed(0) == 1


@pytest.mark.parametrize("width", [1, 2, 4, 16])
def test_stopping_rule_keeps_its_promise(width: int) -> None:
    """In a thousand balanced hops the rule leaves out a branch in no more than it says."""
    chance = random.Random(width)
    missed = 0
    for _ in range(1000):
        seen: set[int] = set()
        flows = 0
        while flows < flows_needed(max(1, len(seen))):
            seen.add(chance.randrange(width))
            flows += 1
        missed += len(seen) < width
    assert missed <= 20


def test_local_ports_are_stable_and_differ_by_flow() -> None:
    """A restart asks for the same port, another flow for another one."""
    assert local_port("web\0ipv4", 0) == local_port("web\0ipv4", 0)
    ports = [local_port("web\0ipv4", flow) for flow in range(64)]
    assert len(set(ports)) > 60
    assert all(1024 < port < 65536 for port in ports)


@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.UDP])
def test_two_targets_never_share_an_echo_id_or_port(
    lab_factory: LabFactory, protocol: Protocol
) -> None:
    """Both ask for the same one, as two names may by chance: each still gets its own answers."""
    lab_factory("small")

    async def test() -> None:
        wiring = Wiring(open_probe_socket, Pacer(20_000), ResponseCounts(), lambda response: None)
        sets = [
            FlowSet("same", SocketRequest(address, Family.IPV4, protocol), wiring)
            for address in ("192.0.2.1", "192.0.2.2")
        ]
        for flows in sets:
            flows.open()
        for flows, hops in zip(sets, (4, 5), strict=True):
            states, _ = await flows.trace(Plan(rounds=1))
            assert [hop.lost for hop in states[0].hops()] == [0] * hops
            flows.close()

    run(test())


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize(
    ("host", "width"), [("1", 1), ("2", 2), ("4", 4), ("16", 16)], ids=["1", "2", "4", "16"]
)
def test_all_branches_are_found(
    lab_factory: LabFactory, family: Family, host: str, width: int
) -> None:
    """Every branch of the world is found by ICMP flows, and a single path takes few of them."""
    lab_factory("diamonds")
    address = f"192.0.2.{host}" if family is Family.IPV4 else f"2001:db8:300::{host}"
    trace = run(trace_all_branches(address, family, Protocol.ICMP, f"t{host}"))
    assert [len(hop.addresses) for hop in trace.hops] == [1, width, 1, 1]
    assert trace.destination_sent == flows_needed(width)


def test_a_flow_keeps_its_branch(lab_factory: LabFactory) -> None:
    """Ten traces by the same flow, the sockets opened anew each time: always the same branch."""
    lab_factory("diamonds")

    async def once() -> tuple[str, ...]:
        wiring = Wiring(open_probe_socket, Pacer(20_000), ResponseCounts(), lambda response: None)
        request = SocketRequest("192.0.2.16", Family.IPV4, Protocol.ICMP)
        flows = FlowSet("steady", request, wiring)
        states, _ = await flows.trace(Plan(rounds=3))
        flows.close()
        return states[0].hops()[1].addresses

    assert len({run(once()) for _ in range(10)}) == 1


@pytest.mark.parametrize("protocol", [Protocol.ICMP, Protocol.UDP])
def test_branches_are_found_in_run_after_run(lab_factory: LabFactory, protocol: Protocol) -> None:
    """100 runs, each by other flows: the promise is 99 of 100, and 95 is held."""
    lab_factory("diamonds")
    assert runs_that_found("192.0.2.4", protocol, [1, 4, 1, 1], 100) >= 95
