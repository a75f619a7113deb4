"""Cycle after cycle of one target, in virtual time: what is published, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from exporter.model import Family, FamilyChoice, HostInfo, Kind, Probe, Protocol, StopReason
from exporter.monitoring.pace import pace_for
from exporter.reading.path import as_path, path_id
from exporter.settings import Module
from tests.monitoring import OTHER_V4, V4, Stage, shown
from tests.simulated import Answer
from tests.virtual import EPOCH, chain, run_virtual, silence, use_virtual_clock


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    """Both clocks follow virtual time."""
    with pytest.MonkeyPatch.context() as patch:
        use_virtual_clock(patch, "exporter.monitoring.measure")
        yield


def test_cycle_is_published_with_everything_known() -> None:
    """Three hops: trace, path, counters, and what is known of the addresses."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.02, 0.03))
        gateway = stage.infos["198.51.100.1"] = HostInfo("gw.example.net", 64500)
        await stage.monitor(probes=2).run()
        (view,) = stage.views
        assert view.key == ("example", Family.IPV4)
        assert view.protocol is Protocol.ICMP
        assert shown(view) == list(view.path) == ["198.51.100.1", "198.51.100.2", V4]
        assert view.infos["198.51.100.1"] is gateway
        assert set(view.infos) == set(view.path)
        trace = view.trace
        assert trace is not None
        assert (trace.reached, trace.address, trace.backend) == (True, V4, "simulated")
        assert trace.started_at == pytest.approx(EPOCH + 0.01, abs=1e-3)
        assert trace.duration == pytest.approx(1.03, abs=1e-3)
        assert (view.tally.traces, view.tally.sent, view.tally.lost) == (1, 2, 0)

    run_virtual(test())


def test_hop_is_looked_up_the_moment_it_is_heard_and_once_a_cycle() -> None:
    """Long before the trace ends, so that its name is there by then."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.5, 0.5, 0.5))
        cycle = asyncio.create_task(stage.monitor(probes=3).run())
        await asyncio.sleep(0.1)
        assert stage.asked == ["198.51.100.1"]
        await cycle
        assert sorted(stage.asked[:4]) == ["192.0.2.1", *(f"198.51.100.{n}" for n in (1, 2, 3))]
        assert len(stage.asked) == 8
        assert all(0 <= seconds < 1e-3 for seconds in stage.recorded)
        assert len(stage.recorded) >= 12

    run_virtual(test())


def test_later_cycles_use_one_socket_and_probe_no_further_than_needed() -> None:
    """The first cycle learns the length; ten more go over the same socket."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.02, 0.03))
        monitor = stage.monitor()
        for _ in range(11):
            await monitor.run()
        assert len(stage.network.opened) == 1
        later = [sending for sending in stage.network.sends if sending.probe.trace > 1]
        assert len(later) == 30
        assert stage.views[-1].tally.traces == 11

    run_virtual(test())


def test_changed_address_starts_anew_and_is_visible() -> None:
    """The name points elsewhere: another socket, no memory of the old path, the counters go on."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01, 0.01))
        monitor = stage.monitor()
        await monitor.run()
        stage.names[Family.IPV4] = (OTHER_V4,)
        stage.network.routing = chain(0.01, 0.01, network="203.0.113")
        await monitor.run()
        before, after = stage.views
        assert after.trace is not None
        assert after.trace.address == OTHER_V4
        assert before.path == ("198.51.100.1", "198.51.100.2", "198.51.100.3", V4)
        assert after.path == ("203.0.113.1", OTHER_V4)
        assert set(after.infos) == set(after.path)
        assert stage.destinations == [OTHER_V4]
        assert after.tally.traces == 2
        assert after.tally is before.tally
        for address in (V4, OTHER_V4):
            asked = {each.probe.ttl for each in stage.network.sends if each.destination == address}
            assert asked >= set(range(1, 9)), "the first look at an address knows no length"

    run_virtual(test())


def test_new_address_that_is_silent_shows_nothing_of_the_old_path() -> None:
    """Were the path kept, the hops on the way to the old address would seem to be still there."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        monitor = stage.monitor()
        await monitor.run()
        stage.names[Family.IPV4] = (OTHER_V4,)
        stage.network.routing = silence
        await monitor.run()
        assert stage.views[-1].path == ()
        assert stage.views[-1].infos == {}

    run_virtual(test())


