"""How long an answer waits: from the kernel's receive stamp to the moment its hop is recorded."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.daemon import Daemon, running
from benchmarks.figures import Column, Row, Table, histogram_quantile, quantile, ratios
from benchmarks.fleet import Fleet
from benchmarks.floor import Way, bare
from benchmarks.process import hurry, waited
from benchmarks.size import Size
from tests.lab.lab import Lab

_METRIC = "ftr_response_processing_seconds"
_MICRO = 1e6
_COLUMNS = (
    Column("p50", "µs"),
    Column("p99", "µs"),
    Column("p50 ÷ bare", digits=1),
    Column("p99 ÷ bare", digits=1),
    Column("waited for a core", "%", 1),
    Column("answers"),
)


@dataclass(frozen=True, slots=True)
class Delay:
    """Quantiles in seconds, of so many answers; the share of time without a core, in percent."""

    half: float
    tail: float
    answers: int
    starved: float | None = None


def latency(size: Size) -> Iterator[Table]:
    """One table for each rate, once as every process runs, and once ahead of all others."""
    for rate in size.rates:
        fleet = Fleet(rate, size.interval)
        with Lab(fleet.world()) as lab:
            for first in (False, True):
                if not first or hurry_permitted():
                    runs = [_run(lab, fleet, size.window, first) for _ in range(size.runs)]
                    yield _table(fleet, runs, first)


def hurry_permitted() -> bool:
    """Whether this user may have a process run ahead of all others; tried in a child."""
    child = os.fork()
    if child == 0:
        os._exit(0 if hurry(0) else 1)
    return os.waitpid(child, 0)[1] == 0


def _run(lab: Lab, fleet: Fleet, seconds: float, first: bool) -> tuple[Delay, Delay, Delay]:
    """The bare loop, the daemon by every answer, the daemon by its own histogram."""
    floor = bare(lab, fleet, seconds, Way(stamps=True, first=first)).late
    path = lab.shared / "late.json"
    path.unlink(missing_ok=True)
    with running(lab, fleet, "late", str(path)) as daemon:
        pid = daemon.process.pid
        if first:
            hurry(pid)
        before, starved = daemon.histogram(_METRIC), waited(pid)
        daemon.process.send_signal(signal.SIGUSR1)
        time.sleep(seconds)
        starved = (waited(pid) - starved) / seconds * 100
        daemon.process.send_signal(signal.SIGUSR2)
        buckets = _since(before, daemon)
        daemon.wait_for_file(path)
    exact = json.loads(path.read_text())
    counted = Delay(
        histogram_quantile(buckets, 0.5),
        histogram_quantile(buckets, 0.99),
        int(max(buckets.values())),
    )
    return _delay(floor), _delay(exact, starved), counted


def _delay(seconds: list[float], starved: float | None = None) -> Delay:
    return Delay(quantile(seconds, 0.5), quantile(seconds, 0.99), len(seconds), starved)


def _since(before: dict[float, float], daemon: Daemon) -> dict[float, float]:
    after = daemon.histogram(_METRIC)
    return {bound: count - before[bound] for bound, count in after.items()}


def _table(fleet: Fleet, runs: list[tuple[Delay, Delay, Delay]], first: bool) -> Table:
    floor, exact, counted = ([run[number] for run in runs] for number in range(3))
    return Table(
        f"Answer to recorded hop at {fleet.rate} probes/s"
        + (", ahead of other processes" if first else ""),
        _COLUMNS,
        (
            Row("bare epoll loop, stamp decoded", _figures(floor)),
            Row("daemon, every answer", _figures(exact) | _against(exact, floor)),
            Row(f"daemon, by its own `{_METRIC}`", _figures(counted) | _against(counted, floor)),
        ),
        (
            f"{fleet.targets} targets, ICMP, one round every {fleet.interval:g} s, no scrape",
            "scheduled as SCHED_RR, so that what else runs here does not count"
            if first
            else "scheduled as any process: what else runs here counts too",
        ),
    )


def _figures(delays: list[Delay]) -> dict[str, list[float]]:
    figures = {
        "p50": [each.half * _MICRO for each in delays],
        "p99": [each.tail * _MICRO for each in delays],
        "answers": [float(each.answers) for each in delays],
    }
    starved = [each.starved for each in delays if each.starved is not None]
    return {**figures, "waited for a core": starved}


def _against(delays: list[Delay], floor: list[Delay]) -> dict[str, list[float]]:
    return {
        "p50 ÷ bare": ratios([each.half for each in delays], [each.half for each in floor]),
        "p99 ÷ bare": ratios([each.tail for each in delays], [each.tail for each in floor]),
    }
