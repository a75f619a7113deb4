"""Pure: the length of the way back, inferred from the TTL that is left in an answer."""

from __future__ import annotations

INITIAL_TTLS = (32, 64, 128, 255)
"""What hosts and routers send with. 32 is rare today, but 64 less 32 routers is rarer."""

_RETURN_HOPS = {
    reply_ttl: next(ttl for ttl in INITIAL_TTLS if ttl >= reply_ttl) - reply_ttl + 1
    for reply_ttl in range(1, INITIAL_TTLS[-1] + 1)
}


def return_hops(reply_ttl: int | None) -> int | None:
    """Hops from the responder back to here; None where the TTL is unknown or impossible.

    The answer is taken to have left with the next initial TTL. A neighbour's answer crosses no
    router and keeps its TTL: a way back of one hop, to be held against the hop number.
    """
    return None if reply_ttl is None else _RETURN_HOPS.get(reply_ttl)


def asymmetry(ttl: int, reply_ttl: int | None) -> int | None:
    """How many hops the way back is longer than the way there (shorter, where negative)."""
    hops = return_hops(reply_ttl)
    return None if hops is None else hops - ttl
