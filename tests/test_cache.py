"""Results live as long as they may, are renewed in the background, and never flap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from exporter.enrichment.breaker import FAILURES, Breaker
from exporter.enrichment.cache import Cache, Found, Lifetimes, Source
from exporter.enrichment.pool import Bounds, Job, Pool
from exporter.names.lookup import LookupFailed
from tests.clock import Clock, until

HOUR = 3600.0


class CountingPool(Pool):
    """Knows how many jobs it has taken."""

    taken = 0

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Take a job, or not."""
        accepted = super().submit(job, urgent=urgent)
        self.taken += accepted
        return accepted


class World:
    """A cache over a service whose answers a test decides."""

    def __init__(self, *, limit: int = 100, concurrency: int = 10, backlog: int = 100) -> None:
        self.clock = Clock()
        self.answers: dict[str, Found[str] | LookupFailed] = {}
        self.asked: Counter[str] = Counter()
        self.done: list[str] = []
        self.observed: list[tuple[str, float]] = []
        self.pool = CountingPool(Bounds(concurrency, backlog, rate=1e6))
        self.breaker = Breaker(self.clock)
        self.gate = asyncio.Event()
        self.gate.set()
        source = Source(self.fetch, self.ended, self.observe, self.pool, self.breaker, self.clock)
        self.cache: Cache[str, str] = Cache(source, limit=limit)

    async def fetch(self, key: str) -> Found[str]:
        """Answer when the gate is open."""
        self.asked[key] += 1
        await self.gate.wait()
        self.clock.now += 0.25
        answer = self.answers.get(key, Found(f"name of {key}", HOUR))
        if isinstance(answer, LookupFailed):
            raise answer
        return answer

    def ended(self, key: str) -> None:
        """Remember that a look-up has ended."""
        self.done.append(key)

    def observe(self, result: str, seconds: float) -> None:
        """Remember what was counted."""
        self.observed.append((result, seconds))

    async def get(self, key: str) -> str | None:
        """Ask the cache and let what it started end; what it knew at first is returned."""
        value = self.cache.get(key).value
        await self.settle()
        return value

    async def settle(self) -> None:
        """Let all look-ups end."""
        await until(lambda: len(self.done) == self.pool.taken)


def play(scene: Callable[[World], Awaitable[None]], **bounds: Any) -> None:
    """Run a scene in a world of its own."""

    async def run() -> None:
        world = World(**bounds)
        await scene(world)
        await world.pool.close()

    asyncio.run(run())


def test_a_result_is_asked_for_once_and_kept() -> None:
    """A key was asked for many times: one look-up, one value, until its TTL had passed."""

    async def scene(world: World) -> None:
        for _ in range(50):
            assert world.cache.get("a").value is None
        assert world.cache.pending("a")
        await world.settle()
        assert not world.cache.pending("a")
        assert world.cache.get("a").value == "name of a"
        world.clock.now += HOUR - 1
        await world.get("a")
        assert world.asked["a"] == 1
        world.clock.now += 2
        await world.get("a")
        assert world.asked["a"] == 2
        assert world.done == ["a", "a"]
        assert world.observed == [("ok", 0.25), ("ok", 0.25)]
        assert not world.cache.pending("unknown")

    play(scene)


def test_an_expired_value_is_served_until_the_next() -> None:
    """A value expired: it was still served while its successor was looked up, then that one."""

    async def scene(world: World) -> None:
        await world.get("a")
        world.clock.now += HOUR + 1
        world.answers["a"] = Found("new", HOUR)
        world.gate.clear()
        assert world.cache.get("a").value == "name of a"
        assert world.cache.get("a").value == "name of a"
        assert not world.cache.pending("a")
        world.gate.set()
        await world.settle()
        assert world.cache.get("a").value == "new"
        assert world.asked["a"] == 2

    play(scene)


def test_a_failure_keeps_the_value_and_backs_off() -> None:
    """The service failed for long: the old value stayed, and it was asked ever less often."""

    async def scene(world: World) -> None:
        await world.get("a")
        world.answers["a"] = LookupFailed("timeout", "dead")
        world.clock.now += HOUR + 1
        waits = []
        for _ in range(6):
            assert await world.get("a") == "name of a"
            entry = world.cache.get("a")
            waits.append(entry.fresh_until - world.clock.now)
            world.clock.now = entry.fresh_until
        assert waits == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
        assert world.asked["a"] == 7
        assert [result for result, _ in world.observed] == ["ok"] + ["timeout"] * 6
        world.answers["a"] = Found("back", HOUR)
        await world.get("a")
        entry = world.cache.get("a")
        assert (entry.value, entry.failures) == ("back", 0)

    play(scene)


