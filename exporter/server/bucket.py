"""A bound on requests: a bucket that holds some and gains one from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable

from exporter.config.web import RateLimit


class Bucket:
    """Full at first; `clock` gives seconds that never go back."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._at = clock()

    def take(self) -> float:
        """Take one and return 0; else return the seconds until there will be one."""
        now = self._clock()
        gained = (now - self._at) / self.limit.interval
        self._tokens = min(float(self.limit.burst), self._tokens + gained)
        self._at = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) * self.limit.interval
