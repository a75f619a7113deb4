"""Three hundred targets, and a busy program: nothing is lost that came, and RTTs stay right."""

from __future__ import annotations

import asyncio
import statistics
import time
from itertools import product

import pytest

from exporter.model import Family, Protocol
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_probe_socket
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.conftest import LabFactory
from tests.daemon import running
from tests.lab.generate import Shape, generate
from tests.lab.truth import Record
from tests.probing import WEB, run

COUNT = 300


@pytest.mark.parametrize(
    ("protocol", "family"), [("icmp", "ipv4"), ("udp", "ipv6"), ("tcp", "ipv4")]
)
def test_lossless_world_has_no_loss(lab_factory: LabFactory, protocol: str, family: str) -> None:
    """Two cycles over 300 paths of 8 to 20 hops: not one probe counts as lost, late or skipped,
    every path has its true length, and every probe that arrived was counted."""
    world = generate(COUNT, Shape(max_delay=0.005, jitter=0.003))
    lab = lab_factory(world)
    version = 4 if family == "ipv4" else 6
    config = f"defaults: {{interval: 15s, probes: 2, protocol: {protocol}}}\n"
    config += "enrichment: {rdns: false, asn: {source: none}}\ntargets:\n"
    for name, target in world.targets.items():
        config += f"  - {{name: {name}, host: '{target.node.addresses.of(version)}'}}\n"
    with running(lab, config) as daemon:
        scrape = daemon.until_traced(2, *world.targets, seconds=90)
        assert daemon.stop() < 5
    for metric in ("ftr_target_probes_lost_total", "ftr_hop_probes_lost_total"):
        assert sum(scrape.all(metric).values()) == 0, metric
    assert sum(scrape.all("ftr_errors_total").values()) == 0
    assert sum(scrape.all("ftr_traces_skipped_total").values()) == 0
    assert scrape.value("ftr_responses_unmatched_total") == 0
    for name, target in world.targets.items():
        assert scrape.value("ftr_path_hops", target=name) == len(target.path) + 1
        assert scrape.value("ftr_target_reached", target=name) == 1
    assert lab.truth().lost == 0


@pytest.mark.parametrize(("protocol", "family"), list(product(["icmp", "udp", "tcp"], Family)))
def test_rtts_stay_right_while_the_loop_is_busy(
    lab_factory: LabFactory, protocol: str, family: Family
) -> None:
    """The event loop computes in bursts of 20 ms: RTTs come from the kernel, not from the loop."""
    lab = lab_factory("small")
    rtts: list[tuple[int, float]] = []

    async def busy() -> None:
        while True:
            end = time.perf_counter() + 0.02
            while time.perf_counter() < end:
                pass
            await asyncio.sleep(0.002)

    async def test() -> None:
        tracer = Tracer(
            Pacer(10_000),
            ResponseCounts(),
            lambda response: rtts.append((response.probe.ttl, response.rtt)),
        )
        request = SocketRequest(WEB[family], family, Protocol(protocol))
        socket = open_probe_socket(request, tracer)
        burner = asyncio.create_task(busy())
        plan = Plan(rounds=100)
        state = await tracer.trace(socket, plan)
        burner.cancel()
        socket.close()
        assert [hop.lost for hop in state.hops()] == [0, 0, 0, 0]

    run(test())
    truth = lab.truth()
    errors = []
    for ttl in range(1, 5):
        measured = [rtt for each, rtt in rtts if each == ttl]
        happened: list[Record] = list(truth.only(ttl=ttl))
        assert len(measured) <= len(happened)
        errors += [
            max(record.rtt - rtt, rtt - record.rtt_bound, 0.0)
            for record, rtt in zip(happened, measured, strict=False)
        ]
    errors.sort()
    assert statistics.median(errors) < 0.0002
    assert errors[len(errors) * 9 // 10] < 0.0002
