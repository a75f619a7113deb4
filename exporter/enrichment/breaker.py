"""When to stop asking: after failures in a row nothing is asked for a while, then one question."""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 8
SHORTEST_PAUSE = 5.0
LONGEST_PAUSE = 60.0


class Breaker:
    """Guards one service. Pauses double from `SHORTEST_PAUSE` to `LONGEST_PAUSE` seconds.

    After each pause a single question may try whether the service is back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = SHORTEST_PAUSE
        self.paused_until = float("-inf")

    @property
    def paused(self) -> bool:
        """Whether asking is pointless now."""
        return self._clock() < self.paused_until

    def admit(self) -> bool:
        """Whether a question may be asked now; its outcome must then be told."""
        if self._failures < FAILURES:
            return True
        if self.paused:
            return False
        self._rest()
        return True

    def succeeded(self) -> None:
        """An answer came, of whatever content."""
        self._failures = 0
        self._pause = SHORTEST_PAUSE
        self.paused_until = float("-inf")

    def failed(self) -> None:
        """A question stayed unanswered, or the service said that it could not answer."""
        self._failures += 1
        if self._failures == FAILURES:
            self._rest()

    def _rest(self) -> None:
        self.paused_until = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
