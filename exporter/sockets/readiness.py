"""Tells a socket which of its queues has something, the moment epoll(7) says so.

A reader of asyncio is called by way of a handle and a queue, and is not told what happened: for one
answer at a time that is a seventh of all that an answer costs. `DirectLoop` calls readers from its
selector instead. On any other loop they are ordinary readers, told that anything may have happened.
"""

from __future__ import annotations

import asyncio
import math
import select
import selectors
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

DATA, ERROR = 1, 8
"""EPOLLIN and EPOLLERR: something in the ordinary queue; in the error queue, or a pending error."""
_EVENTS_PER_POLL, _POLLS_PER_TURN = 256, 64

Told = Callable[[int], None]


def watch(descriptor: int, told: Told) -> None:
    """Call `told` with `DATA`, `ERROR` or both whenever the running loop sees them, until

    `unwatch`; it must read what there is, lest it is called again at once.
    """
    loop = asyncio.get_running_loop()
    if isinstance(loop, DirectLoop):
        loop.direct.watch(descriptor, told)
    else:
        loop.add_reader(descriptor, told, DATA | ERROR)


def unwatch(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """Call it no more; before the descriptor is closed."""
    if isinstance(loop, DirectLoop):
        loop.direct.unwatch(descriptor)
    else:
        loop.remove_reader(descriptor)


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on the loop that is best here."""
    with runner() as prepared:
        return prepared.run(main)


def runner() -> asyncio.Runner:
    """A runner of the loop that is best here."""
    return asyncio.Runner(loop_factory=DirectLoop if sys.platform == "linux" else None)


if sys.platform == "linux":

    class _DirectSelector(selectors.BaseSelector):
        """A selector that calls those who watch, and hands all else to asyncio.

        asyncio registers descriptors by their number.
        """

        def __init__(self) -> None:
            self.failed: Callable[[Exception], None] | None = None
            self._epoll = select.epoll()
            self._keys: dict[int, selectors.SelectorKey] = {}
            self._watching: dict[int, Told] = {}

        def watch(self, descriptor: int, told: Told) -> None:
            """See `watch`. Raises `OSError` as epoll_ctl(2) does."""
            self._epoll.register(descriptor, select.EPOLLIN)
            self._watching[descriptor] = told

        def unwatch(self, descriptor: int) -> None:
            """See `unwatch`."""
            if self._watching.pop(descriptor, None) is not None:
                self._epoll.unregister(descriptor)

        def register(self, fileobj: Any, events: int, data: object = None) -> selectors.SelectorKey:
            """See `selectors.BaseSelector`."""
            key = selectors.SelectorKey(fileobj, fileobj, events, data)
            self._epoll.register(fileobj, _epoll_mask(events))
            self._keys[fileobj] = key
            return key

        def unregister(self, fileobj: Any) -> selectors.SelectorKey:
            """See `selectors.BaseSelector`. No error for a descriptor that is closed already."""
            key = self._keys.pop(fileobj)
            with suppress(OSError):
                self._epoll.unregister(fileobj)
            return key

        def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
            """See `selectors.BaseSelector`."""
            return self._keys

        def close(self) -> None:
            """See `selectors.BaseSelector`."""
            self._epoll.close()
            self._keys.clear()
            self._watching.clear()

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """See `selectors.BaseSelector`; times are rounded up, lest the loop wakes too early."""
            seconds = -1.0 if timeout is None else math.ceil(max(timeout, 0.0) * 1e3) * 1e-3
            ready: dict[int, tuple[selectors.SelectorKey, int]] = {}
            for _ in range(_POLLS_PER_TURN):
                try:
                    events = self._epoll.poll(seconds, _EVENTS_PER_POLL)
                except InterruptedError:
                    break
                for descriptor, mask in events:
                    told = self._watching.get(descriptor)
                    if told is not None:
                        self._tell(told, mask)
                    elif (key := self._keys.get(descriptor)) is not None:
                        ready[descriptor] = key, _asyncio_mask(mask) & key.events
                if len(events) < _EVENTS_PER_POLL:
                    break
                # After a stall all answers come before any timer: none is late that is here.
                seconds = 0.0
            return list(ready.values())

        def _tell(self, told: Told, mask: int) -> None:
            try:
                told(mask)
            except Exception as error:
                # A bug with one socket must not end the loop, as in every callback of asyncio.
                if self.failed is None:
                    raise
                self.failed(error)

    def _epoll_mask(events: int) -> int:
        readable = select.EPOLLIN if events & selectors.EVENT_READ else 0
        return readable | (select.EPOLLOUT if events & selectors.EVENT_WRITE else 0)

    def _asyncio_mask(mask: int) -> int:
        writable = selectors.EVENT_WRITE if mask & ~select.EPOLLIN else 0
        return writable | (selectors.EVENT_READ if mask & ~select.EPOLLOUT else 0)

    class DirectLoop(asyncio.SelectorEventLoop):
        """An event loop that calls those who `watch` without a detour."""

        def __init__(self) -> None:
            self.direct = _DirectSelector()
            super().__init__(self.direct)
            self.direct.failed = self._failed

        def _failed(self, error: Exception) -> None:
            self.call_exception_handler({"message": "a reader failed", "exception": error})

else:

    class DirectLoop:
        """Not on this system."""

        direct: Any
