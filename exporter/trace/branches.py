"""Pure: how many flows it takes to see all parallel branches.

The stopping rule is that of the Multipath Detection Algorithm (Augustin, Friedman, Teixeira,
"Multipath tracing with Paris traceroute", 2007; Veitch et al., "Failure control in multipath route
tracing", 2009): as many flows as make it improbable that one more branch stayed unseen.
"""

from __future__ import annotations

from functools import lru_cache

from exporter.model import Trace

FAILURE = 0.01
"""Probability, at each hop, that a branch stays unseen though the rule says stop."""


@lru_cache(maxsize=256)
def flows_needed(branches: int, failure: float = FAILURE) -> int:
    """Flows after which one more branch beside `branches` would be seen, but for `failure`.

    Of k + 1 equally likely branches n flows miss at least one with a probability of at most
    (k + 1) (k / (k + 1))^n.
    """
    if branches < 1:
        return 1
    flows, missed = 0, branches + 1.0
    while missed > failure:
        flows += 1
        missed *= branches / (branches + 1)
    return flows


def flows_wanted(trace: Trace, limit: int) -> int:
    """How many flows the next cycle should follow, by the widest hop of this one; at most `limit`.

    One router at every hop still takes some flows to believe that it is the only one.
    """
    if limit == 1:
        return 1
    widest = max((len(hop.addresses) for hop in trace.hops), default=1)
    return min(limit, flows_needed(max(widest, 1)))
