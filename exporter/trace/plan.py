"""Pure: what a trace shall do, and what it teaches the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a trace teaches the next one to the same address.

    `length` is the TTL of the destination if `reached`, else one more than the farthest hop that
    answered; None if nothing is known. `rtts` are the latest RTTs in seconds by TTL.
    """

    length: int | None = None
    reached: bool = False
    rtts: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trace shall do. Seconds: `timeout` bounds every wait, `patience` is the shortest one,

    `spacing` is the least time between the starts of two rounds. After the last round the trace
    lingers, at most so long, for answers of hops that are known to answer and have not yet.
    Where the way behind a silent hop is known, it is given up after `multiple` times the slowest
    RTT of the path, be that less than the patience.
    """

    first_hop: int = 1
    max_hops: int = 30
    rounds: int = 3
    timeout: float = 2.0
    patience: float = 0.5
    multiple: float = inf
    spacing: float = 0.0
    linger: float = 0.0
    lesson: Lesson = field(default_factory=Lesson)

    @property
    def is_swift(self) -> bool:
        """Whether somebody waits for the trace to end."""
        return self.multiple < inf
