"""Runs look-ups in the background: so many at once, so many waiting, and none left behind."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

Job = Callable[[], Coroutine[object, object, None]]


class Pool:
    """At most `concurrency` tasks, and `backlog` jobs that have no task yet."""

    def __init__(self, concurrency: int, backlog: int) -> None:
        self._concurrency = concurrency
        self._backlog = backlog
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: deque[Job] = deque()
        self._closed = False

    def submit(self, job: Job, *, urgent: bool = False) -> bool:
        """Run a job as soon as there is room. False where too many wait, or after `close`.

        An urgent job does not queue behind the others.
        """
        if self._closed or len(self._waiting) >= self._backlog:
            return False
        if urgent:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)
        self._fill()
        return True

    async def close(self) -> None:
        """Cancel what runs, drop what waits, and return when every task has ended."""
        self._closed = True
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await asyncio.sleep(0)  # transports close in a callback of their own

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._concurrency:
            task = asyncio.get_running_loop().create_task(self._waiting.popleft()())
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            context = {"message": "a look-up failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)
        self._fill()
