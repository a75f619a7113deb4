"""How many may do something at the same time, while that number changes and waiters give up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from exporter.monitoring.slots import Slots
from tests.clock import until


class Crowd:
    """Tasks that enter slots and stay until told to leave, by number."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.inside: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._leave: dict[int, asyncio.Event] = {}

    async def come(self, count: int) -> None:
        """So many come, one after the other."""
        for number in range(len(self.tasks), len(self.tasks) + count):
            self._leave[number] = asyncio.Event()
            self.tasks.append(asyncio.create_task(self._stay(number)))
        await asyncio.sleep(0.01)

    async def leave(self, *numbers: int) -> None:
        """These leave."""
        for number in numbers:
            self._leave[number].set()
        await asyncio.sleep(0.01)

    async def _stay(self, number: int) -> None:
        async with self.slots:
            self.inside.append(number)
            await self._leave[number].wait()
            self.inside.remove(number)


def play(count: int, scene: Callable[[Crowd], Awaitable[None]]) -> None:
    """Run a scene, then see that everybody gets in and out in the end."""

    async def test() -> None:
        crowd = Crowd(Slots(count))
        await scene(crowd)
        await crowd.leave(*range(len(crowd.tasks)))
        await asyncio.gather(*crowd.tasks, return_exceptions=True)
        assert (crowd.inside, crowd.slots.waiting) == ([], 0)
        async with asyncio.timeout(1), crowd.slots:
            pass

    asyncio.run(test())


def test_first_come_first_served() -> None:
    """Two slots, five guests: in the order in which they came."""

    async def scene(crowd: Crowd) -> None:
        await crowd.come(5)
        assert (crowd.inside, crowd.slots.waiting) == ([0, 1], 3)
        await crowd.leave(1)
        assert (crowd.inside, crowd.slots.waiting) == ([0, 2], 2)
        await crowd.leave(0, 2)
        assert crowd.inside == [3, 4]

    play(2, scene)


def test_more_slots_let_those_in_that_wait() -> None:
    """The bound was raised by a reload."""

    async def scene(crowd: Crowd) -> None:
        await crowd.come(5)
        crowd.slots.resize(4)
        await asyncio.sleep(0.01)
        assert (crowd.inside, crowd.slots.waiting) == ([0, 1, 2, 3], 1)

    play(2, scene)


def test_fewer_slots_throw_nobody_out() -> None:
    """The bound was lowered: nobody comes in until enough have left."""

    async def scene(crowd: Crowd) -> None:
        await crowd.come(5)
        crowd.slots.resize(1)
        await crowd.leave(0)
        await crowd.leave(1)
        assert (crowd.inside, crowd.slots.waiting) == ([2], 2)
        await crowd.leave(2)
        assert crowd.inside == [3]

    play(3, scene)


def test_who_gives_up_waiting_leaves_no_gap() -> None:
    """One that waited was cancelled, another in the moment when it was its turn."""

    async def scene(crowd: Crowd) -> None:
        await crowd.come(4)
        crowd.tasks[1].cancel()
        await asyncio.sleep(0.01)
        assert crowd.slots.waiting == 2
        crowd._leave[0].set()
        await until(lambda: 0 not in crowd.inside)
        crowd.tasks[2].cancel()
        await asyncio.sleep(0.01)
        assert (crowd.inside, crowd.slots.waiting) == ([3], 0)

    play(1, scene)