def test_an_absence_replaces_the_value() -> None:
    """A name was taken out of the DNS: we no longer show it, and ask again before long."""

    async def scene(world: World) -> None:
        await world.get("a")
        world.clock.now += HOUR + 1
        world.answers["a"] = Found(None, 86400.0)
        await world.get("a")
        entry = world.cache.get("a")
        assert entry.value is None
        assert entry.fresh_until == world.clock.now + 600.0
        assert world.observed[-1][0] == "negative"

    play(scene)


@pytest.mark.parametrize(
    ("found", "lifetime"),
    [
        (Found("x", 0.0), 300.0),
        (Found("x", 3600.0), 3600.0),
        (Found("x", 10_000_000.0), 86400.0),
        (Found("x", None), 86400.0),
        (Found(None, 0.0), 60.0),
        (Found(None, 300.0), 300.0),
        (Found(None, None), 600.0),
    ],
)
def test_lifetimes_stay_within_bounds(found: Found[str], lifetime: float) -> None:
    """A name server gave this TTL, and we kept the result for this long."""
    assert Lifetimes().of(found) == lifetime


def test_very_many_failures_are_no_overflow() -> None:
    """A service has been dead for a year, and the wait is still five minutes."""
    assert Lifetimes().of_failure(1_000_000) == 300.0


def test_the_least_used_goes_first() -> None:
    """More keys came than fit: the one that nobody had asked for the longest went."""

    async def scene(world: World) -> None:
        for key in "abc":
            await world.get(key)
        await world.get("a")
        await world.get("d")
        assert len(world.cache) == 3
        assert await world.get("a") == "name of a"
        assert await world.get("b") is None
        assert world.asked == {"a": 1, "b": 2, "c": 1, "d": 1}
        world.cache.discard("a")
        assert await world.get("a") is None

    play(scene, limit=3)


def test_a_full_queue_refuses_for_a_moment() -> None:
    """More look-ups came than may wait: the last was not pending, and was taken up later."""

    async def scene(world: World) -> None:
        world.gate.clear()
        world.cache.get("a")
        await until(lambda: world.asked["a"])
        world.cache.get("b")
        world.cache.get("c")
        assert world.cache.pending("b")
        assert not world.cache.pending("c")
        world.gate.set()
        await world.settle()
        await world.get("c")
        assert world.asked["c"] == 0
        world.clock.now += 5.0
        await world.get("c")
        assert world.asked["c"] == 1

    play(scene, concurrency=1, backlog=1)


def test_a_dead_service_is_asked_little() -> None:
    """A thousand keys met a dead service: a few questions went out, and it came back by one."""

    async def scene(world: World) -> None:
        keys = [f"k{number}" for number in range(1000)]
        dead = LookupFailed("timeout", "dead")
        world.answers = dict.fromkeys(keys, dead)
        for key in keys:
            world.cache.get(key)
        await world.settle()
        assert FAILURES <= world.asked.total() <= FAILURES + 10
        assert len(world.done) == 1000
        assert not any(world.cache.pending(key) for key in keys)
        before = world.asked.total()
        world.cache.get("another")
        assert not world.cache.pending("another")
        world.clock.now = world.breaker.paused_until
        world.answers.clear()
        for key in keys:
            await world.get(key)
        assert world.asked.total() > before
        world.clock.now += 60.0
        for key in keys:
            await world.get(key)
        assert all(world.cache.get(key).value for key in keys)

    play(scene, backlog=1000, limit=2000)


def test_a_broken_look_up_may_be_tried_again() -> None:
    """A look-up ended by a fault of our own: nothing stays pending, and the fault is told."""

    async def scene(world: World) -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        world.answers["a"] = cast(Any, None)
        world.cache.get("a")
        await world.settle()
        assert not world.cache.pending("a")
        assert world.done == ["a"]
        await until(lambda: told)
        assert len(told) == 1
        world.answers.clear()
        world.clock.now += 30.0
        await world.get("a")
        assert world.cache.get("a").value == "name of a"

    play(scene)
