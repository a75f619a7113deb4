"""Bounds how many do something at the same time; the bound can change while they do."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """At most `count` are inside (`async with`); the others wait, first come, first served."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self.waiting = 0

    def resize(self, count: int) -> None:
        """Let so many in from now on; those inside stay until they leave."""
        self._count = count
        self._admit()

    async def __aenter__(self) -> None:
        if self._taken < self._count and not self.waiting:
            self._taken += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self.waiting -= 1
            else:
                # Let in and cancelled in the same turn of the loop.
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        self._taken -= 1
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._taken < self._count:
            turn = self._queue.popleft()
            if not turn.done():
                self.waiting -= 1
                self._taken += 1
                turn.set_result(None)
