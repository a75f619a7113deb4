"""A changed path MTU is told once, when a second measurement has found it too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.daemon.announce import Announcer
from exporter.server.events import EventKind, Hub
from exporter.trace.mtu import PathMtu
from exporter.watch.mtuwatch import MtuChange, MtuWatch
from tests.measured import a_view, along
from tests.mtubench import LINK, Bench, link_of, passing
from tests.reloading import Stage, play, target
from tests.virtual import chain, no_route, run_virtual, silence


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([1500] * 5, []),
        ([1500, 1400], []),
        ([1500, 1400, 1400, 1400], [(2, 1500, 1400)]),
        ([1500, 1400, 1400, 1500, 1500], [(2, 1500, 1400), (4, 1400, 1500)]),
        ([1500, 1400, 1300, 1300], [(3, 1500, 1300)]),
        ([1500, 1400] * 10, []),
        ([1500, 1400, 1300] * 10, []),
    ],
    ids=["the same", "once", "down", "down and up", "in steps", "alternating", "three ways"],
)
def test_a_change_is_what_two_measurements_in_a_row_found(
    sizes: Sequence[int], told: list[tuple[int, int, int]]
) -> None:
    """Told by the one that confirms; never the first, nor sizes that come and go."""
    watch = MtuWatch()
    changes = [watch.take(PathMtu(size)) for size in sizes]
    found = [
        (number, change.before.size, change.now.size)
        for number, change in enumerate(changes)
        if change is not None
    ]
    assert found == told


def test_another_limit_of_the_same_size_is_no_change_but_is_remembered() -> None:
    """A router says 1400, then a black hole keeps to it: told as what was before the change."""
    watch = MtuWatch()
    hole = PathMtu(1400, black_hole=True)
    for mtu in (PathMtu(1400, limited_by="198.51.100.1"), hole, LINK):
        assert watch.take(mtu) is None
    change = watch.take(LINK)
    assert change is not None
    assert (change.before, change.now) == (hole, LINK)


def test_only_a_cycle_that_came_to_its_end_has_measured() -> None:
    """1500, then silence, no route, no socket: the former value each time, but not measured."""

    async def test() -> None:
        bench = Bench(passing(1500))

        async def settled() -> bool:
            assert (await bench.measure())[0] == LINK
            return bench.prober.settled

        assert not bench.prober.settled
        assert await settled()
        bench.network.routing = silence
        assert not await settled()
        bench.network.routing = passing(1500)
        assert await settled()
        bench.network.failing = no_route
        assert not await settled()
        bench.network.failing = link_of(1500)
        assert await settled()
        bench.network.refusal = no_route("", bench.network.sends[-1].probe)
        assert not await settled()

    run_virtual(test())


@pytest.mark.parametrize(
    ("now", "limiter"),
    [
        (PathMtu(1400, limited_by="198.51.100.2"), {"limited_by": "198.51.100.2", "ttl": 2}),
        (PathMtu(1400, limited_by="203.0.113.9"), {"limited_by": "203.0.113.9"}),
        (PathMtu(1400, black_hole=True), {"black_hole": True}),
        (PathMtu(1400, local=True), {"local": True}),
        (PathMtu(1400), {}),
    ],
    ids=["a hop", "an address that the trace lacks", "black hole", "own link", "nothing"],
)
def test_the_line_says_what_limits_as_far_as_known(
    now: PathMtu, limiter: dict[str, object]
) -> None:
    """A router by address, and by TTL where it answered the trace; else what it was instead."""
    view = a_view(along("198.51.100.1", "198.51.100.2", "192.0.2.1"))
    with capture_logs() as logs:
        Announcer(Hub()).mtu_changed(view, MtuChange(LINK, now))
    (line,) = logs
    told = {key: line[key] for key in ("limited_by", "ttl", "black_hole", "local") if key in line}
    assert told == limiter
    assert (line["mtu"], line["before"]) == (1400, 1500)


def test_the_daemon_tells_it_to_the_log_and_to_listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    """This host's link shrinks; later it grows while the target is reloaded under a new label.

    A reload that changes how it is probed begins anew, which is no change.
    """
    events: list[dict[str, Any]] = []

    async def scene(stage: Stage) -> None:
        stage.network.failing = link_of(1500)
        await stage.reload(target("web", mtu=True))
        await asyncio.sleep(30)
        listener = stage.daemon.answers.events.listen([EventKind.MTU], "web", None)
        stage.network.failing = link_of(1400)
        await asyncio.sleep(60)
        stage.network.failing = link_of(1450)
        await stage.reload(target("web", mtu=True, labels=(("site", "home"),)))
        await asyncio.sleep(700)
        await stage.reload(target("web", mtu=True, probes=2))
        stage.network.failing = link_of(1300)
        await asyncio.sleep(60)
        data = await listener.next(1.0)
        assert data is not None
        lines = data.decode().splitlines()
        events.extend(json.loads(each[6:]) for each in lines if each.startswith("data: {"))

    with capture_logs() as logs:
        play(monkeypatch, chain(0.01, 0.02), (), scene)
    lines = [log for log in logs if log["event"] == "path.mtu_changed"]
    shared = {"target": "web", "family": "ipv4"}
    line: dict[str, object] = {"event": "path.mtu_changed", "log_level": "info", **shared}
    line |= {"protocol": "icmp", "address": "192.0.2.1", "local": True}
    assert lines == [
        {**line, "mtu": 1400, "before": 1500},
        {**line, "mtu": 1450, "before": 1400},
    ]
    events = [event for event in events if event["event"] != "gap"]
    assert [(event["mtu"]["bytes"], event["before"]["bytes"]) for event in events] == [
        (1400, 1500),
        (1450, 1400),
    ]
    first = events[0]
    assert {key: first[key] for key in shared} == shared
    assert first["event"] == "mtu"
    assert first["mtu"] == {"bytes": 1400, "limited_by": None, "black_hole": False, "local": True}
