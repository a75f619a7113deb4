"""When cycles start: phases, no overlap, no drift, nothing forgotten; in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from exporter.monitoring.scheduler import phase
from tests.cycles import Cycle, Fleet
from tests.virtual import EPOCH, VirtualClock, run_virtual, stall, use_virtual_clock


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    """The wall clock follows virtual time."""
    with pytest.MonkeyPatch.context() as patch:
        yield use_virtual_clock(patch, "exporter.monitoring.scheduler")


def test_ten_thousand_cycles_do_not_drift() -> None:
    """A week of minutes: the last cycle starts as exactly on its second as the first."""

    async def test() -> None:
        job = Cycle("example", 60.0, 1.0)
        fleet = Fleet(job)
        await asyncio.sleep(60.0 * 10_001)
        await fleet.stop()
        regular = job.starts[1:]
        assert len(regular) >= 10_000
        expected = [regular[0] + 60.0 * number for number in range(len(regular))]
        assert regular == pytest.approx(expected, abs=1e-3, rel=0)
        assert (job.missed, job.most_running) == (0, 1)
        assert max(fleet.lags) < 1e-3

    run_virtual(test())


def test_phase_comes_from_the_name_alone() -> None:
    """The same in every run and on every machine, and even over many names."""
    assert phase("example") == 0.06699852608135563
    assert phase("victim") == 0.26616352566287094
    tenths = Counter(int(10 * phase(f"target-{number}")) for number in range(10_000))
    assert set(tenths) == set(range(10))
    assert all(900 < count < 1100 for count in tenths.values())


def test_phases_stay_where_they_were_after_a_restart(clock: VirtualClock) -> None:
    """Two runs that start at different times of day: the same second of the minute for each."""

    async def seconds() -> list[float]:
        jobs = [Cycle(f"target-{number}", 60.0) for number in range(50)]
        fleet = Fleet(*jobs)
        await asyncio.sleep(300)
        await fleet.stop()
        for job in jobs:
            found = [(clock.epoch + start) % 60.0 for start in job.starts[1:]]
            assert found == pytest.approx([60.0 * phase(job.name)] * len(found), abs=1e-3)
        return [(clock.epoch + job.starts[-1]) % 60.0 for job in jobs]

    first = run_virtual(seconds())
    clock.epoch = EPOCH + 12_345.678
    assert run_virtual(seconds()) == pytest.approx(first, abs=1e-3)


def test_first_cycles_come_within_the_warm_up_and_second_ones_not_too_soon() -> None:
    """A new daemon soon has something to show, yet no target is probed twice in a row."""

    async def test() -> None:
        jobs = [Cycle(f"target-{number}", 60.0) for number in range(200)]
        fleet = Fleet(*jobs, warm_up=4.0)
        await asyncio.sleep(100)
        await fleet.stop()
        firsts = [job.starts[0] for job in jobs]
        assert 0.0 <= min(firsts) < 0.5
        assert 3.5 < max(firsts) <= 4.0 + 1e-3
        gaps = [job.starts[1] - job.starts[0] for job in jobs]
        assert min(gaps) >= 30.0 - 1e-3
        assert max(gaps) < 90.0 + 1e-3

    run_virtual(test())


def test_warm_up_is_no_longer_than_the_interval() -> None:
    """A thousand targets would take 20 s to warm up; one of 5 s does not wait for them."""

    async def test() -> None:
        job = Cycle("zz", 5.0)
        fleet = Fleet(job, warm_up=20.0)
        await asyncio.sleep(5.001)
        await fleet.stop()
        assert job.starts

    run_virtual(test())


def test_slow_cycle_is_not_overlapped_and_the_skipped_are_counted() -> None:
    """Each cycle lasts two and a half intervals: every third time is used, two are skipped."""

    async def test() -> None:
        job = Cycle("slow", 10.0, 25.0)
        fleet = Fleet(job)
        await asyncio.sleep(3000)
        await fleet.stop()
        assert job.most_running == 1
        gaps = {round(b - a, 2) for a, b in zip(job.starts[1:], job.starts[2:], strict=False)}
        assert gaps == {30.0}
        assert job.missed + len(job.starts) == pytest.approx(300, abs=2)

    run_virtual(test())


def test_stalled_loop_skips_what_it_missed_and_keeps_the_phase() -> None:
    """The machine sleeps for five and a half minutes: one late start, five skipped, same phase."""

    async def test() -> None:
        job = Cycle("example", 60.0)
        fleet = Fleet(job)
        await asyncio.sleep(200)
        before, lags = len(job.starts), len(fleet.lags)
        due = job.starts[-1] + 60.0
        stall(due - asyncio.get_running_loop().time() + 330.0)
        await asyncio.sleep(0.001)
        assert len(job.starts) == before + 1
        assert job.missed == 5
        assert fleet.lags[lags] == pytest.approx(330.0, abs=0.01)
        await asyncio.sleep(200)
        await fleet.stop()
        assert (job.starts[-1] - due) % 60.0 == pytest.approx(0.0, abs=1e-3)
        assert job.missed == 5
        assert len(job.starts) + job.missed == pytest.approx(
            asyncio.get_running_loop().time() / 60, abs=2
        )

    run_virtual(test())


def test_small_stall_costs_no_cycle() -> None:
    """Twenty milliseconds late is late, and nothing else."""

    async def test() -> None:
        jobs = [Cycle(f"target-{number}", 1.0) for number in range(20)]
        fleet = Fleet(*jobs)
        for _ in range(500):
            stall(0.02)
            await asyncio.sleep(0.005)
        await fleet.stop()
        assert sum(job.missed for job in jobs) == 0
        assert max(fleet.lags) < 0.04
        assert all(len(job.starts) in (12, 13, 14) for job in jobs)

    run_virtual(test())


def test_next_start_is_told_in_wall_clock_time(clock: VirtualClock) -> None:
    """The first start, then the one after each cycle; of a stranger nothing is known."""

    async def test() -> None:
        job = Cycle("victim", 60.0)
        fleet = Fleet(job, warm_up=10.0)
        first = 10.0 * phase("victim")
        assert fleet.scheduler.next_start("victim") == pytest.approx(EPOCH + first, abs=1e-3)
        await asyncio.sleep(first + 0.1)
        told = fleet.scheduler.next_start("victim")
        assert told is not None
        await asyncio.sleep(told - clock.time() + 0.1)
        assert EPOCH + job.starts[-1] == pytest.approx(told, abs=1e-3)
        assert fleet.scheduler.next_start("stranger") is None
        await fleet.stop()

    run_virtual(test())
