"""Pure: a histogram of durations that only ever grows."""

from __future__ import annotations

from bisect import bisect_left
from math import inf


class Histogram:
    """Observations in seconds by upper bound; `counts` has one more entry, for all above."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation; a bucket holds its own upper bound, as Prometheus wants it."""
        seconds = never_back(seconds)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def over(self, bounds: tuple[float, ...]) -> Histogram:
        """The same observations by other bounds.

        Exact for bounds that were there before; an observation whose bucket is gone moves to the
        next higher one, so that no count of a bucket that stays, and no sum, ever falls.
        """
        if bounds == self.bounds:
            return self
        moved = Histogram(bounds)
        moved.sum = self.sum
        for bound, count in zip((*self.bounds, inf), self.counts, strict=True):
            moved.counts[bisect_left(bounds, bound)] += count
        return moved


def never_back(seconds: float) -> float:
    """A sum must not fall, though a clock that is set back can make a duration negative."""
    return seconds if seconds > 0.0 else 0.0
