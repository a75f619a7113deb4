"""Pure: how fast a target is traced: in an ordinary cycle, and when something seems to change."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exporter.settings import Module
from exporter.strategy import Plan

_PATIENCE_SECONDS = 0.5
_SPACING_SECONDS = 1.0
_URGENT_SECONDS = 0.25
_CONFIRMING_SHARE = 0.95
"""Of the interval: when all that confirms a cycle must have ended, lest it delays the next."""
_CONFIRMING_TRIES = 2
"""Times `confirm`: some of the rounds that follow a suspicion are lost, and show nothing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The plans of one target; times in seconds.

    `cycle` is that of an ordinary cycle, which goes on as `urgent` says once an answer looks like a
    change. At most `tries` traces by `confirming` follow a suspicious cycle, each after a `pause`,
    none of them begun more than `latest` after the cycle began.
    """

    cycle: Plan
    urgent: Plan
    confirming: Plan
    tries: int
    pause: float
    latest: float


def pace_for(module: Module) -> Pace:
    """Rounds a second apart, but all within half of the interval.

    Short intervals shorten the patience with silent hops too, so that cycles do not overlap.
    """
    share = module.interval / module.probes
    cycle = Plan(
        first_hop=module.first_hop,
        max_hops=module.max_hops,
        rounds=module.probes,
        timeout=module.timeout,
        patience=min(_PATIENCE_SECONDS, module.timeout, share / 4),
        spacing=min(_SPACING_SECONDS, share / 2),
        linger=min(module.timeout, module.interval / 4),
    )
    urgent = replace(
        cycle,
        spacing=min(_URGENT_SECONDS, cycle.spacing),
        linger=min(_URGENT_SECONDS, cycle.linger),
    )
    pause = min(_URGENT_SECONDS, module.interval / 20)
    confirming = replace(urgent, rounds=1, patience=min(_URGENT_SECONDS, cycle.patience))
    return Pace(
        cycle,
        urgent,
        confirming,
        _CONFIRMING_TRIES * module.confirm,
        pause,
        module.interval * _CONFIRMING_SHARE - pause - confirming.patience - confirming.linger,
    )
