"""Runs one fleet of any size against the compiled simulator: daemon and bare loops on one core."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.daemon import BenchmarkError, Daemon, started
from benchmarks.fleet import Fleet
from benchmarks.floor import Bare, Way, bare
from benchmarks.process import hurry, only_on, peak_resident_bytes, resident_bytes, two_cores
from benchmarks.rtterror import METRIC, rtt_errors
from benchmarks.scraper import Scraper
from benchmarks.simulator import compiled, each_record
from benchmarks.size import Large
from benchmarks.steady import Window, watch
from tests.lab.lab import Lab

_PACED_SECONDS = 30.0
FLOOD_SECONDS = 3.0
_SETTLED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Floor:
    """Seconds of processor time that a probe costs in the bare loops."""

    paced: float
    flood: float


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about one fleet; seconds, bytes, counts.

    `ready` and `measured` count from the start of the process: until it says that it is ready, and
    until each target has been traced once. `ahead` is scraped as well, and runs before all other
    processes, where that is permitted. `scrape` is the longest one. `unanswered` counts probes
    that the network left without an answer, `called_lost` those of which the daemon says so.
    """

    ready: float
    measured: float
    quiet: Window
    scraped: Window
    ahead: Window | None
    scrape: float
    scrape_size: int
    resident: int
    peak: int
    skipped: float
    called_lost: float
    unanswered: int
    rtt_errors: list[float]
    floor: Floor


@contextmanager
def fleet_lab(fleet: Fleet) -> Iterator[Lab]:
    """A lab with the compiled simulator, on a core of its own and ahead of all others there."""
    with Lab(fleet.world(), simulator=compiled(two_cores()[0])) as lab:
        hurry(lab.simulator.pid)
        yield lab
        if lab.ping()["dropped"]:
            raise BenchmarkError("the simulator did not keep up")


@contextmanager
def pinned(lab: Lab, fleet: Fleet) -> Iterator[Daemon]:
    """The daemon, just started, on a core of its own; what looks at it stays on the other one."""
    near, far = two_cores()
    with only_on(near), started(lab, fleet) as daemon:
        os.sched_setaffinity(daemon.process.pid, {far})
        yield daemon


def bare_loops(lab: Lab, fleet: Fleet, seconds: float) -> tuple[Bare, Bare]:
    """On the daemon's core: with its bursts, and for `FLOOD_SECONDS` without a pause."""
    with only_on(two_cores()[1]):
        paced = bare(lab, fleet, seconds, Way())
        flood = bare(lab, fleet, min(seconds, FLOOD_SECONDS), Way(flood=True))
    return paced, flood


def floor(lab: Lab, fleet: Fleet, seconds: float) -> Floor:
    """What both loops cost."""
    paced, flood = bare_loops(lab, fleet, min(seconds, _PACED_SECONDS))
    return Floor(paced.total / paced.probes, flood.total / flood.probes)


def run_fleet(fleet: Fleet, large: Large) -> Found:
    """Start the daemon, wait until it is steady, watch it without and with scrapes."""
    with fleet_lab(fleet) as lab:
        begin = time.monotonic()
        with pinned(lab, fleet) as daemon:
            daemon.wait_until_ready()
            ready = time.monotonic() - begin
            daemon.wait_until_traced(fleet, 1)
            measured = time.monotonic() - begin
            daemon.wait_until_traced(fleet, 2)
            quiet = watch(lab, daemon, large.window)
            with Scraper(daemon, large.scrape_interval) as scraper:
                scraped = watch(lab, daemon, large.window)
                permitted = hurry(daemon.process.pid)
                ahead = watch(lab, daemon, large.window) if permitted else None
            pid = daemon.process.pid
            resident, peak = resident_bytes(pid), peak_resident_bytes(pid)
            errors = _rtt_errors(lab, daemon, fleet)
            skipped = daemon.total("ftr_traces_skipped_total")
            called_lost = daemon.total("ftr_hop_probes_lost_total")
        return Found(
            ready=ready,
            measured=measured,
            quiet=quiet,
            scraped=scraped,
            ahead=ahead,
            scrape=max(scraper.seconds),
            scrape_size=max(scraper.sizes),
            resident=resident,
            peak=peak,
            skipped=skipped,
            called_lost=called_lost,
            unanswered=sum(not record.answered for record in each_record(lab)),
            rtt_errors=errors,
            floor=floor(lab, fleet, large.window),
        )


def _rtt_errors(lab: Lab, daemon: Daemon, fleet: Fleet) -> list[float]:
    settled = time.time() - min(_SETTLED_SECONDS, fleet.interval / 2)
    lines = daemon.lines(METRIC)
    errors = rtt_errors(lines, each_record(lab), int(settled * 1e9))
    if not errors:
        raise BenchmarkError("no target rested long enough to compare its RTTs")
    return errors
