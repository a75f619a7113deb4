"""Simulated paths with known loss: what was sent and lost, and what is true of each hop."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from math import comb

from exporter.statistics.loss import HopCounts


@dataclass(frozen=True)
class LossyPath:
    """`links` is the loss on the link to each TTL; `limits` the share of probes that a hop leaves

    unanswered of its own; hops in `one_a_second` answer the first probe of every three.
    """

    length: int
    links: Mapping[int, float] = field(default_factory=dict)
    limits: Mapping[int, float] = field(default_factory=dict)
    one_a_second: tuple[int, ...] = ()

    def truth(self, ttl: int) -> float:
        """The share of probes that do not arrive at a hop."""
        arrives = 1.0
        for near in range(1, ttl + 1):
            arrives *= 1.0 - self.links.get(near, 0.0)
        return 1.0 - arrives

    def counts(self, rng: random.Random, sent: int) -> tuple[list[HopCounts], HopCounts]:
        """What one window of cycles shows: the hops, and the destination."""
        counts = [
            HopCounts(ttl, sent, sent - self._answers(rng, ttl, sent))
            for ttl in range(1, self.length + 1)
        ]
        return counts[:-1], counts[-1]

    def runs(
        self, sent: int, runs: int, seed: int = 1
    ) -> Iterator[tuple[list[HopCounts], HopCounts]]:
        """So many windows, always the same ones."""
        rng = random.Random(seed)
        for _ in range(runs):
            yield self.counts(rng, sent)

    def _answers(self, rng: random.Random, ttl: int, sent: int) -> int:
        arrives = 1.0 - self.truth(ttl)
        if ttl in self.one_a_second:
            return _draw(rng, sent // 3, 1.0 - (1.0 - arrives) ** 3)
        return _draw(rng, sent, arrives * (1.0 - self.limits.get(ttl, 0.0)))


def _draw(rng: random.Random, tries: int, ratio: float) -> int:
    """A sample of the binomial distribution."""
    return bisect_right(_cumulative(tries, ratio), rng.random())


@lru_cache
def _cumulative(tries: int, ratio: float) -> tuple[float, ...]:
    """The chance of no more than so many successes, for all but the last number of them."""
    chances = (
        comb(tries, hits) * ratio**hits * (1.0 - ratio) ** (tries - hits) for hits in range(tries)
    )
    return tuple(accumulate(chances))


@lru_cache
def interval(sent: int, ratio: float, confidence: float = 0.99) -> tuple[float, float]:
    """The ratios between which a sample of this truth lies with the given confidence."""
    tail = (1.0 - confidence) / 2
    cumulative = _cumulative(sent, ratio)
    return bisect_right(cumulative, tail) / sent, bisect_left(cumulative, 1.0 - tail) / sent
