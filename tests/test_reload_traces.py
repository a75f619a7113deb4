"""A thousand targets come and go, and leave no trace behind: in virtual time."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections import Counter

import pytest

from exporter.monitoring.measure import PathMonitor
from exporter.monitoring.target import TargetMonitor
from exporter.settings import Target
from tests.reloading import Stage, play, target
from tests.virtual import chain

MANY = 1000
STAYS = target("stays", 1)


def crowd(first: int) -> list[Target]:
    """A thousand targets with ten addresses among them."""
    return [target(f"t{number}", 2 + number % 10) for number in range(first, first + MANY)]


def census() -> Counter[str]:
    """Living objects of the kinds that belong to a target; the collector has not helped."""
    kinds = (TargetMonitor, PathMonitor, asyncio.Task, asyncio.TimerHandle)
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds))


def test_a_thousand_targets_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Added and removed three times, never the same names: tasks, sockets, series, descriptors,

    objects and memory are where they were; and every one of them was traced in between.
    """

    async def state(stage: Stage) -> tuple[object, ...]:
        await asyncio.sleep(20)
        lines = [line.rsplit(" ", 1)[0] for line in stage.text().splitlines()]
        return (
            sorted(line for line in lines if line.startswith("ftr_")),
            len(stage.network.sockets),
            len(os.listdir("/proc/self/fd")),
            {task.get_name() for task in asyncio.all_tasks()},
            census(),
        )

    async def scene(stage: Stage) -> None:
        states, sizes = [], []
        for turn in range(3):
            if turn:
                await stage.reload(STAYS, *crowd(turn * MANY))
                await asyncio.sleep(15)
                reached = stage.text("ftr_target_reached").splitlines()[2:]
                assert len(reached) == MANY + 1
                assert all(line.endswith(" 1") for line in reached)
                assert len(stage.network.sockets) == MANY + 1
                assert await stage.reload(STAYS) == f"0 added, {MANY} removed, 0 changed"
                assert len(stage.network.sockets) == 1
            states.append(await state(stage))
            sizes.append(tracemalloc.get_traced_memory()[0])
        assert states[1:] == states[:-1]
        # The first turn fills caches that are bounded; each target would cost some ten kilobytes.
        assert sizes[2] - sizes[1] < 300_000

    tracemalloc.start()
    gc.collect()
    gc.disable()
    try:
        play(monkeypatch, chain(0.01, 0.02, 0.03), (STAYS,), scene)
    finally:
        gc.enable()
        tracemalloc.stop()


def test_added_targets_start_within_the_probe_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand new targets at once: their first traces are spread, nobody waits for the pacer.

    Forty probes for each at 2000 a second: twenty seconds, unless the interval is shorter.
    """

    async def scene(stage: Stage) -> None:
        newcomers = [target(f"n{number}", 2, interval=60.0) for number in range(MANY)]
        await stage.reload(STAYS, *newcomers)
        begun = asyncio.get_running_loop().time()
        seen = []
        while asyncio.get_running_loop().time() < begun + 25:
            seen.append(stage.text("ftr_target_reached").count("target=") - 1)
            await asyncio.sleep(1)
        assert seen[-1] == MANY
        for second in range(2, 20):
            assert seen[second] == pytest.approx(MANY * second / 20, abs=0.1 * MANY)

    play(monkeypatch, chain(0.01, 0.02, 0.03), (STAYS,), scene)
