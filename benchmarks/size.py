"""How much a benchmark does: enough for figures, or just enough to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """`runs` repeats everything. Durations in seconds, `rates` in probes per second.

    `interval` is that of every target of a fleet, `window` how long a fleet is measured.
    `slow_peers` takes in commands that wait for seconds. `samples` are sizes of a scrape,
    `scrapes` how often each is taken in a run.
    """

    runs: int
    rates: tuple[int, ...]
    interval: float
    window: float
    slow_peers: bool
    samples: tuple[int, ...]
    scrapes: int


FULL = Size(5, (100, 1000), 5.0, 10.0, True, (10_000, 100_000), 5)
SMALLEST = Size(1, (100,), 0.25, 0.5, False, (1_000,), 1)
