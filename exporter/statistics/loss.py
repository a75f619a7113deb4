"""Pure: where on a path packets are lost, told apart from answers that routers do not give.

A probe that a hop leaves unanswered may have been lost, or the router may have had no leisure to
answer. But what is lost on the way to a hop is lost to all hops behind it, too. So loss is put down
to a hop only where the hops behind it and the destination share it:

- Walking back from the destination, each hop is held against all hops behind it that share one
  loss. One that lost more, beyond what chance explains, limits its answers and is left out; one
  that lost less, beyond chance, begins a share of its own.
- Loss starts at the hop that makes the whole path most likely, where every hop nearer that lost
  probes must be explained as one that limits its answers. That hop and the one right behind it
  must have lost probes themselves. Where two hops fit equally, it is the farther one.
- From there on loss can only grow with distance: the most likely ratios that do not fall (isotonic
  regression; Barlow and others, Statistical Inference under Order Restrictions, 1972), and none
  above that of the destination.

"Beyond chance" is a likelihood ratio above a bound, see `statistics.binomial`: a hop that shares
the loss of those behind it is taken for one that limits its answers in three of 1,000 windows.

What cannot be known: loss on the way back that all answers share looks like loss on the way there,
and a router that limits its answers by just as much as is lost behind it looks like the place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from exporter.statistics.binomial import bound_of, differ, surprise

CONFIDENCE = 0.997
"""How sure it is that a hop loses more, or less, than those behind it, where this is said."""
_TIE = 1e-9
_LEAST_SHARED = 2
"""Of fewer packets lost at the destination nothing can be said but that they were lost."""


class HopCounts(NamedTuple):
    """Probes sent to a hop and left unanswered; `heard` where it ever answered at all."""

    ttl: int
    sent: int
    lost: int
    heard: bool = True


class HopCondition(StrEnum):
    """What a hop is like, in a word."""

    CLEAR = "clear"
    LOSSY = "lossy"
    RATE_LIMITED = "rate_limited"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class PathLoss:
    """`forward` is the share of probes lost on the way to each TTL, from 0 to 1, never falling

    with distance; TTLs of which nothing can be known are missing. `conditions` has the same TTLs.
    """

    forward: Mapping[int, float] = field(default_factory=dict)
    conditions: Mapping[int, HopCondition] = field(default_factory=dict)

    @property
    def starts_at(self) -> int | None:
        """The TTL of the first hop that loss reaches; None without loss."""
        return loss_starts_at(self.forward)


def forward_loss(
    hops: Sequence[HopCounts], destination: HopCounts | None, confidence: float = CONFIDENCE
) -> Mapping[int, float]:
    """The share of probes lost on the way to each TTL; see `assess`."""
    return assess(hops, destination, confidence).forward


def loss_starts_at(forward: Mapping[int, float]) -> int | None:
    """The lowest TTL with forward loss; None where there is none."""
    return min((ttl for ttl, ratio in forward.items() if ratio > 0.0), default=None)


def hop_condition(
    hops: Sequence[HopCounts],
    destination: HopCounts | None,
    ttl: int,
    confidence: float = CONFIDENCE,
) -> HopCondition | None:
    """What the hop at this TTL is like; None where nothing can be known."""
    return assess(hops, destination, confidence).conditions.get(ttl)


def assess(
    hops: Sequence[HopCounts], destination: HopCounts | None, confidence: float = CONFIDENCE
) -> PathLoss:
    """Attribute the loss on a path; `hops` in the order of their TTLs.

    `destination` counts end to end at the TTL where it answers; hops from there on are ignored.
    Without a destination the last hop that answered bears witness to those before it, while its
    own loss is confirmed by nothing; hops behind it are missing in the result.
    """
    path = _path(hops, destination)
    if not any(hop.lost for hop in path):
        return _clear(tuple([hop.ttl for hop in path]))
    bound = bound_of(confidence)
    shares, costs = _explain(path, bound)
    start = _start(path, shares, costs, bound)
    levels = _levels(path, start, shares)
    if destination is None and levels:
        levels[-1] = levels[-2] if len(levels) > 1 else 0.0
    limited = _limited(path, start, shares, bound)
    return PathLoss(
        {hop.ttl: level for hop, level in zip(path, levels, strict=True)},
        {
            hop.ttl: _condition(hop, level, limits)
            for hop, level, limits in zip(path, levels, limited, strict=True)
        },
    )


@lru_cache(maxsize=256)
def _clear(ttls: tuple[int, ...]) -> PathLoss:
    """Where nothing is lost; one record serves all paths of the same TTLs."""
    return PathLoss(dict.fromkeys(ttls, 0.0), dict.fromkeys(ttls, HopCondition.CLEAR))


def _path(hops: Sequence[HopCounts], destination: HopCounts | None) -> list[HopCounts]:
    """What was probed, from the nearest hop to the last that can bear witness."""
    if destination is not None:
        near = [hop for hop in hops if hop.sent and hop.ttl < destination.ttl]
        return [*near, destination] if destination.sent else []
    path = [hop for hop in hops if hop.sent]
    while path and path[-1].lost >= path[-1].sent:
        path.pop()
    return path


def _explain(path: Sequence[HopCounts], bound: float) -> tuple[list[bool], list[float]]:
    """Who shares the loss of the hops behind it, and what it costs to explain each hop and all

    behind it as sharing. Costs are negative logarithms of likelihoods; a cause of its own, a hop
    that limits its answers or a link that loses more, costs the bound in addition.
    """
    shares, costs = [True] * len(path), [0.0] * len(path)
    sent, lost = path[-1].sent, path[-1].lost
    settled, pool = 0.0, surprise(sent, lost)
    costs[-1] = pool
    for number in range(len(path) - 2, -1, -1):
        hop = path[number]
        alone = surprise(hop.sent, hop.lost)
        joined = surprise(sent + hop.sent, lost + hop.lost)
        if not hop.heard:
            shares[number] = False
        elif joined - pool - alone <= bound:
            sent, lost, pool = sent + hop.sent, lost + hop.lost, joined
        elif hop.lost * sent > lost * hop.sent:
            shares[number] = False
            settled += bound + alone
        else:
            settled += bound + pool
            sent, lost, pool = hop.sent, hop.lost, alone
        costs[number] = settled + pool
    return shares, costs


def _start(
    path: Sequence[HopCounts], shares: Sequence[bool], costs: Sequence[float], bound: float
) -> int:
    """The index of the hop where loss starts; that behind the last where nothing is lost."""
    witness = path[-1]
    if witness.lost < _LEAST_SHARED:
        return len(path) - 1 if witness.lost else len(path)
    start, least = len(path) - 1, costs[-1]
    clear, sent, lost = 0, witness.sent, witness.lost
    next_lost = True
    for number in range(len(path) - 2, -1, -1):
        hop = path[number]
        # What it would cost more to let loss start behind this hop.
        if hop.lost and hop.heard:
            least += bound + surprise(hop.sent, hop.lost)
        if not shares[number]:
            continue
        if hop.lost:
            sent, lost, clear = sent + clear + hop.sent, lost + hop.lost, 0
            if next_lost and costs[number] < least - _TIE:
                start, least = number, costs[number]
        else:
            clear += hop.sent
            if differ(clear, 0, sent, lost, bound):
                break
        next_lost = hop.lost > 0
    return start


def _levels(path: Sequence[HopCounts], start: int, shares: Sequence[bool]) -> list[float]:
    """The most likely loss at each hop that never falls with distance; 0 before the start.

    A hop that shares nothing shows the least that those around it allow.
    """
    blocks: list[tuple[int, int, int]] = []
    for number in range(start, len(path)):
        sent, lost, hops = 0, 0, 1
        if shares[number]:
            sent, lost = path[number].sent, path[number].lost
        while blocks and blocks[-1][1] * sent >= lost * blocks[-1][0]:
            former = blocks.pop()
            sent, lost, hops = sent + former[0], lost + former[1], hops + former[2]
        blocks.append((sent, lost, hops))
    most = path[-1].lost / path[-1].sent
    levels = [0.0] * start
    for sent, lost, hops in blocks:
        levels += [min(lost / sent, most)] * hops
    return levels


def _limited(
    path: Sequence[HopCounts], start: int, shares: Sequence[bool], bound: float
) -> list[bool]:
    """Which hops lose more than those behind them, beyond chance.

    Hops before the start of loss are held against those between them and the start.
    """
    limited = [not share for share in shares]
    sent = lost = 0
    for number in range(min(start, len(path)) - 1, -1, -1):
        hop = path[number]
        if limited[number]:
            continue
        more = hop.lost * sent > lost * hop.sent
        limited[number] = more and differ(hop.sent, hop.lost, sent, lost, bound)
        if not limited[number]:
            sent, lost = sent + hop.sent, lost + hop.lost
    return limited


def _condition(hop: HopCounts, level: float, limits: bool) -> HopCondition:
    if hop.lost >= hop.sent and (level < 1.0 or not hop.heard):
        return HopCondition.SILENT
    if limits:
        return HopCondition.RATE_LIMITED
    return HopCondition.LOSSY if level > 0.0 else HopCondition.CLEAR
