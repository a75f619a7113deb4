"""Which address family a target is traced over, and what becomes of the other; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from exporter.model import Family, FamilyChoice
from tests.monitoring import V4, V6, Stage, failed_with
from tests.virtual import chain, run_virtual

BOTH = {Family.IPV4: (V4,), Family.IPV6: (V6,)}


@pytest.mark.parametrize("family", list(Family))
def test_chosen_family_is_the_only_one(family: Family) -> None:
    """`ipv4` and `ipv6` mean what they say, whatever else the host has."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        stage.names = dict(BOTH)
        await stage.monitor(FamilyChoice(family.value)).run()
        assert [view.family for view in stage.views] == [family]
        assert stage.destinations == list(BOTH[family])

    run_virtual(test())


def test_auto_takes_ipv4_where_there_is_one() -> None:
    """A host with both addresses gives one trace, over IPv4."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        stage.names = dict(BOTH)
        await stage.monitor().run()
        assert [view.family for view in stage.views] == [Family.IPV4]
        assert stage.destinations == [V4]

    run_virtual(test())


def test_auto_takes_ipv6_where_there_is_nothing_else_and_stays_with_it() -> None:
    """An IPv4 address that appears later changes nothing: no flapping."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        stage.names = {Family.IPV6: (V6,)}
        monitor = stage.monitor()
        await monitor.run()
        stage.names = dict(BOTH)
        await monitor.run()
        assert [view.family for view in stage.views] == [Family.IPV6, Family.IPV6]
        assert stage.views[-1].tally.traces == 2
        assert stage.withdrawn == []
        assert len(stage.network.opened) == 1

    run_virtual(test())


def test_auto_moves_when_the_family_in_use_is_gone() -> None:
    """The AAAA record vanishes: IPv4 from then on; what was shown of IPv6 is withdrawn."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        stage.names = {Family.IPV6: (V6,)}
        monitor = stage.monitor()
        await monitor.run()
        stage.names = {Family.IPV4: (V4,)}
        await monitor.run()
        assert [view.family for view in stage.views] == [Family.IPV6, Family.IPV4]
        assert stage.withdrawn == [("example", Family.IPV6)]
        assert stage.destinations == [V4]

    run_virtual(test())


def test_auto_that_resolves_to_nothing_fails_in_the_family_in_use() -> None:
    """No second series appears beside the one that there was."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        stage.names = {Family.IPV6: (V6,)}
        monitor = stage.monitor()
        await monitor.run()
        stage.names = {}
        await monitor.run()
        assert [view.family for view in stage.views] == [Family.IPV6, Family.IPV6]
        assert failed_with(stage.views[-1]) == (("resolve", 1),)
        assert stage.views[-1].trace is not None
        assert stage.views[-1].trace.message == "www.example.net has no ipv6 address"
        assert stage.withdrawn == []

    run_virtual(test())


def test_both_gives_two_traces_at_the_same_time() -> None:
    """Two sockets, two views, and the time of the slower one only."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.3))
        stage.names = dict(BOTH)
        monitor = stage.monitor(FamilyChoice.BOTH)
        await monitor.run()
        assert {view.family for view in stage.views} == set(Family)
        assert sorted(stage.destinations) == [V4, V6]
        assert asyncio.get_running_loop().time() < 0.4
        monitor.skipped(1)
        assert {view.family for view in stage.views[2:]} == set(Family)
        monitor.close()
        assert stage.network.sockets == []

    run_virtual(test())


def test_both_with_one_family_missing_shows_the_failure_of_that_one() -> None:
    """The other family is traced as ever."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01))
        await stage.monitor(FamilyChoice.BOTH).run()
        views = {view.family: view for view in stage.views}
        assert failed_with(views[Family.IPV6]) == (("resolve", 1),)
        assert failed_with(views[Family.IPV4]) == ()
        traced = views[Family.IPV4].trace
        assert traced is not None
        assert traced.reached

    run_virtual(test())
