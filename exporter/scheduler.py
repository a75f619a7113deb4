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
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any
from typing import Protocol as Interface

import structlog

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


@dataclass(order=True, slots=True)
class _Entry:
    due: float
    order: int
    job: Job = field(compare=False)
    regular: float = field(compare=False)


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
        self._slots = asyncio.Semaphore(concurrency)
        self._warm_up = warm_up
        self._on_lag = on_lag
        self._entries: list[_Entry] = []
        self._running: dict[str, asyncio.Task[None]] = {}
        self._next: dict[str, float] = {}
        self._loop = asyncio.get_running_loop()

    def add(self, jobs: Iterable[Job]) -> None:
        """Schedule jobs; call it before `run`."""
        now, wall = self._loop.time(), time.time()
        for job in jobs:
            offset = phase(job.name)
            first = now + offset * min(self._warm_up, job.interval)
            regular = now + (offset * job.interval - wall) % job.interval
            if regular < first + job.interval / 2:
                regular += job.interval
            self._entries.append(_Entry(first, len(self._entries), job, regular))
            self._next[job.name] = first
        heapq.heapify(self._entries)

    def next_start(self, name: str) -> float | None:
        """When a job's next cycle starts, in seconds since the epoch; None for a stranger."""
        due = self._next.get(name)
        return None if due is None else time.time() + due - self._loop.time()

    def run_now(self, name: str) -> bool | None:
        """Start a cycle out of turn, which moves no other; False where one runs already, None

        for a stranger.
        """
        job = next((entry.job for entry in self._entries if entry.job.name == name), None)
        if job is None:
            return None
        if name in self._running:
            return False
        self._start(job)
        return True

    async def run(self) -> None:
        """Start cycles until cancelled; then cancel those that run and wait for them."""
        try:
            while self._entries:
                wait = self._entries[0].due - self._loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                self._start_due()
            await asyncio.Event().wait()
        finally:
            await self._stop()

    def _start_due(self) -> None:
        now = self._loop.time()
        while self._entries and self._entries[0].due <= now:
            entry = self._entries[0]
            job, interval = entry.job, entry.job.interval
            self._on_lag(now - entry.due)
            following = entry.regular if entry.regular > entry.due else entry.due + interval
            missed = max(0, int((now - following) // interval) + 1) if following <= now else 0
            following += missed * interval
            self._next[job.name] = following
            heapq.heapreplace(self._entries, _Entry(following, entry.order, job, entry.regular))
            if job.name in self._running:
                missed += 1
            else:
                self._start(job)
            if missed:
                _skip(job, missed)

    def _start(self, job: Job) -> None:
        task = self._loop.create_task(self._cycle(job), name=f"cycle {job.name}")
        self._running[job.name] = task
        task.add_done_callback(lambda _: self._running.pop(job.name, None))

    async def _cycle(self, job: Job) -> None:
        async with self._slots:
            try:
                await job.run()
            except Exception:
                # The one place for surprises: a bug in one cycle must not end all the others.
                log.exception("cycle.failed", target=job.name)

    async def _stop(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _skip(job: Job, cycles: int) -> None:
    try:
        job.skipped(cycles)
    except Exception:
        # A bug in what is shown of one target must not end the schedule of all the others.
        log.exception("skip.failed", target=job.name)
