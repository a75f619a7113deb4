"""Pure: one round of a trace, and how long it is worth waiting for each of its probes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exporter.model import Response
from exporter.trace.findings import ends_path

HERE = 3.0
"""Patience with a hop, in multiples of its own RTT of late and of those on both sides of it."""
NEAR = 10.0
"""Patience with a hop behind which nothing answered yet, in multiples of the RTT before it."""


class Round:
    """TTLs asked for, on their way and answered. `end` is where this round saw the path end."""

    __slots__ = ("asked", "ditched", "end", "horizon", "queue", "rtts", "started", "waiting")

    def __init__(self, started: float, ttls: Iterable[int]) -> None:
        self.started = started
        self.queue = list(ttls)
        self.asked = set(self.queue)
        self.horizon = max(self.queue, default=0)
        self.waiting: dict[int, float] = {}
        self.rtts: dict[int, float] = {}
        self.end: int | None = None
        self.ditched = False

    def ask(self, ttls: Iterable[int]) -> None:
        """Queue those TTLs that this round has not asked for yet."""
        fresh = [ttl for ttl in ttls if ttl not in self.asked]
        self.queue += fresh
        self.asked.update(fresh)

    def extend(self, horizon: int) -> None:
        """Probe up to a higher TTL."""
        self.ask(range(self.horizon + 1, horizon + 1))
        self.horizon = max(self.horizon, horizon)

    def answered(self, response: Response) -> bool:
        """Take note of an answer; False for a second one to the same probe."""
        ttl = response.probe.ttl
        if self.waiting.pop(ttl, None) is None:
            return False
        self.rtts[ttl] = response.rtt
        if ends_path(response) and (self.end is None or ttl < self.end):
            self.end = ttl
        return True

    def is_complete(self) -> bool:
        """Whether every TTL that matters is answered: each, or those before the end."""
        waiting, end = self.waiting, self.end
        return not waiting or (end is not None and min(waiting) >= end)

    def outstanding(self) -> list[int]:
        """TTLs not answered that matter: those before the end, where there is one."""
        end = self.end
        return [ttl for ttl in self.waiting if end is None or ttl < end]

    def wait_for(self, ttl: int, lately: Mapping[int, float]) -> float | None:
        """Seconds worth waiting by the RTTs around a TTL; None where nothing is known of any.

        `lately` are RTTs by TTL known from before this round, and serve where it shows none.
        """
        rtts = self.rtts or lately
        before = rtts.get(max((each for each in rtts if each < ttl), default=0), 0.0)
        behind = rtts.get(min((each for each in rtts if each > ttl), default=0), 0.0)
        own = lately.get(ttl, 0.0)
        if behind or own:
            return HERE * max(before, behind, own)
        return NEAR * before if before else None
