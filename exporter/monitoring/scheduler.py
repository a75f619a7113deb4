"""Starts the cycles of all targets: one loop, spread phases, no overlap, no drift.

A job's phase comes from its name, so that it is the same after a restart and the load of many jobs
is even. The first cycle of each comes early, within the warm-up, so that a new daemon soon has
something to show; from then on the phase rules.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

import structlog

from exporter.monitoring.slots import Slots

log = structlog.get_logger("scheduler")


class Job(Interface):
    """What runs once in each interval."""

    @property
    def name(self) -> str:
        """Unique; decides the phase."""
        ...

    @property
    def interval(self) -> float:
        """Seconds between two starts."""
        ...

    def run(self) -> Coroutine[Any, Any, None]:
        """One cycle. Errors of the network are its own business."""
        ...

    def skipped(self, cycles: int) -> None:
        """Cycles not started: the one before still ran, or their time passed unnoticed."""
        ...


@dataclass(slots=True)
class _Entry:
    due: float
    order: int
    job: Job
    regular: float
    task: asyncio.Task[None] | None = None


def phase(name: str) -> float:
    """Where in its interval a job starts: 0 up to 1, the same on every machine and run."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Scheduler:
    """Runs jobs at a fixed rate, at most `concurrency` at the same time.

    `warm_up` is the number of seconds over which the first cycles are spread; `on_lag` gets the
    seconds by which each start was late.
    """

    def __init__(self, concurrency: int, warm_up: float, on_lag: Callable[[float], None]) -> None:
        self._slots = Slots(concurrency)
        self._warm_up = warm_up
        self._on_lag = on_lag
        self._queue: list[tuple[float, int, _Entry]] = []
        """When each entry is due, and its order."""
        self._entries: dict[str, _Entry] = {}
        self._added = 0
        self._runs = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def add(self, jobs: Iterable[Job], warm_up: float | None = None) -> None:
        """Schedule jobs; their first cycles are spread over `warm_up` seconds."""
        spread = self._warm_up if warm_up is None else warm_up
        now = self._loop.time()
        for job in jobs:
            first = now + phase(job.name) * min(spread, job.interval)
            regular = self._regular(job, now)
            if regular < first + job.interval / 2:
                regular += job.interval
            self._added += 1
            entry = _Entry(first, self._added, job, regular)
            self._entries[job.name] = entry
            heapq.heappush(self._queue, (first, entry.order, entry))
        self._arm()

    def retime(self, names: Iterable[str]) -> None:
        """These jobs have another interval: go on at their phase in it; cycles that run go on."""
        now = self._loop.time()
        for name in names:
            entry = self._entries[name]
            entry.due = entry.regular = self._regular(entry.job, now)
        self._sort()

    async def remove(self, names: Collection[str]) -> None:
        """Start these jobs no more; their running cycles are cancelled and have ended."""
        removed = [self._entries.pop(name) for name in names]
        self._sort()
        await _cancelled(removed)

    def resize(self, concurrency: int) -> None:
        """Run so many at the same time from now on; those that run already go on."""
        self._slots.resize(concurrency)

    def next_start(self, name: str) -> float | None:
        """When a job's next cycle starts, in seconds since the epoch; None for a stranger."""
        entry = self._entries.get(name)
        return None if entry is None else time.time() + entry.due - self._loop.time()

    def run_now(self, name: str) -> bool | None:
        """Start a cycle out of turn, which moves no other; False where one runs already, None

        for a stranger.
        """
        entry = self._entries.get(name)
        if entry is None:
            return None
        if entry.task is not None:
            return False
        self._start(entry)
        return True

    async def run(self) -> None:
        """Start cycles until cancelled; then cancel those that run and wait for them."""
        self._runs = True
        self._arm()
        try:
            await asyncio.Event().wait()
        finally:
            self._runs = False
            self._arm()
            await _cancelled(self._entries.values())

    def _regular(self, job: Job, now: float) -> float:
        return now + (phase(job.name) * job.interval - time.time()) % job.interval

    def _sort(self) -> None:
        self._queue = [(entry.due, entry.order, entry) for entry in self._entries.values()]
        heapq.heapify(self._queue)
        self._arm()

    def _arm(self) -> None:
        """Set the timer for the next start, if there is one."""
        due = self._queue[0][0] if self._runs and self._queue else None
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_at(due, self._expired)

    def _expired(self) -> None:
        self._timer = None
        try:
            self._start_due()
        finally:
            self._arm()

    def _start_due(self) -> None:
        now = self._loop.time()
        while self._queue and self._queue[0][0] <= now:
            _, order, entry = self._queue[0]
            job, interval = entry.job, entry.job.interval
            self._on_lag(now - entry.due)
            following = entry.regular if entry.regular > entry.due else entry.due + interval
            missed = max(0, int((now - following) // interval) + 1) if following <= now else 0
            entry.due = following + missed * interval
            heapq.heapreplace(self._queue, (entry.due, order, entry))
            if entry.task is not None:
                missed += 1
            else:
                self._start(entry)
            if missed:
                _skip(job, missed)

    def _start(self, entry: _Entry) -> None:
        job = entry.job
        entry.task = self._loop.create_task(self._cycle(job), name=f"cycle {job.name}")
        entry.task.add_done_callback(lambda _: _ended(entry))

    async def _cycle(self, job: Job) -> None:
        async with self._slots:
            try:
                await job.run()
            except MemoryError as error:
                # No bug, and what it left half done nobody knows: not for this loop to live with.
                message = f"no memory for a cycle of {job.name}"
                self._loop.call_exception_handler({"message": message, "exception": error})
            except Exception:
                # The one place for surprises: a bug in one cycle must not end all the others.
                log.exception("cycle.failed", target=job.name)


def _ended(entry: _Entry) -> None:
    entry.task = None


async def _cancelled(entries: Iterable[_Entry]) -> None:
    """Cancel the cycles that run and wait for them."""
    tasks = [entry.task for entry in entries if entry.task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _skip(job: Job, cycles: int) -> None:
    try:
        job.skipped(cycles)
    except MemoryError:
        raise
    except Exception:
        # A bug in what is shown of one target must not end the schedule of all the others.
        log.exception("skip.failed", target=job.name)
