"""Watches a daemon in its steady state."""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.daemon import BenchmarkError, Daemon
from benchmarks.figures import histogram_quantile
from benchmarks.process import CpuTime, cpu_time, waited
from tests.lab.lab import Lab

_PROCESSING = "ftr_response_processing_seconds"


@dataclass(frozen=True, slots=True)
class Window:
    """What was seen in so many `seconds`.

    `half` and `tail` are the median and the 99th percentile, in seconds, of what answers waited
    until their hop was recorded; `starved` are seconds without a core.
    """

    cpu: CpuTime
    seconds: float
    probes: int
    half: float
    tail: float
    starved: float

    @property
    def per_probe(self) -> float:
        """Seconds of processor time, user and system."""
        return self.cpu.total / self.probes


def watch(lab: Lab, daemon: Daemon, seconds: float) -> Window:
    """Watch it. Raises `BenchmarkError` where it sends nothing meanwhile."""
    pid = daemon.process.pid
    buckets = daemon.histogram(_PROCESSING)
    probes, starved = lab.ping()["probes"], waited(pid)
    before, begin = cpu_time(pid), time.monotonic()
    time.sleep(seconds)
    used, elapsed = cpu_time(pid).since(before), time.monotonic() - begin
    probes, starved = lab.ping()["probes"] - probes, waited(pid) - starved
    if not probes:
        raise BenchmarkError("the daemon sent nothing")
    after = daemon.histogram(_PROCESSING)
    counts = {bound: after[bound] - count for bound, count in buckets.items()}
    half, tail = (histogram_quantile(counts, share) for share in (0.5, 0.99))
    return Window(used, elapsed, probes, half, tail, starved)
