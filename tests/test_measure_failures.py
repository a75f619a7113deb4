"""Targets that cannot be resolved, opened or reached from here: present, and never loss."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from exporter.errors import ErrorReason, ProbeError, SocketUnavailable
from exporter.model import Family, FamilyChoice, Probe, StopReason
from tests.monitoring import HOST, V4, V6, Stage, failed_with, shown
from tests.virtual import chain, no_failure, no_route, run_virtual, use_virtual_clock


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    """Both clocks follow virtual time."""
    with pytest.MonkeyPatch.context() as patch:
        use_virtual_clock(patch, "exporter.monitoring.measure")
        yield


@pytest.mark.parametrize("family", [FamilyChoice.AUTO, FamilyChoice.IPV4])
def test_name_that_never_resolves_is_present_and_not_reached(family: FamilyChoice) -> None:
    """From the first cycle on: an error with reason `resolve`, no address, no loss."""

    async def test() -> None:
        stage = Stage(chain(0.01))
        stage.names = {}
        monitor = stage.monitor(family)
        await monitor.run()
        await monitor.run()
        view = stage.views[-1]
        assert view.key == ("example", Family.IPV4)
        assert view.trace is not None
        assert (view.trace.reached, view.trace.stop_reason) == (False, StopReason.ERROR)
        assert (view.trace.address, view.trace.hops) == (None, ())
        assert view.trace.message == f"{HOST} has no ipv4 address"
        assert failed_with(view) == (("resolve", 1),)
        assert view.tally.errors["resolve"] == 2
        assert (view.tally.traces, view.tally.sent, view.tally.lost) == (2, 0, 0)
        assert stage.network.opened == []

    run_virtual(test())


def test_name_that_fails_for_a_while_keeps_path_socket_and_counters() -> None:
    """DNS is away for two cycles: errors, and afterwards everything as before."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        monitor = stage.monitor()
        await monitor.run()
        stage.names = {}
        await monitor.run()
        await monitor.run()
        stage.names = {Family.IPV4: (V4,)}
        await monitor.run()
        first, failed, _, last = stage.views
        assert failed.path == first.path == last.path
        assert set(failed.infos) == set(first.path)
        assert failed.trace is not None
        assert (failed.trace.address, failed.trace.reached) == (None, False)
        assert last.tally.errors["resolve"] == 2
        assert (last.tally.sent, last.tally.lost) == (2, 0)
        assert len(stage.network.opened) == 1

    run_virtual(test())


def test_refused_socket_is_published_with_its_reason_and_tried_again() -> None:
    """No permission at first; as soon as it is given, the next cycle is like any other."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        stage.network.refusal = SocketUnavailable(ErrorReason.PERMISSION, "not for you")
        monitor = stage.monitor()
        await monitor.run()
        view = stage.views[0]
        assert view.trace is not None
        assert (view.trace.address, view.trace.backend, view.trace.message) == (
            V4,
            "",
            "not for you",
        )
        assert failed_with(view) == (("permission", 1),)
        assert not view.trace.reached
        assert (view.tally.sent, view.tally.lost) == (0, 0)
        stage.network.refusal = None
        await monitor.run()
        assert shown(stage.views[1]) == ["198.51.100.1", V4]
        assert failed_with(stage.views[1]) == ()

    run_virtual(test())


def test_host_without_a_route_counts_errors_and_opens_a_new_socket_each_cycle() -> None:
    """A socket that had errors is not trusted again; none is left open, and nothing is loss."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        monitor = stage.monitor()
        await monitor.run()
        stage.network.failing = no_route
        for _ in range(5):
            await monitor.run()
            assert stage.network.sockets == []
        stage.network.failing = no_failure
        await monitor.run()
        assert len(stage.network.opened) == 6
        assert stage.destinations == [V4]
        failed, last = stage.views[1], stage.views[-1]
        assert failed.trace is not None
        assert failed.trace.stop_reason is StopReason.ERROR
        assert failed.trace.message == f"no route to {V4}"
        assert failed.path == last.path == ("198.51.100.1", V4)
        assert last.tally.errors["unreachable_network"] >= 15
        assert (last.tally.sent, last.tally.lost) == (2, 0)

    run_virtual(test())


def test_single_failed_send_spoils_neither_the_trace_nor_what_was_learnt() -> None:
    """One probe of many fails: the trace counts, and the next cycle knows the length still."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01))
        monitor = stage.monitor(probes=3)
        await monitor.run()

        def failing(destination: str, probe: Probe) -> ProbeError | None:
            return no_route(destination, probe) if (probe.round, probe.ttl) == (1, 2) else None

        stage.network.failing = failing
        await monitor.run()
        stage.network.failing = no_failure
        sent = stage.network.sent
        await monitor.run()
        middle = stage.views[1]
        assert failed_with(middle) == (("unreachable_network", 1),)
        assert middle.trace is not None
        assert [(hop.sent, hop.lost) for hop in middle.trace.hops] == [(3, 0), (2, 0), (3, 0)]
        assert middle.trace.reached
        assert stage.network.sent - sent == 9
        assert len(stage.network.opened) == 2

    run_virtual(test())


def test_bug_in_one_family_leaves_the_other_whole_and_nothing_running() -> None:
    """`both`: an unexpected exception comes out after the other family has ended its cycle, and
    the family that it hit shows an internal error."""

    async def test() -> None:
        stage = Stage(chain(0.5, 0.5))
        stage.names = {Family.IPV4: (), Family.IPV6: (V6,)}
        monitor = stage.monitor(FamilyChoice.BOTH)
        with pytest.raises(IndexError):
            await monitor.run()
        shown = {view.family: view.trace for view in stage.views}
        broken, whole = shown[Family.IPV4], shown[Family.IPV6]
        assert broken is not None
        assert broken.errors == (("internal", 1),)
        assert whole is not None
        assert whole.reached
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(test())
