"""Traces on request: how many at once, how long, and that nothing of them is kept; virtual time."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.model import Family, FamilyChoice, StopReason
from exporter.monitoring.measure import PathMonitor
from exporter.probe.outcome import Outcome, explain
from exporter.probe.prober import QUEUE, ProbeRefused
from exporter.probe.run import Log
from exporter.settings import Module, ProbeEndpointSettings
from tests.reloading import Stage, play
from tests.virtual import Routing, chain, silence

WAY = chain(0.01, 0.02, 0.03)
DARK = chain(0.01, None, None, None)
PLAIN = Module(probes=3)
MODULES = (
    ("default", PLAIN),
    ("both", replace(PLAIN, family=FamilyChoice.BOTH)),
    ("v6", replace(PLAIN, family=FamilyChoice.IPV6)),
    ("mtu", replace(PLAIN, mtu=True)),
)


def monitors() -> int:
    """How many are alive, those of tests before this one included."""
    return sum(isinstance(each, PathMonitor) for each in gc.get_objects())


def scene(
    patch: pytest.MonkeyPatch,
    routing: Routing,
    act: Callable[[Stage], Awaitable[None]],
    *,
    concurrency: int = 10,
) -> None:
    """A daemon without targets that traces `localhost` and 192.0.2.0/24 on request."""
    allowed = ProbeEndpointSettings(("192.0.2.0/24", "localhost", "*.slow.example"), concurrency)

    async def acted(stage: Stage) -> None:
        await act(stage)
        await asyncio.sleep(0.1)
        assert stage.network.sockets == []
        # Answers that are on their way in the simulation refer to the socket.
        await asyncio.sleep(5)
        assert stage.scrape().all("ftr_target_info") == {}
        assert monitors() <= before
        assert {"probe"}.isdisjoint(task.get_name() for task in asyncio.all_tasks())

    gc.collect()
    before = monitors()
    gc.disable()
    try:
        play(patch, routing, (), acted, probe=allowed, modules=MODULES)
    finally:
        gc.enable()


def ask(
    stage: Stage, host: str = "192.0.2.1", module: str = "default", seconds: float = 9.5
) -> asyncio.Task[Outcome]:
    """One request."""
    return asyncio.create_task(stage.daemon._prober.probe(host, module, seconds))


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


def results(stage: Stage) -> dict[str, float]:
    """How many requests came to what."""
    found = stage.scrape().samples["ftr_probe_requests_total"]
    return {dict(labels)["result"]: count for labels, count in found.items() if count}


def test_one_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hops, three probes each, long before the time is over."""

    async def act(stage: Stage) -> None:
        started = now()
        outcome = await ask(stage)
        assert now() - started < 5
        (view,) = outcome.views
        assert view.trace is not None
        assert (view.trace.reached, view.trace.path_hops) == (True, 3)
        assert [hop.sent for hop in view.trace.hops] == [3, 3, 3]
        assert not outcome.cut_short
        assert results(stage) == {"done": 1}

    scene(monkeypatch, WAY, act)


