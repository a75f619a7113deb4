"""What a probe costs: processor time of the whole daemon, and of a loop of bare system calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.daemon import BenchmarkError, running
from benchmarks.figures import Column, Row, Table, ratios
from benchmarks.fleet import Fleet
from benchmarks.floor import Bare, Way, bare
from benchmarks.process import CpuTime, cpu_time, resident_bytes
from benchmarks.size import Size
from tests.lab.lab import Lab

_MICRO = 1e6
_MEGA = 1e6
_COLUMNS = (
    Column("CPU / probe", "µs", 1),
    Column("of it user", "µs", 1),
    Column("÷ bare, paced", digits=2),
    Column("÷ bare, flood", digits=2),
    Column("probes/s"),
    Column("of one core", "%", 1),
    Column("resident", "MB"),
    Column("lost"),
    Column("skipped"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of processor time for so many probes within so many seconds; resident bytes.

    `lost` counts probes that the daemon calls lost though the world loses none, `skipped` cycles.
    """

    cpu: CpuTime
    probes: int
    seconds: float
    resident: int = 0
    lost: float = 0.0
    skipped: float = 0.0

    @property
    def per_probe(self) -> float:
        """Seconds of processor time, user and system."""
        return self.cpu.total / self.probes


def cpu(size: Size) -> Iterator[Table]:
    """One table for each rate and protocol; UDP at the highest rate only."""
    fleets = [Fleet(rate, size.interval) for rate in size.rates]
    for fleet in (*fleets, Fleet(size.rates[-1], size.interval, "udp")):
        with Lab(fleet.world()) as lab:
            runs = [_run(lab, fleet, size.window) for _ in range(size.runs)]
        yield _table(fleet, runs)


def _run(lab: Lab, fleet: Fleet, seconds: float) -> tuple[Cost, Cost, Cost]:
    """The daemon, the bare loop that sends as it does, and the one that never pauses."""
    with running(lab, fleet) as daemon:
        pid = daemon.process.pid
        probes, before, started = lab.ping()["probes"], cpu_time(pid), time.monotonic()
        time.sleep(seconds)
        used, elapsed = cpu_time(pid).since(before), time.monotonic() - started
        probes = lab.ping()["probes"] - probes
        wrong = (
            daemon.total("ftr_hop_probes_lost_total"),
            daemon.total("ftr_traces_skipped_total"),
        )
        cost = Cost(used, probes, elapsed, resident_bytes(pid), *wrong)
    if not cost.probes:
        raise BenchmarkError("the daemon sent nothing")
    paced = bare(lab, fleet, seconds, Way())
    flood = bare(lab, fleet, min(seconds, 3.0), Way(flood=True))
    return cost, _cost(paced, seconds), _cost(flood, min(seconds, 3.0))


def _cost(found: Bare, seconds: float) -> Cost:
    return Cost(CpuTime(found.total, found.user), found.probes, seconds)


def _table(fleet: Fleet, runs: list[tuple[Cost, Cost, Cost]]) -> Table:
    daemons, paced, flood = ([run[number] for run in runs] for number in range(3))
    floors = {
        "÷ bare, paced": [each.per_probe for each in paced],
        "÷ bare, flood": [each.per_probe for each in flood],
    }
    whole = {
        **_figures(daemons),
        **{
            name: ratios([each.per_probe for each in daemons], values)
            for name, values in floors.items()
        },
        "resident": [each.resident / _MEGA for each in daemons],
        "lost": [each.lost for each in daemons],
        "skipped": [each.skipped for each in daemons],
    }
    return Table(
        f"CPU per probe, {fleet.protocol.upper()}, {fleet.rate} probes/s",
        _COLUMNS,
        (
            Row("daemon, all included", whole),
            Row("bare sendmsg + recvmsg, same bursts", _figures(paced)),
            Row("bare sendmsg + recvmsg, no pause", _figures(flood)),
        ),
        (
            f"{fleet.targets} targets, one round every {fleet.interval:g} s, no scrape",
            "lost: probes since the start that the daemon calls lost; the simulator answers all",
        ),
    )


def _figures(costs: list[Cost]) -> dict[str, list[float]]:
    return {
        "CPU / probe": [each.per_probe * _MICRO for each in costs],
        "of it user": [each.cpu.user / each.probes * _MICRO for each in costs],
        "probes/s": [each.probes / each.seconds for each in costs],
        "of one core": [each.cpu.total / each.seconds * 100 for each in costs],
    }
