"""Asks every URL that lists targets, again and again, each at its own interval."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from exporter.discovery.http import FetchError, fetch
from exporter.settings import UrlSource

Answered = Callable[[UrlSource, str | FetchError], Awaitable[None]]
"""Takes what a URL said, or why it said nothing."""


class UrlWatch:
    """One task for each URL."""

    def __init__(self, answered: Answered) -> None:
        self._answered = answered
        self._tasks: dict[UrlSource, asyncio.Task[None]] = {}

    async def watch(self, sources: Collection[UrlSource]) -> None:
        """Ask these from now on, and no others; what is asked already goes on at its pace."""
        gone = [self._tasks.pop(each) for each in list(self._tasks) if each not in sources]
        for source in sources:
            if source not in self._tasks:
                self._tasks[source] = asyncio.create_task(self._ask(source), name="discovery")
        await ended(gone)

    async def close(self) -> None:
        """Ask nobody any more."""
        await self.watch(())

    async def _ask(self, source: UrlSource) -> None:
        while True:
            answer: str | FetchError
            try:
                answer = await fetch(source)
            except FetchError as error:
                answer = error
            await self._answered(source, answer)
            await asyncio.sleep(source.refresh_interval)


async def ended(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
