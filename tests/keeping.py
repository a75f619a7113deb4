"""A history for tests: opened, filled, read, and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from exporter.history.database import ON_DISK, Bounds, PathKey
from exporter.history.recorder import History
from exporter.model import Family

Result = TypeVar("Result")
ROOT = Path(__file__).parent.parent

KEY = PathKey("example", Family.IPV4, "192.0.2.1")
OTHER = PathKey("example", Family.IPV6, "2001:db8::1")


def with_history(
    path: Path | None,
    test: Callable[[History], Awaitable[Result]],
    *,
    bounds: Bounds = ON_DISK,
    said: list[str] | None = None,
    retry: float = 30.0,
) -> Result:
    """Open a history, let a test use it, and close it."""

    async def run() -> Result:
        told = [] if said is None else said
        history = History(path, bounds=bounds, report=told.append, retry=retry)
        try:
            return await test(history)
        finally:
            await history.close()

    return asyncio.run(run())


async def fill(history: History) -> None:
    """Something of everything."""
    history.save(KEY, "old")
    history.save(KEY, "state")
    history.add_change(KEY, 1_769_860_800.0, {"words": "hop 2: x instead of b"})
    history.add_incident(KEY, 1_769_860_801.0, "loss", {"hops": []})


async def content(history: History) -> tuple[object, ...]:
    """All that is there under `KEY`."""
    return (
        await history.state(KEY),
        await history.changes("example", Family.IPV4),
        await history.incidents("example", Family.IPV4),
        history.degraded,
    )


CONTENT = (
    "state",
    [
        {
            "at": "2026-01-31T12:00:00.000Z",
            "address": "192.0.2.1",
            "words": "hop 2: x instead of b",
        }
    ],
    [
        {
            "at": "2026-01-31T12:00:01.000Z",
            "address": "192.0.2.1",
            "reason": "loss",
            "trace": {"hops": []},
        }
    ],
    None,
)


async def fill_and_read(history: History) -> tuple[object, ...]:
    """Write, and read it again at once."""
    await fill(history)
    return await content(history)
