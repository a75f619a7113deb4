"""A clock that stands until a test moves it, and a wait for what callbacks bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Clock:
    """Stands in for `time.monotonic`; `now` is in seconds and may be set."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def until(condition: Callable[[], object], limit: float = 20.0) -> None:
    """Let the loop run until the condition holds; `TimeoutError` after `limit` real seconds."""
    async with asyncio.timeout(limit):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0)
