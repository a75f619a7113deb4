"""Ten thousand cycles in which nothing changes, and two hundred changes, each found once."""

from __future__ import annotations

import pytest

from exporter.model import HostInfo
from exporter.watch.watcher import PathWatcher
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
def test_nothing_changes(per_packet: bool) -> None:
    """Loss, silence, rate limits and balancing for 10,000 cycles: no change, few suspicions."""
    world = diamonds(1, per_packet=per_packet)
    watcher = PathWatcher(CONFIRM)
    suspicions = 0
    for number in range(CYCLES // 2):
        verdict = watcher.observe(world.cycle(), AS_NUMBERS, float(number))
        assert verdict.change is None, f"cycle {number}: {verdict.change}"
        assert verdict.as_change is None
        assert not verdict.outage
        suspicions += verdict.suspicious
    assert suspicions < CYCLES // 2 * 0.05
    assert verdict.known.hops == len(world.steps) + 1
    assert verdict.known.branches == (15 if per_packet else 1)


@pytest.mark.parametrize("per_packet", [False, True], ids=["by flow", "by packet"])
def test_young_watchers_do_not_err(per_packet: bool) -> None:
    """The first cycles decide on little: 100 fresh watchers, 15 cycles each, no change."""
    for seed in range(100):
        world = diamonds(seed, per_packet=per_packet)
        watcher = PathWatcher(CONFIRM)
        for number in range(15):
            change = watcher.observe(world.cycle(), {}, float(number)).change
            assert change is None, f"world {seed}, cycle {number}: {change}"


def fresh(world: World) -> str:
    """A router that was never seen."""
    return f"new{world.random.getrandbits(64)}"


def plain(world: World) -> int:
    """Where a router stands that answers and is alone at its TTL; not the first one."""
    steps = enumerate(world.steps)
    ok = [n for n, step in steps if n and len(step) == 1 and step[0] not in world.silent]
    return world.random.choice(ok)


def new_router(world: World) -> None:
    """One router is replaced by another."""
    world.steps[plain(world)] = [fresh(world)]


def longer(world: World) -> None:
    """One or two routers more."""
    place = plain(world)
    world.steps[place:place] = [[fresh(world)] for _ in range(world.random.choice((1, 2)))]


def shorter(world: World) -> None:
    """A router less; one is added first where few are left, for the next time."""
    del world.steps[plain(world)]
    if len(world.steps) < 8:
        world.steps[1:1] = [[fresh(world)] for _ in range(3)]


def new_way(world: World) -> None:
    """Three routers in a row are replaced by as many or more."""
    place = min(plain(world), len(world.steps) - 3)
    number = world.random.choice((3, 4))
    world.steps[place : place + 3] = [[fresh(world)] for _ in range(number)]


def new_diamond(world: World) -> None:
    """A balanced segment takes the place of a router."""
    world.steps[plain(world)] = [fresh(world) for _ in range(world.random.choice((2, 4, 8)))]


def other_diamond(world: World) -> None:
    """A balanced segment is replaced by another one, by a router where there is none."""
    wide = [number for number, step in enumerate(world.steps) if len(step) > 1]
    if not wide:
        return new_router(world)
    place = world.random.choice(wide)
    world.steps[place] = [fresh(world) for _ in world.steps[place]]
    return None


def no_diamond(world: World) -> None:
    """A balanced segment gives way to one router."""
    wide = [number for number, step in enumerate(world.steps) if len(step) > 1]
    place = world.random.choice(wide) if wide else plain(world)
    world.steps[place] = [fresh(world)]


KINDS = (new_router, longer, shorter, new_way, new_diamond, other_diamond, no_diamond)


@pytest.mark.parametrize("per_packet", [False, True], ids=["by flow", "by packet"])
def test_every_change_is_found_once(per_packet: bool) -> None:
    """200 changes of seven kinds, 16 cycles apart: each in confirm + 1 cycles, none twice."""
    world = diamonds(7, per_packet=per_packet)
    watcher = PathWatcher(CONFIRM)
    number = 0
    for _ in range(30):
        assert watcher.observe(world.cycle(), {}, float(number)).change is None
    for round_ in range(200):
        kind = KINDS[round_ % len(KINDS)]
        kind(world)
        found = []
        for delay in range(1, 17):
            number += 1
            verdict = watcher.observe(world.cycle(), {}, float(number))
            if verdict.change is not None:
                found.append(delay)
        assert len(found) == 1, f"change {round_}, {kind.__name__}: found {found}"
        assert found[0] <= CONFIRM + 1, f"change {round_}, {kind.__name__}: found {found}"
        assert verdict.known.hops == len(world.steps) + 1
