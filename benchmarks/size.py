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
    runs=5,
    rates=(100, 1000),
    interval=5.0,
    window=10.0,
    slow_peers=True,
    samples=(10_000, 100_000, 1_000_000),
    scrapes=5,
    large=Large(
        fleets=(100, 1000, 2000, 10_000),
        interval=60.0,
        window=30.0,
        scrape_interval=15.0,
        peers=1000,
        sample=60,
        few=60,
        short=1.0,
        long=1800.0,
    ),
)
SMALLEST = Size(
    runs=1,
    rates=(100,),
    interval=0.25,
    window=0.5,
    slow_peers=False,
    samples=(1_000,),
    scrapes=1,
    large=Large(
        fleets=(10, 20),
        interval=0.5,
        window=0.5,
        scrape_interval=0.25,
        peers=20,
        sample=3,
        few=10,
        short=0.25,
        long=2.0,
    ),
)
