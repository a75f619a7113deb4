"""Jobs that come, go and change their interval while the schedule runs; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest

from exporter.monitoring.scheduler import phase
from tests.cycles import Cycle, Fleet
from tests.virtual import EPOCH, VirtualClock, run_virtual, use_virtual_clock


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    """The wall clock follows virtual time."""
    with pytest.MonkeyPatch.context() as patch:
        yield use_virtual_clock(patch, "exporter.monitoring.scheduler")


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


def test_added_jobs_start_within_their_own_warm_up() -> None:
    """The schedule slept until far later; two hundred jobs come and need not wait for that."""

    async def test() -> None:
        fleet = Fleet(Cycle("example", 3600.0))
        await asyncio.sleep(100)
        jobs = [Cycle(f"target-{number}", 60.0) for number in range(200)]
        fleet.scheduler.add(jobs, 4.0)
        await asyncio.sleep(100)
        await fleet.stop()
        firsts = sorted(job.starts[0] for job in jobs)
        assert 100 <= firsts[0] < 100.5
        assert 103.5 < firsts[-1] <= 104 + 1e-3
        assert max(b - a for a, b in pairwise(firsts)) < 0.2
        for job in jobs:
            assert (EPOCH + job.starts[1]) % 60 == pytest.approx(60 * phase(job.name), abs=1e-3)

    run_virtual(test())


def test_jobs_of_an_empty_schedule_start() -> None:
    """A configuration without targets got its first one."""

    async def test() -> None:
        fleet, job = Fleet(), Cycle("example", 10.0)
        await asyncio.sleep(1000)
        fleet.scheduler.add([job], 0.0)
        await asyncio.sleep(100)
        await fleet.stop()
        assert len(job.starts) == pytest.approx(10, abs=1)

    run_virtual(test())


def test_removed_jobs_have_ended_and_start_no_more() -> None:
    """One runs, one waits for a slot, one sleeps: all gone on return; the others notice nothing."""

    async def test() -> None:
        jobs = {name: Cycle(name, 10.0, 1000.0) for name in ("a", "b", "c")}
        calm, stays = Cycle("calm", 1000.0), Cycle("stays", 10.0, 0.5)
        fleet = Fleet(*jobs.values(), calm, stays, concurrency=4)
        await asyncio.sleep(20)
        assert sum(job.running for job in jobs.values()) == 3
        await fleet.scheduler.remove([*jobs, "calm"])
        assert sum(job.running for job in jobs.values()) == 0
        assert fleet.scheduler.next_start("a") is None
        counts = [len(job.starts) for job in (*jobs.values(), calm)]
        before = len(stays.starts)
        await asyncio.sleep(2000)
        assert [len(job.starts) for job in (*jobs.values(), calm)] == counts
        assert len(stays.starts) == pytest.approx(before + 200, abs=1)
        assert {task.get_name() for task in asyncio.all_tasks()} <= {
            asyncio.current_task().get_name(),  # type: ignore[union-attr]  # there is one
            fleet.task.get_name(),
            "cycle stays",
        }
        await fleet.stop()

    run_virtual(test())


def test_another_job_of_the_same_name_takes_over() -> None:
    """A target was changed while its cycle ran: the new job starts though the old one never ended.

    And it is not counted as skipped.
    """

    async def test() -> None:
        old, new = Cycle("example", 10.0, 1000.0), Cycle("example", 10.0, 1.0)
        fleet = Fleet(old)
        await asyncio.sleep(5)
        await fleet.scheduler.remove(["example"])
        fleet.scheduler.add([new], 0.0)
        await asyncio.sleep(100)
        await fleet.stop()
        assert len(old.starts) == 1
        assert len(new.starts) == pytest.approx(11, abs=1)
        assert new.missed == 0

    run_virtual(test())


def test_another_interval_is_kept_from_the_next_start_on() -> None:
    """From an hour to ten seconds and back, each at the job's phase in that interval."""

    async def test() -> None:
        job, other = Cycle("victim", 3600.0), Cycle("example", 60.0)
        fleet = Fleet(job, other)
        await asyncio.sleep(100)
        for interval in (10.0, 3600.0):
            job.starts.clear()
            job.interval = interval
            fleet.scheduler.retime(["victim"])
            await asyncio.sleep(20 * interval)
            assert job.starts[0] <= now() - 20 * interval + interval + 1e-3
            assert len(job.starts) == pytest.approx(20, abs=1)
            expected = interval * phase("victim")
            for start in job.starts:
                assert (EPOCH + start) % interval == pytest.approx(expected, abs=1e-3)
        await fleet.stop()
        assert job.missed == 0
        assert len(other.starts) == pytest.approx(now() / 60, abs=2)

    run_virtual(test())


def test_concurrency_changes_while_cycles_run() -> None:
    """From two slots to four and down to one."""

    async def test() -> None:
        jobs = [Cycle(f"target-{number}", 100.0, 50.0) for number in range(8)]
        fleet = Fleet(*jobs, concurrency=2)
        await asyncio.sleep(10)
        assert sum(job.running for job in jobs) == 2
        fleet.scheduler.resize(4)
        await asyncio.sleep(1)
        assert sum(job.running for job in jobs) == 4
        fleet.scheduler.resize(1)
        await asyncio.sleep(100)
        assert sum(job.running for job in jobs) == 1
        await fleet.stop()

    run_virtual(test())
