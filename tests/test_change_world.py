"""Ten thousand cycles in which nothing changes, and two hundred changes, each found once."""

from __future__ import annotations

import pytest

from exporter.change import PathWatcher
from exporter.model import HostInfo
from tests.pathworld import World

CYCLES = 10_000
CONFIRM = 3
AS_NUMBERS = {name: HostInfo(asn=number) for number, name in enumerate("abcdefghijkl", 64500)}


def diamonds(seed: int, *, per_packet: bool, loss: float = 0.05) -> World:
    """A path with a 4-way and a 16-way diamond, silent and rate-limited routers."""
    four = [[f"four{n}" for n in range(4)], [f"fore{n}" for n in range(4)]]
    sixteen = [[f"sixteen{n}" for n in range(16)]]
    steps = [["a"], ["b"], *four, ["c"], ["s"], *sixteen, ["d"], ["t"], ["e"]]
    silent = {"s", "t", "four2", "sixteen5"}
    limited = {"b", "c", "fore1", "sixteen0", "sixteen7"}
    return World(seed, steps, silent, limited, loss, per_packet)


@pytest.mark.parametrize("per_packet", [False, True], ids=["by flow", "by packet"])
@pytest.mark.parametrize("seed", range(2))
def test_nothing_changes(seed: int, per_packet: bool) -> None:
    """Loss, silence, rate limits and balancing for 10,000 cycles: no change, few suspicions."""
    world = diamonds(seed, per_packet=per_packet)
    watcher = PathWatcher(CONFIRM)
    suspicions = 0
    for number in range(CYCLES // 2):
        verdict = watcher.observe(world.cycle(), AS_NUMBERS, float(number))
        assert verdict.change is None, f"cycle {number}: {verdict.change}"
        assert verdict.as_change is None
        assert not verdict.outage
        suspicions += verdict.suspicious
    assert suspicions < CYCLES * 0.02
    assert verdict.known.hops == len(world.steps) + 1
    assert verdict.known.branches == (15 if per_packet else 1)


@pytest.mark.parametrize("per_packet", [False, True], ids=["by flow", "by packet"])
def test_young_watchers_do_not_err(per_packet: bool) -> None:
    """The first cycles decide on little: 500 fresh watchers, 20 cycles each, no change."""
    for seed in range(500):
        world = diamonds(seed, per_packet=per_packet)
        watcher = PathWatcher(CONFIRM)
        for number in range(20):
            change = watcher.observe(world.cycle(), {}, float(number)).change
            assert change is None, f"world {seed}, cycle {number}: {change}"
