"""Runs look-ups in the background: so many at once, so many a second, and none left behind.

A look-up costs half a millisecond of the loop's time. Thousands come at once when a daemon
starts; they are spread so that answers to probes are never kept waiting behind them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

Job = Callable[[], Coroutine[object, object, None] | None]
"""Called when there is room; returns the work, or None where there is none left to do."""

_PER_TURN = 8


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most `concurrency` tasks, `backlog` jobs without one, and `rate` new tasks a second.

    After a rest up to `burst` tasks start at once.
    """

    concurrency: int = 64
    backlog: int = 20_000
    rate: float = 500.0
    burst: int = 32


class Pool:
    """To be used from one event loop; `close` it before that loop ends."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: deque[Job] = deque()
        self._tokens = float(bounds.burst)
        self._filled_at = 0.0
        self._wake: asyncio.Handle | None = None
        self._closed = False

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Run a job as soon as there is room. False where too many wait, or after `close`.

        An urgent job does not queue behind the others.
        """
        if self._closed or len(self._waiting) >= self._bounds.backlog:
            return False
        if urgent:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)
        if self._wake is None:
            self._wake = asyncio.get_running_loop().call_soon(self._fill)
        return True

    async def close(self) -> None:
        """Cancel what runs, drop what waits, and return when every task has ended."""
        self._closed = True
        self._waiting.clear()
        if self._wake is not None:
            self._wake.cancel()
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await asyncio.sleep(0)  # transports close in a callback of their own

    def _fill(self) -> None:
        loop = asyncio.get_running_loop()
        delay = self._turn(loop)
        self._wake = None if delay is None else loop.call_later(delay, self._fill)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> float | None:
        """Start some; returns the seconds until more can start, None where an end must come."""
        self._earn(loop.time())
        for _ in range(_PER_TURN):
            if not self._waiting or len(self._running) >= self._bounds.concurrency:
                return None
            if self._tokens < 1.0:
                return (1.0 - self._tokens) / self._bounds.rate
            self._start(loop)
        return 0.0

    def _earn(self, now: float) -> None:
        earned = (now - self._filled_at) * self._bounds.rate
        self._tokens = min(self._tokens + earned, float(self._bounds.burst))
        self._filled_at = now

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        work = self._waiting.popleft()()
        if work is not None:
            self._tokens -= 1.0
            task = loop.create_task(work)
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a look-up failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
        if self._waiting and self._wake is None:
            self._fill()
