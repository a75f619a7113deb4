"""What a probe costs: processor time of the whole daemon, and of a loop of bare system calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.daemon import Daemon
from benchmarks.figures import Column, Row, Table, ratios
from benchmarks.fleet import Fleet
from benchmarks.fleetrun import FLOOD_SECONDS, bare_loops, fleet_lab, pinned
from benchmarks.floor import Bare
from benchmarks.process import CpuTime, resident_bytes
from benchmarks.scraper import Scraper
from benchmarks.size import Size
from benchmarks.steady import watch
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
        with fleet_lab(fleet) as lab:
            runs = [_run(lab, fleet, size.window) for _ in range(size.runs)]
        yield _table(fleet, runs)


def _run(lab: Lab, fleet: Fleet, seconds: float) -> tuple[Cost, ...]:
    """The daemon, and while it is scraped; the bare loop that sends as it does, and the one that

    never pauses. All of them on one core, the simulator on the other.
    """
    with pinned(lab, fleet) as daemon:
        daemon.wait_until_traced(fleet)
        cost = _window(lab, daemon, seconds)
        with Scraper(daemon, fleet.interval):
            scraped = _window(lab, daemon, seconds)
    paced, flood = bare_loops(lab, fleet, seconds)
    return cost, scraped, _cost(paced, seconds), _cost(flood, min(seconds, FLOOD_SECONDS))


def _window(lab: Lab, daemon: Daemon, seconds: float) -> Cost:
    seen = watch(lab, daemon, seconds)
    wrong = (
        daemon.total("ftr_hop_probes_lost_total"),
        daemon.total("ftr_traces_skipped_total"),
    )
    resident = resident_bytes(daemon.process.pid)
    return Cost(seen.cpu, seen.probes, seen.seconds, resident, *wrong)


def _cost(found: Bare, seconds: float) -> Cost:
    return Cost(CpuTime(found.total, found.user), found.probes, seconds)


def _table(fleet: Fleet, runs: list[tuple[Cost, ...]]) -> Table:
    alone, scraped, paced, flood = (list(costs) for costs in zip(*runs, strict=True))
    floors = {
        "÷ bare, paced": [each.per_probe for each in paced],
        "÷ bare, flood": [each.per_probe for each in flood],
    }
    return Table(
        f"CPU per probe, {fleet.protocol.upper()}, {fleet.rate} probes/s",
        _COLUMNS,
        (
            Row("daemon, not scraped", _whole(alone, floors)),
            Row("daemon, each cycle scraped once", _whole(scraped, floors)),
            Row("bare sendmsg + recvmsg, same bursts", _figures(paced)),
            Row("bare sendmsg + recvmsg, no pause", _figures(flood)),
        ),
        (
            f"{fleet.targets} targets, one round every {fleet.interval:g} s; scraped by gzip",
            "daemon and bare loops on one core, the compiled simulator on the other",
            "lost: probes since the start that the daemon calls lost; the simulator answers all",
        ),
    )


def _whole(daemons: list[Cost], floors: Mapping[str, list[float]]) -> dict[str, list[float]]:
    return {
        **_figures(daemons),
        **{
            name: ratios([each.per_probe for each in daemons], values)
            for name, values in floors.items()
        },
        "resident": [each.resident / _MEGA for each in daemons],
        "lost": [each.lost for each in daemons],
        "skipped": [each.skipped for each in daemons],
    }


def _figures(costs: list[Cost]) -> dict[str, list[float]]:
    return {
        "CPU / probe": [each.per_probe * _MICRO for each in costs],
        "of it user": [each.cpu.user / each.probes * _MICRO for each in costs],
        "probes/s": [each.probes / each.seconds for each in costs],
        "of one core": [each.cpu.total / each.seconds * 100 for each in costs],
    }