def test_round_robin_does_not_flap() -> None:
    """Servers that rotate their answers, or add to them: the address traced first stays."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        monitor = stage.monitor()
        addresses = [V4, OTHER_V4, "192.0.2.3"]
        for _ in range(9):
            stage.names[Family.IPV4] = tuple(addresses)
            addresses.append(addresses.pop(0))
            await monitor.run()
        assert {view.trace.address for view in stage.views if view.trace} == {V4}
        assert len(stage.network.opened) == 1
        stage.names[Family.IPV4] = ("192.0.2.3", OTHER_V4)
        await monitor.run()
        assert stage.destinations == ["192.0.2.3"]

    run_virtual(test())


def test_silent_hop_keeps_its_place_in_path_and_as_path() -> None:
    """A router says nothing for a cycle: the path is the same, and so is the AS path."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        for number in (1, 2):
            stage.infos[f"198.51.100.{number}"] = HostInfo(asn=64500 + number)
        monitor = stage.monitor()
        await monitor.run()
        stage.network.routing = chain(0.01, None, 0.01)
        await monitor.run()
        before, after = stage.views
        assert shown(after) == ["198.51.100.1", None, V4]
        assert path_id(after.path) == path_id(before.path)
        assert as_path(after.path, after.infos) == as_path(before.path, before.infos)
        assert as_path(after.path, after.infos) == (64501, 64502)

    run_virtual(test())


def test_skipped_cycles_are_shown_at_once() -> None:
    """The counter grows, the latest trace stays on show."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        monitor = stage.monitor(FamilyChoice.IPV4)
        await monitor.run()
        monitor.skipped(3)
        before, after = stage.views
        assert after.tally.skipped == 3
        assert after.trace is before.trace
        assert after.path == before.path

    run_virtual(test())


def test_late_answers_do_not_change_what_was_published() -> None:
    """An answer after the end of the cycle is counted as late and nothing else."""

    async def test() -> None:
        stage = Stage(chain(0.01, 3.0, 0.01, 0.01))
        monitor = stage.monitor()
        await monitor.run()
        await asyncio.sleep(5)
        assert stage.counts.late == 1
        assert len(stage.views) == 1
        assert shown(stage.views[0])[1] is None

    run_virtual(test())


def test_cancelled_cycle_publishes_nothing_and_the_next_one_is_whole() -> None:
    """The daemon stops in the middle of a trace; closing gives the socket back, twice is once."""

    async def test() -> None:
        stage = Stage(chain(0.2, 0.2, 0.2))
        monitor = stage.monitor()
        cycle = asyncio.create_task(monitor.run())
        await asyncio.sleep(0.1)
        cycle.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cycle
        assert stage.views == []
        await monitor.run()
        assert stage.views[0].trace is not None
        assert stage.views[0].trace.stop_reason is StopReason.DESTINATION
        monitor.close()
        monitor.close()
        assert stage.network.sockets == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(test())


def test_unreachable_is_published_with_its_code() -> None:
    """A router forbids the rest of the way: not reached, and no local error."""

    async def test() -> None:
        def routing(destination: str, probe: Probe) -> Answer | None:
            answer = chain(0.01, 0.01)(destination, probe)
            prohibited = Answer(0.01, "198.51.100.9", Kind.UNREACHABLE, 13)
            return prohibited if probe.ttl > 1 else answer

        stage = Stage(routing)
        await stage.monitor().run()
        trace = stage.views[0].trace
        assert trace is not None
        assert (trace.stop_reason, trace.code) == (StopReason.UNREACHABLE, 13)
        assert not trace.reached
        assert trace.errors == ()

    run_virtual(test())


def test_plan_fits_into_the_interval() -> None:
    """A second between rounds, less where the interval is short; no patience beyond the timeout."""
    plan = pace_for(Module(first_hop=2, max_hops=20, probes=4, timeout=3.0)).cycle
    assert (plan.first_hop, plan.max_hops, plan.rounds) == (2, 20, 4)
    assert (plan.timeout, plan.patience, plan.spacing) == (3.0, 0.5, 1.0)
    short = pace_for(Module(interval=1.0, timeout=0.2, probes=5)).cycle
    assert short.spacing * short.rounds <= 0.5
    assert short.patience <= 0.2


def test_what_confirms_a_cycle_ends_before_the_next() -> None:
    """Short rounds, none of them begun so late that it would delay the cycle that follows."""
    pace = pace_for(Module(interval=10.0, confirm=3))
    confirming = pace.confirming
    assert (confirming.rounds, len(pace.pauses)) == (1, 6)
    assert pace.latest + confirming.patience + confirming.linger <= 10.0
    assert sum(pace.pauses) + 6 * confirming.patience < 5.0
    assert pace.urgent.spacing < pace.cycle.spacing


def test_tcp_gives_each_round_its_port() -> None:
    """An unanswered SYN holds its port for 0.9 s; a hurried round before would be another flow."""
    pace = pace_for(Module(protocol=Protocol.TCP, interval=60.0))
    assert (pace.cycle.spacing, pace.cycle.rounds, pace.urgent.rounds) == (1.0, 3, 1)
    assert pace_for(Module(protocol=Protocol.TCP, interval=4.0)).cycle.spacing == 1.0
