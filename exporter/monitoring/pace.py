"""Pure: how fast a target is traced: in an ordinary cycle, and when something seems to change."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exporter.model import Protocol
from exporter.settings import Module
from exporter.trace.plan import Plan

_PATIENCE_SECONDS = 0.5
_SPACING_SECONDS = 1.0
_URGENT_SECONDS = 0.15
_LATER_SECONDS = 1.0
"""Routers that answered a burst of probes are silent for a while; then they answer one a second."""
_CONFIRMING_SHARE = 0.95
"""Of the interval: when all that confirms a cycle must have ended, lest it delays the next."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The plans of one target; times in seconds.

    `cycle` is that of an ordinary cycle, which goes on as `urgent` says once an answer looks like a
    change. Traces by `confirming` follow a suspicious cycle, one after each of the `pauses` until
    all is clear: as many as must agree, and as many again, since some show nothing. None begins
    more than `latest` after the cycle began.
    """

    cycle: Plan
    urgent: Plan
    confirming: Plan
    pauses: tuple[float, ...]
    latest: float


def pace_for(module: Module) -> Pace:
    """Rounds a second apart, but all within half of the interval.

    Short intervals shorten the patience with silent hops too, so that cycles do not overlap. TCP
    needs its rounds farther apart: an unanswered probe holds its port, and with it the flow, until
    the next trace takes that. So there an urgent cycle has no more rounds, and is followed at once.
    """
    share = module.interval / module.probes
    holds_port = module.protocol is Protocol.TCP
    cycle = Plan(
        first_hop=module.first_hop,
        max_hops=module.max_hops,
        rounds=module.probes,
        timeout=module.timeout,
        patience=min(_PATIENCE_SECONDS, module.timeout, share / 4),
        spacing=min(_SPACING_SECONDS, share * (0.75 if holds_port else 0.5)),
        linger=min(module.timeout, module.interval / 4),
    )
    urgent = replace(
        cycle,
        rounds=1 if holds_port else cycle.rounds,
        spacing=min(_URGENT_SECONDS, cycle.spacing),
        linger=min(_URGENT_SECONDS, cycle.linger),
    )
    confirming = replace(urgent, rounds=1, patience=min(_URGENT_SECONDS, cycle.patience))
    return Pace(
        cycle,
        urgent,
        confirming,
        (min(_URGENT_SECONDS, module.interval / 40),) * module.confirm
        + (min(_LATER_SECONDS, module.interval / 8),) * module.confirm,
        module.interval * _CONFIRMING_SHARE - confirming.patience - confirming.linger,
    )
