"""Confirming rounds belong to the cycle that they follow: nothing it showed is lost or doubled."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_address
from itertools import count

import pytest

from exporter.model import Family, HostInfo, Probe, Protocol, StopReason, Trace
from exporter.monitoring.target import TargetMonitor
from exporter.monitoring.view import View
from exporter.settings import Module, Target
from exporter.trace.outcome import joined
from tests.measured import shown as exposed
from tests.measured import values
from tests.monitoring import HOST, V4, Stage
from tests.simulated import Answer
from tests.virtual import chain, run_virtual


@pytest.mark.parametrize("probes", [1, 3])
def test_loss_of_a_cycle_stays_on_show_when_it_was_chance(probes: int) -> None:
    """The destination loses the first probe of a cycle; rounds that follow at once answer all.
    The cycle still shows that loss, and counts as one cycle."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        monitor = stage.monitor(probes=probes)
        for _ in range(5):
            await monitor.run()
        cycle = stage.network.sends[-1].probe.trace + 1
        healthy = stage.network.routing

        def losing(destination: str, probe: Probe) -> Answer | None:
            lost = probe.trace == cycle and probe.round == 0 and probe.ttl >= 3
            return None if lost else healthy(destination, probe)

        stage.network.routing = losing
        await monitor.run()
        view = stage.views[-1]
        assert stage.network.sends[-1].probe.trace > cycle, "a confirming round followed"
        assert view.trace is not None
        assert view.trace.reached
        assert view.trace.destination_lost >= 1
        assert view.trace.destination_sent == view.trace.hops[-1].sent > probes
        assert view.tally.traces == 6
        assert view.tally.lost == view.trace.destination_lost

    run_virtual(test())


def test_all_responders_of_a_cycle_are_shown_however_many() -> None:
    """A router gives each answer another address, and confirming rounds follow a cycle: what
    answered first in it is on show still, counters and all."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        monitor = stage.monitor(probes=100)
        healthy = stage.network.routing
        number = count()

        def crowded(destination: str, probe: Probe) -> Answer | None:
            if probe.ttl == 1:
                return Answer(0.01, str(ip_address("2001:db8::") + next(number)))
            lost = probe.trace > 5 and probe.round % 2 == 0 and probe.ttl >= 3
            return None if lost else healthy(destination, probe)

        stage.network.routing = crowded
        for _ in range(6):
            await monitor.run()
            view = stage.views[-1]
            text = exposed(view)
        assert view.trace is not None
        assert stage.network.sends[-1].probe.trace > 6, "a confirming round followed"
        replies = values(text, "ftr_hop_replies_total", "hop", "address")
        assert sum(hop == "1" for hop, _ in replies) == view.trace.hops[0].sent > 100

    run_virtual(test())


def test_names_that_arrived_meanwhile_are_kept_by_what_is_shown_next() -> None:
    """A cycle is skipped after DNS has answered: what is shown then has the names."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        monitor = stage.monitor()
        await monitor.run()
        stage.infos[V4] = HostInfo(hostname="late.example.net", asn=64500)
        monitor.skipped(1)
        assert stage.views[-1].infos[V4].asn == 64500

    run_virtual(test())


def test_names_that_arrived_meanwhile_are_kept_when_the_mtu_is_known() -> None:
    """The search for the MTU takes its time; what is published after it is not of before it."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))

        def publish(view: View) -> None:
            stage.views.append(view)
            stage.infos[V4] = HostInfo(hostname="late.example.net", asn=64500)

        services = replace(stage.services, publish=publish)
        module = Module(probes=1, interval=10.0, mtu=True)
        await TargetMonitor(Target("example", HOST, module), services).run()
        assert len(stage.views) > 1
        assert stage.views[-1].infos[V4].asn == 64500

    run_virtual(test())


def test_joined_traces_count_every_probe_and_show_the_later_path() -> None:
    """An outage that the second trace no longer sees: reached, and the loss of both."""
    first = Trace(
        "h", V4, Family.IPV4, Protocol.ICMP, "x", 1.0, 2.0, StopReason.GAP, destination_sent=3
    )
    then = replace(
        first,
        started_at=4.0,
        duration=0.5,
        stop_reason=StopReason.DESTINATION,
        destination_sent=1,
        destination_rtts=(0.01,),
        errors=(("send", 1),),
        message="full",
    )
    both = joined(first, then)
    assert (both.started_at, both.duration) == (1.0, 2.5)
    assert both.reached
    assert (both.destination_sent, both.destination_lost) == (4, 3)
    assert (both.errors, both.message) == ((("send", 1),), "full")
    assert joined(then, first).stop_reason is StopReason.DESTINATION


def test_a_change_is_confirmed_within_seconds_though_cycles_are_a_minute_apart() -> None:
    """A router is replaced: the cycle that sees it hurries, and short ones confirm it at once."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        module = Module(probes=3, interval=60.0)
        monitor = TargetMonitor(Target("example", HOST, module), stage.services)
        for _ in range(10):
            await monitor.run()
        stage.network.routing = chain(0.01, 0.01, 0.01, network="198.18.9")
        started = asyncio.get_running_loop().time()
        await monitor.run()
        assert asyncio.get_running_loop().time() - started < 3.0
        assert [verdict.change is not None for verdict in stage.verdicts] == [True]
        assert stage.views[-1].tally.traces == 11

    run_virtual(test())


def test_a_lost_answer_among_those_that_confirm_ends_nothing() -> None:
    """The new router does not answer in the first of the traces that follow: they go on."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        module = Module(probes=3, interval=60.0)
        monitor = TargetMonitor(Target("example", HOST, module), stage.services)
        for _ in range(10):
            await monitor.run()
        turned = chain(0.01, 0.01, 0.01, network="198.18.9")
        cycle = stage.network.sends[-1].probe.trace + 1

        def losing(destination: str, probe: Probe) -> Answer | None:
            lost = probe.trace == cycle + 1 and probe.ttl < 3
            return None if lost else turned(destination, probe)

        stage.network.routing = losing
        await monitor.run()
        assert [verdict.change is not None for verdict in stage.verdicts] == [True]

    run_virtual(test())