@pytest.mark.parametrize("seconds", [0.1, 0.4, 0.9, 1.9, 4.5])
def test_the_time_bounds_the_trace(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A silent destination: the answer comes in time, with the hop that is known; probes that are

    still on their way are not called lost.
    """

    async def act(stage: Stage) -> None:
        started = now()
        outcome = await ask(stage, seconds=seconds)
        assert now() - started <= seconds
        (view,) = outcome.views
        assert view.trace is not None
        assert not view.trace.reached
        assert view.trace.hops[0].addresses == ("198.51.100.1",)
        assert view.trace.hops[0].lost == 0

    scene(monkeypatch, DARK, act)


def test_the_time_is_over_before_anything_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each router takes three seconds to answer, and there is one: nothing known, nothing lost."""

    async def act(stage: Stage) -> None:
        outcome = await ask(stage, seconds=1.0)
        (view,) = outcome.views
        assert view.trace is not None
        assert (view.trace.reached, view.trace.destination_sent) == (False, 0)
        assert sum(hop.lost for hop in view.trace.hops) == 0

    scene(monkeypatch, chain(3.0, 3.0, 3.0), act)


def test_a_name_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is over before the name is resolved: an error, no loss, in time."""

    async def act(stage: Stage) -> None:
        stuck = asyncio.Event()

        async def never(host: str, family: Family) -> tuple[str, ...]:
            await stuck.wait()
            return ()

        prober = stage.daemon._prober
        monkeypatch.setattr(prober, "_services", replace(prober._services, resolve=never))
        for module, count in (("default", 1), ("both", 2)):
            started = now()
            outcome = await ask(stage, "www.slow.example", module, 2.0)
            assert now() - started <= 2.0
            assert outcome.cut_short
            assert len(outcome.views) == count
            for view in outcome.views:
                assert view.trace is not None
                assert view.trace.stop_reason is StopReason.ERROR
                assert view.trace.errors == (("resolve", 1),)
        assert results(stage) == {"cut_short": 2}

    scene(monkeypatch, WAY, act)


def test_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` has both, and both are traced; IPv4 first."""

    async def act(stage: Stage) -> None:
        outcome = await ask(stage, "localhost", "both")
        assert [view.family for view in outcome.views] == [Family.IPV4, Family.IPV6]
        assert all(view.trace is not None and view.trace.reached for view in outcome.views)

    scene(monkeypatch, WAY, act)


def test_path_mtu_costs_no_more_than_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No large packet is answered; the trace itself is shown."""

    async def act(stage: Stage) -> None:
        started = now()
        outcome = await ask(stage, module="mtu", seconds=4.5)
        assert now() - started <= 4.5
        assert outcome.views[0].trace is not None
        assert outcome.views[0].trace.reached

    scene(monkeypatch, WAY, act)


def test_few_at_a_time_and_a_queue_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two slots, a full queue and ten more: these are turned away at once, the others served in

    turn, and those whose time ends in the queue are told so.
    """

    async def act(stage: Stage) -> None:
        most = 0
        tasks = [ask(stage) for _ in range(2 + QUEUE + 10)]
        await asyncio.sleep(0.01)
        assert sum(task.done() for task in tasks) == 10
        while not all(task.done() for task in tasks):
            most = max(most, len(stage.network.sockets))
            await asyncio.sleep(0.1)
        assert most == 2
        assert now() < 15
        found = await asyncio.gather(*tasks, return_exceptions=True)
        served = [each for each in found if isinstance(each, Outcome)]
        busy = [str(each) for each in found if isinstance(each, ProbeRefused)]
        assert len(served) + len(busy) == len(tasks)
        assert len([each for each in busy if "wait for a trace already" in each]) == 10
        assert len([each for each in busy if "in the time there was" in each]) == len(busy) - 10
        assert len(served) >= 4
        counts = results(stage)
        assert counts.pop("busy") == len(busy)
        assert sum(counts.values()) == len(served)
        assert await ask(stage)

    scene(monkeypatch, WAY, act, concurrency=2)


def test_a_client_that_goes_away_ends_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in the middle of its trace, one in the queue: sockets are closed, others get in."""

    async def act(stage: Stage) -> None:
        running, waiting, third = (ask(stage) for _ in range(3))
        await asyncio.sleep(0.5)
        assert len(stage.network.sockets) == 1
        waiting.cancel()
        running.cancel()
        await asyncio.wait([running, waiting])
        await asyncio.sleep(0.01)
        assert len(stage.network.sockets) == 1
        assert not third.done()
        assert (await third).views

    scene(monkeypatch, silence, act, concurrency=1)


@pytest.mark.parametrize(
    ("host", "module", "result", "words"),
    [
        ("192.0.3.1", "default", "denied", "does not allow 192.0.3.1"),
        ("www.example.net", "default", "denied", "does not allow www.example.net"),
        ("192.0.2.1", "web", "invalid", 'no module named "web"; there are default, both, v6, mtu'),
        ("192.0.2.1", "v6", "invalid", 'module "v6": the host is an address of ipv4'),
        ("192.0.2.1", "a\n" * 500, "invalid", "no module named"),
    ],
)
def test_refusals(
    monkeypatch: pytest.MonkeyPatch, host: str, module: str, result: str, words: str
) -> None:
    """Not allowed, or senseless: told in one short line, nothing is sent."""

    async def act(stage: Stage) -> None:
        with pytest.raises(ProbeRefused) as refused:
            await ask(stage, host, module)
        assert refused.value.refusal == result
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 300
        assert results(stage) == {result: 1}
        assert stage.network.tried == 0

    scene(monkeypatch, WAY, act)


def test_a_reload_changes_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was allowed is denied from then on, and the other way round; one that runs goes on."""

    async def act(stage: Stage) -> None:
        running = ask(stage)
        await asyncio.sleep(0.5)
        fields: dict[str, Any] = {"probe": ProbeEndpointSettings(("198.51.100.0/24",), 1)}
        await stage.reload(**fields)
        assert (await running).views
        with pytest.raises(ProbeRefused):
            await ask(stage)
        assert (await ask(stage, "198.51.100.9")).views

    scene(monkeypatch, WAY, act)


def test_the_explanation_says_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, steps with their times, hops; and an error where there is one."""

    async def act(stage: Stage) -> None:
        text = explain(await ask(stage, "localhost"))
        for line in (
            "target localhost",
            "  probes: 3",
            "  rtt_buckets: 0.0005, 0.001, 0.002",
            'allowed by "localhost"; 9.5 s to answer',
            "ipv4: 127.0.0.1",
            "trace over ipv4",
            "198.51.100.1",
            "localhost reached in 3 hops",
        ):
            assert line in text, line
        stage.network.routing = DARK
        text = explain(await ask(stage, "localhost", seconds=0.2))
        assert "the time is over; what there is has to do" in text

    scene(monkeypatch, WAY, act)


def test_log_counts_from_the_request() -> None:
    """Seconds, not a clock."""

    async def test() -> None:
        log = Log()
        log.add("a")
        assert log.steps[0][0] < 1

    asyncio.run(test())
