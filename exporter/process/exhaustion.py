"""Memory has run out: says so and ends the process at once, so that a whole one can be started.

Python goes on after a `MemoryError`, but what was under way is half done: a probe without its
timer, targets in the schedule and not in the list. A request to the server is no such matter; it
fails alone. Where descriptors have run out, connections wait for one, and everything else goes on.
"""

from __future__ import annotations

import asyncio
import errno
import math
import mmap
import os
import sys
import threading
import time
from typing import Any

import structlog

log = structlog.get_logger("daemon")

_RESERVE_BYTES = 16 << 20
_EXIT_STATUS = 1
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""Why asyncio's server takes a connection a second later, and tells that of each try."""
_SECONDS_BETWEEN_COMPLAINTS = 60.0
_LAST_WORDS = b"daemon.failed: out of memory\n"


class Exhaustion:
    """Holds some memory back for the last words; it is address space alone until it is needed."""

    def __init__(self) -> None:
        self._reserve = mmap.mmap(-1, _RESERVE_BYTES)
        self._complained_at = -math.inf

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
        error = context.get("exception")
        if isinstance(error, MemoryError):
            self.end()
        if "socket" in context and isinstance(error, OSError) and error.errno in _NO_ROOM:
            self._cannot_accept(error)
        else:
            loop.default_exception_handler(context)

    def _cannot_accept(self, error: OSError) -> None:
        now = time.monotonic()
        if now - self._complained_at >= _SECONDS_BETWEEN_COMPLAINTS:
            self._complained_at = now
            log.warning("server.cannot_accept", error=error.strerror)

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
