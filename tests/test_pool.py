"""Look-ups in the background have bounds, and an end."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from exporter.enrichment.pool import Pool
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
    """Ten jobs came where three may run and four may wait: three were turned away at once."""

    async def scene() -> None:
        pool, work = Pool(3, 4), Work()
        accepted = [pool.submit(partial(work.job, number)) for number in range(10)]
        assert accepted == [True] * 7 + [False] * 3
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
        pool, work = Pool(1, 10), Work()
        for number in range(3):
            pool.submit(partial(work.job, number))
        pool.submit(partial(work.job, 9), urgent=True)
        work.go.set()
        await until(lambda: len(work.ended) == 4)
        assert work.started == [0, 9, 1, 2]
        await pool.close()

    asyncio.run(scene())


def test_close_leaves_nothing_behind() -> None:
    """The pool was closed over running and waiting jobs: no task is left, and none is taken."""

    async def scene() -> None:
        pool, work = Pool(2, 10), Work()
        for number in range(5):
            pool.submit(partial(work.job, number))
        await asyncio.sleep(0)
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

        pool, work = Pool(1, 10), Work()
        work.go.set()
        pool.submit(broken)
        pool.submit(partial(work.job, 1))
        await until(lambda: work.ended)
        assert [type(context["exception"]) for context in told] == [ZeroDivisionError]
        await pool.close()

    asyncio.run(scene())
