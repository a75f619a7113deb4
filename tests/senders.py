"""Senders for tests of the pacer, and the budget that they must keep to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from exporter.model import Probe

Log = list[tuple[float, str, int]]
"""(when, sender, TTL) of every probe sent."""


class Caller:
    """A sender that notes what it sends; `retries` says how often each probe is refused first."""

    def __init__(self, name: str, log: Log, retries: dict[int, int] | None = None) -> None:
        self.name = name
        self.batches = 0
        self.retries = retries or {}
        self.then: Callable[[], None] = lambda: None
        self._log = log

    def send(self, probe: Probe) -> float:
        """See `Sender`."""
        if self.retries.get(probe.ttl, 0):
            self.retries[probe.ttl] -= 1
            return 0.005
        self._log.append((asyncio.get_running_loop().time(), self.name, probe.ttl))
        return 0.0

    def batch_sent(self) -> None:
        """See `Sender`."""
        self.batches += 1
        self.then()


def probes(count: int) -> list[Probe]:
    """Probes with TTLs from 1 on."""
    return [Probe(1, 0, ttl) for ttl in range(1, count + 1)]


def order(log: Log) -> list[str]:
    """Who sent, one after the other, repeats collapsed."""
    names = [name for _, name, _ in log]
    return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]


def assert_within_budget(times: Sequence[float], rate: float) -> None:
    """In no stretch of time more than the burst and the rate allow."""
    burst = max(1.0, rate / 10)
    level, last = burst, 0.0
    for time in times:
        level = min(burst, level + (time - last) * rate) - 1
        last = time
        assert level >= -1e-3, f"over budget at {time}"
