"""How much a benchmark does: enough for figures, or just enough to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Large:
    """How much for fleets as large as they come: numbers of targets, and durations in seconds.

    Each target is traced once in `interval`; two windows of `window` are measured, the second while
    all is scraped once in `scrape_interval`. Of peers, those that take a process for each target
    trace `sample` of a fleet of `peers`. A fleet of `few`, traced once in `short`, is watched for
    `long`.
    """

    fleets: tuple[int, ...]
    interval: float
    window: float
    scrape_interval: float
    peers: int
    sample: int
    few: int
    short: float
    long: float


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
    large: Large


FULL = Size(
    5,
    (100, 1000),
    5.0,
    10.0,
    True,
    (10_000, 100_000),
    5,
    Large((100, 1000, 2000, 3000, 10_000), 60.0, 60.0, 15.0, 1000, 60, 60, 1.0, 1800.0),
)
SMALLEST = Size(
    1, (100,), 0.25, 0.5, False, (1_000,), 1, Large((10, 20), 0.5, 1.0, 0.25, 20, 3, 10, 0.25, 3.0)
)
