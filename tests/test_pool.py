"""Look-ups in the background have bounds, and an end."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from exporter.enrichment.pool import Bounds, Pool
from tests.clock import until


class Work:
    """Jobs that run until they are let go, and that leave their marks."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []
        self.go = asyncio.Event()

    async def job(self, number: int) -> None:
        """Wait to be let go."""
        self.started.append(number)
        try:
            await self.go.wait()
        finally:
            self.ended.append(number)


def test_so_many_at_once_and_so_many_waiting() -> None:
    """Jobs came where three may run and four may wait: the others were turned away at once."""

    async def scene() -> None:
        pool, work = Pool(Bounds(3, 4)), Work()
        accepted = [pool.submit(partial(work.job, number)) for number in range(10)]
        assert accepted == [True] * 4 + [False] * 6
        await until(lambda: work.started == [0, 1, 2])
        assert [pool.submit(partial(work.job, number)) for number in range(4, 10)] == (
            [True] * 3 + [False] * 3
        )
        await asyncio.sleep(0)
        assert work.started == [0, 1, 2]
        work.go.set()
        await until(lambda: len(work.ended) == 7)
        assert work.started == list(range(7))
        await pool.close()

    asyncio.run(scene())


def test_an_urgent_job_goes_first() -> None:
    """Jobs were waiting when an urgent one came, and it was the next to run."""

    async def scene() -> None:
        pool, work = Pool(Bounds(1, 10)), Work()
        for number in range(3):
            pool.submit(partial(work.job, number))
        await until(lambda: work.started)
        pool.submit(partial(work.job, 9), urgent=True)
        work.go.set()
        await until(lambda: len(work.ended) == 4)
        assert work.started == [0, 9, 1, 2]
        await pool.close()

    asyncio.run(scene())


def test_close_leaves_nothing_behind() -> None:
    """The pool was closed over running and waiting jobs: no task is left, and none is taken."""

    async def scene() -> None:
        pool, work = Pool(Bounds(2, 10)), Work()
        for number in range(5):
            pool.submit(partial(work.job, number))
        await until(lambda: len(work.started) == 2)
        await pool.close()
        assert set(work.started) == set(work.ended) == {0, 1}
        assert not pool.submit(partial(work.job, 6))
        await pool.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())


def test_a_job_that_breaks_is_reported_and_takes_nobody_along() -> None:
    """A job raised what no job should: the loop was told, and the next job ran."""

    async def scene() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

        async def broken() -> None:
            raise ZeroDivisionError

        pool, work = Pool(Bounds(1, 10)), Work()
        work.go.set()
        pool.submit(broken)
        pool.submit(partial(work.job, 1))
        await until(lambda: work.ended)
        assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
        await pool.close()

    asyncio.run(scene())


def test_jobs_are_spread_over_time() -> None:
    """Sixty jobs came at once: ten began, and the others followed at two hundred a second."""

    async def scene() -> None:
        pool, work = Pool(Bounds(1000, 1000, rate=200.0, burst=10)), Work()
        started = asyncio.get_running_loop().time()
        for number in range(60):
            pool.submit(partial(work.job, number))
        await until(lambda: len(work.started) >= 10)
        assert len(work.started) < 30
        await until(lambda: len(work.started) == 60)
        assert 0.24 < asyncio.get_running_loop().time() - started < 5.0
        assert work.started == list(range(60))
        await pool.close()

    asyncio.run(scene())


def test_jobs_without_work_cost_no_time() -> None:
    """A thousand jobs had become needless while they waited: all were dropped at once."""

    async def scene() -> None:
        dropped: list[int] = []
        pool = Pool(Bounds(2, 2000, rate=1.0, burst=1))
        for number in range(1000):
            pool.submit(partial(dropped.append, number))
        await until(lambda: len(dropped) == 1000, limit=5.0)
        await pool.close()

    asyncio.run(scene())


def test_close_before_the_first_turn() -> None:
    """The pool was closed before any job began, and while jobs waited for their time."""

    async def scene() -> None:
        work = Work()
        for turns in (0, 5):
            pool = Pool(Bounds(2, 10, rate=0.001, burst=1))
            for number in range(5):
                pool.submit(partial(work.job, number))
            for _ in range(turns):
                await asyncio.sleep(0)
            await pool.close()
        assert work.started == [0]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())
