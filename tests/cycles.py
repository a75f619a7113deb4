"""Jobs and a running scheduler for tests in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from exporter.monitoring.scheduler import Scheduler


class Cycle:
    """A job that notes its starts and lets each cycle last `seconds`."""

    def __init__(self, name: str, interval: float, seconds: float = 0.0) -> None:
        self.name = name
        self.interval = interval
        self.seconds = seconds
        self.starts: list[float] = []
        self.ended = 0
        self.missed = 0
        self.running = 0
        self.most_running = 0

    async def run(self) -> None:
        """See `Job`."""
        self.starts.append(asyncio.get_running_loop().time())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            if self.seconds:
                await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
            self.ended += 1

    def skipped(self, cycles: int) -> None:
        """See `Job`."""
        self.missed += cycles


class Fleet:
    """A running scheduler with its jobs."""

    def __init__(self, *jobs: Cycle, concurrency: int = 1000, warm_up: float = 1.0) -> None:
        self.lags: list[float] = []
        self.scheduler = Scheduler(concurrency, warm_up, self.lags.append)
        self.scheduler.add(jobs)
        self.task = asyncio.create_task(self.scheduler.run())

    async def stop(self) -> None:
        """Cancel the scheduler and wait for it."""
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task
