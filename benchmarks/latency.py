"""How long an answer waits: from the kernel's receive stamp to the moment its hop is recorded."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

from benchmarks.daemon import Daemon, running
from benchmarks.figures import Column, Row, Table, histogram_quantile, quantile, ratios
from benchmarks.fleet import Fleet
from benchmarks.floor import bare
from benchmarks.size import Size
from tests.lab.lab import Lab

_METRIC = "ftr_response_processing_seconds"
_MICRO = 1e6
_COLUMNS = (
    Column("p50", "µs"),
    Column("p99", "µs"),
    Column("p50 ÷ bare", digits=1),
    Column("p99 ÷ bare", digits=1),
    Column("answers"),
)


def latency(size: Size) -> Iterator[Table]:
    """One table for each rate."""
    for rate in size.rates:
        fleet = Fleet(rate, size.interval)
        with Lab(fleet.world()) as lab:
            runs = [_run(lab, fleet, size.window) for _ in range(size.runs)]
        yield _table(fleet, runs)


def _run(lab: Lab, fleet: Fleet, seconds: float) -> dict[str, tuple[float, float, int]]:
    """By what was measured: p50 and p99 in seconds, and how many answers."""
    floor = bare(lab, fleet, seconds, stamps=True).late
    path = lab.shared / "late.json"
    path.unlink(missing_ok=True)
    with running(lab, fleet, "late", str(path)) as daemon:
        before = daemon.histogram(_METRIC)
        daemon.process.send_signal(signal.SIGUSR1)
        time.sleep(seconds)
        daemon.process.send_signal(signal.SIGUSR2)
        buckets = _since(before, daemon)
        daemon.wait_for_file(path)
    late = json.loads(path.read_text())
    return {
        "bare": (quantile(floor, 0.5), quantile(floor, 0.99), len(floor)),
        "exact": (quantile(late, 0.5), quantile(late, 0.99), len(late)),
        "histogram": (
            histogram_quantile(buckets, 0.5),
            histogram_quantile(buckets, 0.99),
            int(max(buckets.values())),
        ),
    }


def _since(before: dict[float, float], daemon: Daemon) -> dict[float, float]:
    after = daemon.histogram(_METRIC)
    return {bound: count - before[bound] for bound, count in after.items()}


def _table(fleet: Fleet, runs: list[dict[str, tuple[float, float, int]]]) -> Table:
    names = {
        "bare": "bare epoll loop, stamp decoded",
        "exact": "daemon, every answer",
        "histogram": f"daemon, by its own `{_METRIC}`",
    }
    rows = []
    for key, what in names.items():
        halves, tails, counts = zip(*(run[key] for run in runs), strict=True)
        figures = {
            "p50": [each * _MICRO for each in halves],
            "p99": [each * _MICRO for each in tails],
            "answers": list(counts),
        }
        if key != "bare":
            figures["p50 ÷ bare"] = ratios(halves, [run["bare"][0] for run in runs])
            figures["p99 ÷ bare"] = ratios(tails, [run["bare"][1] for run in runs])
        rows.append(Row(what, figures))
    return Table(
        f"Answer to recorded hop at {fleet.rate} probes/s",
        _COLUMNS,
        tuple(rows),
        (f"{fleet.targets} targets, ICMP, one round every {fleet.interval:g} s, no scrape",),
    )
