"""Memory has run out: says so and ends the process at once, so that a whole one can be started.

Python goes on after a `MemoryError`, but what was under way is half done: a probe without its
timer, targets in the schedule and not in the list. A request to the server is no such matter; it
fails alone.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import sys
import threading
from typing import Any

import structlog

log = structlog.get_logger("daemon")

_RESERVE_BYTES = 16 << 20
_EXIT_STATUS = 1
_LAST_WORDS = b"daemon.failed: out of memory\n"


class Exhaustion:
    """Holds some memory back for the last words; it is address space alone until it is needed."""

    def __init__(self) -> None:
        self._reserve = mmap.mmap(-1, _RESERVE_BYTES)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the process where what this loop calls, a thread or a destructor gets no memory."""
        loop.set_exception_handler(self._handle)
        threading.excepthook = self._thread_failed
        sys.unraisablehook = self._destructor_failed

    def end(self) -> None:
        """Log the reason and exit with status 1. Nothing is put in order: that takes memory."""
        self._reserve.close()
        try:
            log.error("daemon.failed", error="out of memory")
        except MemoryError:
            os.write(sys.stderr.fileno(), _LAST_WORDS)
        finally:
            os._exit(_EXIT_STATUS)

    def _handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), MemoryError):
            self.end()
        loop.default_exception_handler(context)

    def _thread_failed(self, failure: threading.ExceptHookArgs) -> None:
        if issubclass(failure.exc_type, MemoryError):
            self.end()
        threading.__excepthook__(failure)

    def _destructor_failed(self, failure: sys.UnraisableHookArgs) -> None:
        if issubclass(failure.exc_type, MemoryError):
            self.end()
        sys.__unraisablehook__(failure)


def is_exhausted(error: BaseException) -> bool:
    """Whether want of memory is behind it: what is put in order then fails for other reasons.

    A thread that cannot be started is one of them (`RuntimeError`).
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, MemoryError):
            return True
        behind = behind.__cause__ or behind.__context__
    return False
