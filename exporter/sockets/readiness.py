"""Tells a socket which of its queues has something, the moment epoll(7) says so.

A reader of asyncio is called by way of a handle and a queue, and is not told what happened: for one
answer at a time that is a seventh of all that an answer costs. `DirectLoop` calls readers from its
selector instead. On any other loop they are ordinary readers, told that anything may have happened.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

DATA, ERROR = 1, 8
"""EPOLLIN and EPOLLERR: something in the ordinary queue; in the error queue, or a pending error."""
_EVENTS_PER_POLL, _POLLS_PER_TURN = 256, 64
_FOR_EVER = 86400.0
"""Seconds after which a loop that has nothing to do turns nevertheless."""

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
            self.has_work = False
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
            """See `selectors.BaseSelector`.

            Waits on while those who watch leave asyncio nothing to do. Before any timer is due it
            tells all that is there: none is late that had come before a stall ended.
            """
            until = time.monotonic() + (_FOR_EVER if timeout is None else timeout)
            ready: dict[int, tuple[selectors.SelectorKey, int]] = {}
            self.has_work = False
            seconds = _FOR_EVER if timeout is None else max(timeout, 0.0)
            polls_left = _POLLS_PER_TURN
            while polls_left:
                try:
                    events = self._epoll.poll(seconds, _EVENTS_PER_POLL)
                except InterruptedError:
                    break
                if not self._take(events, ready):
                    break
                left = 0.0 if ready or self.has_work else until - time.monotonic()
                seconds = left if left > 0.0 else 0.0
                if not seconds:
                    polls_left -= 1
            return list(ready.values())

        def _take(
            self,
            events: list[tuple[int, int]],
            ready: dict[int, tuple[selectors.SelectorKey, int]],
        ) -> bool:
            """Tell those who watch, note the others; gives whether there was anything to tell."""
            told_any = False
            for descriptor, mask in events:
                told = self._watching.get(descriptor)
                if told is not None:
                    told_any = True
                    try:
                        told(mask)
                    except Exception as error:
                        # A bug with one socket must not end the loop, as in all of asyncio.
                        if self.failed is None:
                            raise
                        self.failed(error)
                elif (key := self._keys.get(descriptor)) is not None:
                    ready[descriptor] = key, _asyncio_mask(mask) & key.events
            return told_any or len(events) == _EVENTS_PER_POLL

    def _epoll_mask(events: int) -> int:
        readable = select.EPOLLIN if events & selectors.EVENT_READ else 0
        return readable | (select.EPOLLOUT if events & selectors.EVENT_WRITE else 0)

    def _asyncio_mask(mask: int) -> int:
        writable = selectors.EVENT_WRITE if mask & ~select.EPOLLIN else 0
        return writable | (selectors.EVENT_READ if mask & ~select.EPOLLOUT else 0)

    class DirectLoop(asyncio.SelectorEventLoop):
        """An event loop that calls those who `watch` without a detour.

        As long as they schedule nothing, the selector has no need to come back to it.
        """

        time = staticmethod(time.monotonic)
        """See `asyncio.loop.time`, which is asked several times for each answer."""

        def __init__(self) -> None:
            self.direct = _DirectSelector()
            super().__init__(self.direct)
            self.direct.failed = self._failed

        def call_soon(
            self,
            callback: Callable[[Unpack[Arguments]], object],
            *args: *Arguments,
            context: Context | None = None,
        ) -> asyncio.Handle:
            """See `asyncio.loop.call_soon`."""
            self.direct.has_work = True
            return super().call_soon(callback, *args, context=context)

        def call_at(
            self,
            when: float,
            callback: Callable[[Unpack[Arguments]], object],
            *args: *Arguments,
            context: Context | None = None,
        ) -> asyncio.TimerHandle:
            """See `asyncio.loop.call_at`."""
            self.direct.has_work = True
            return super().call_at(when, callback, *args, context=context)

        def _failed(self, error: Exception) -> None:
            self.call_exception_handler({"message": "a reader failed", "exception": error})

else:

    class DirectLoop:
        """Not on this system."""

        direct: Any
