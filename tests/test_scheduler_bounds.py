"""What one job may do to the others: slots, exceptions, and the end of the schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from exporter.monitoring.scheduler import phase
from tests.cycles import Cycle, Fleet
from tests.virtual import run_virtual, use_virtual_clock


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    """The wall clock follows virtual time."""
    with pytest.MonkeyPatch.context() as patch:
        use_virtual_clock(patch, "exporter.monitoring.scheduler")
        yield


def test_concurrency_bounds_the_running_cycles_in_order_of_their_time() -> None:
    """Two slots for ten jobs of a second each: never three at once, and each has its turn."""

    async def test() -> None:
        running: list[str] = []
        most = 0

        class Counted(Cycle):
            async def run(self) -> None:
                nonlocal most
                running.append(self.name)
                most = max(most, len(running))
                await super().run()
                running.remove(self.name)

        jobs = [Counted(f"target-{number}", 60.0, 1.0) for number in range(10)]
        fleet = Fleet(*jobs, concurrency=2, warm_up=0.5)
        await asyncio.sleep(10)
        await fleet.stop()
        assert most == 2
        first = [job.starts[0] for job in sorted(jobs, key=lambda job: phase(job.name))]
        assert first == sorted(first)
        assert all(job.ended == 1 for job in jobs)

    run_virtual(test())


def test_cycle_that_waits_for_a_slot_counts_as_running() -> None:
    """Its next time comes while it still waits: skipped and counted, not queued twice."""

    async def test() -> None:
        hog, victim = Cycle("example", 1000.0, 95.0), Cycle("victim", 10.0, 0.1)
        assert phase(hog.name) < phase(victim.name)
        fleet = Fleet(hog, victim, concurrency=1, warm_up=1.0)
        await asyncio.sleep(90)
        assert len(victim.starts) == 0
        assert victim.missed == pytest.approx(8, abs=1)
        missed = victim.missed
        await asyncio.sleep(30)
        await fleet.stop()
        assert victim.missed <= missed + 1
        assert len(victim.starts) >= 2

    run_virtual(test())


def test_exception_of_one_job_is_logged_and_stops_nobody() -> None:
    """A bug in the cycle of one target: the others go on, and so does that one."""

    async def test() -> None:
        class Broken(Cycle):
            async def run(self) -> None:
                await super().run()
                raise ValueError("a bug")

        broken, sound = Broken("broken", 10.0), Cycle("sound", 10.0)
        with capture_logs() as logs:
            fleet = Fleet(broken, sound)
            await asyncio.sleep(100)
            await fleet.stop()
        assert len(broken.starts) == pytest.approx(10, abs=1)
        assert len(sound.starts) == pytest.approx(10, abs=1)
        assert {(log["event"], log["target"]) for log in logs} == {("cycle.failed", "broken")}
        assert len(logs) == len(broken.starts)

    run_virtual(test())


def test_exception_in_counting_a_skip_is_logged_and_stops_nobody() -> None:
    """The schedule outlives a bug in what it calls between two cycles."""

    async def test() -> None:
        class Broken(Cycle):
            def skipped(self, cycles: int) -> None:
                raise ValueError("a bug")

        broken, sound = Broken("broken", 10.0, 15.0), Cycle("sound", 10.0)
        with capture_logs() as logs:
            fleet = Fleet(broken, sound)
            await asyncio.sleep(100)
            await fleet.stop()
        assert len(sound.starts) == pytest.approx(10, abs=1)
        assert len(broken.starts) == pytest.approx(5, abs=1)
        assert {(log["event"], log["target"]) for log in logs} == {("skip.failed", "broken")}

    run_virtual(test())


def test_stop_cancels_running_cycles_and_waits_for_them() -> None:
    """Those that run and those that wait for a slot: no task is left when `run` returns."""

    async def test() -> None:
        jobs = [Cycle(f"target-{number}", 10.0, 1000.0) for number in range(5)]
        fleet = Fleet(*jobs, concurrency=3)
        await asyncio.sleep(2)
        assert sum(job.running for job in jobs) == 3
        await fleet.stop()
        assert sum(job.running for job in jobs) == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        starts = sum(len(job.starts) for job in jobs)
        await asyncio.sleep(1000)
        assert sum(len(job.starts) for job in jobs) == starts

    run_virtual(test())


def test_stop_waits_for_what_a_cycle_has_to_put_away() -> None:
    """A cycle that needs half a second to end after its cancellation has ended when `run` has."""

    async def test() -> None:
        class Tidy(Cycle):
            tidied = False

            async def run(self) -> None:
                try:
                    await super().run()
                finally:
                    await asyncio.sleep(0.5)
                    self.tidied = True

        job = Tidy("tidy", 10.0, 1000.0)
        fleet = Fleet(job)
        await asyncio.sleep(2)
        await fleet.stop()
        assert job.tidied

    run_virtual(test())


def test_schedule_without_jobs_runs_until_it_is_stopped() -> None:
    """A configuration without targets is no error."""

    async def test() -> None:
        fleet = Fleet()
        await asyncio.sleep(1000)
        assert not fleet.task.done()
        await fleet.stop()

    run_virtual(test())
