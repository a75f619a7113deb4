"""What fleets of up to ten thousand targets cost, and whether the daemon keeps up with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.figures import Column, Row, Table, quantile
from benchmarks.fleet import Fleet
from benchmarks.fleetrun import Found, run_fleet
from benchmarks.size import Large, Size

_MICRO, _MILLI, _KILO, _MEGA = 1e6, 1e3, 1e3, 1e6

Figure = Callable[[Found], float | None]

_STARTING: dict[Column, Figure] = {
    Column("ready after", "s", 2): lambda run: run.ready,
    Column("all measured after", "s", 1): lambda run: run.measured,
    Column("resident", "MB"): lambda run: run.resident / _MEGA,
    Column("at most", "MB"): lambda run: run.peak / _MEGA,
    Column("skipped"): lambda run: run.skipped,
    Column("called lost"): lambda run: run.called_lost,
    Column("falsely"): lambda run: max(0.0, run.called_lost - run.unanswered),
}
_GROWTH = Column("more / target", "kB", 1)
_WORKING: dict[Column, Figure] = {
    Column("probes/s"): lambda run: run.quiet.probes / run.quiet.seconds,
    Column("CPU / probe", "µs", 1): lambda run: run.quiet.per_probe * _MICRO,
    Column("of it user", "µs", 1): lambda run: run.quiet.cpu.user / run.quiet.probes * _MICRO,
    Column("÷ bare, paced", digits=2): lambda run: run.quiet.per_probe / run.floor.paced,
    Column("÷ bare, flood", digits=2): lambda run: run.quiet.per_probe / run.floor.flood,
    Column("of one core", "%", 1): lambda run: run.quiet.cpu.total / run.quiet.seconds * 100,
    Column("scraped: of one core", "%", 1): (
        lambda run: run.scraped.cpu.total / run.scraped.seconds * 100
    ),
    Column("waited for a core", "%", 1): lambda run: run.quiet.starved / run.quiet.seconds * 100,
}
_TELLING: dict[Column, Figure] = {
    Column("answer to hop, p50", "µs"): lambda run: run.quiet.half * _MICRO,
    Column("p99", "µs"): lambda run: run.quiet.tail * _MICRO,
    Column("scraped: p50", "µs"): lambda run: run.scraped.half * _MICRO,
    Column("scraped: p99", "µs"): lambda run: run.scraped.tail * _MICRO,
    Column("ahead of others: p50", "µs"): lambda run: (
        run.ahead.half * _MICRO if run.ahead else None
    ),
    Column("ahead of others: p99", "µs"): lambda run: (
        run.ahead.tail * _MICRO if run.ahead else None
    ),
    Column("scrape", "ms"): lambda run: run.scrape * _MILLI,
    Column("body, gzip", "MB", 2): lambda run: run.scrape_size / _MEGA,
    Column("RTT error, p50", "µs", 1): lambda run: quantile(run.rtt_errors, 0.5) * _MICRO,
    Column("RTT error, p99", "µs", 1): lambda run: quantile(run.rtt_errors, 0.99) * _MICRO,
    Column("RTTs compared"): lambda run: float(len(run.rtt_errors)),
}

Runs = Mapping[Fleet, list[Found]]


def scale(size: Size) -> Iterator[Table]:
    """Three tables, one row for each number of targets."""
    large = size.large
    found: dict[Fleet, list[Found]] = {
        Fleet.of(targets, large.interval): [] for targets in large.fleets
    }
    for _ in range(size.runs):
        for fleet, runs in found.items():
            runs.append(run_fleet(fleet, large))
    yield _starting(found, large)
    yield _table("Fleets at work", _WORKING, found, _conditions(large))
    yield _table("What fleets are told, and how soon", _TELLING, found, _soon(large))


def _conditions(large: Large) -> str:
    return (
        f"targets traced once in {large.interval:g} s, one probe a hop, 8 to 20 routers; watched"
        f" for {large.window:g} s after two traces of each; daemon and bare loops on the same core"
    )


def _soon(large: Large) -> str:
    return (
        f"scraped: all metrics every {large.scrape_interval:g} s, by gzip; the longest scrape;"
        " ahead of others: scraped, and scheduled as SCHED_RR, so that what else runs here does not"
        " count; RTT error: the daemon's less the simulator's, each hop's latest"
    )


def _starting(found: Runs, large: Large) -> Table:
    """With what a target adds: memory beyond that of the smallest fleet, by its further targets."""
    table = _table("Fleets from their start", _STARTING, found, _conditions(large))
    smallest = min(found, key=lambda fleet: fleet.targets)
    rows = []
    for fleet, row in zip(found, table.rows, strict=True):
        further = fleet.targets - smallest.targets
        more = [
            (run.resident - least.resident) / further / _KILO
            for run, least in zip(found[fleet], found[smallest], strict=True)
            if further
        ]
        rows.append(Row(row.what, {**row.figures, _GROWTH.name: more}))
    notes = (
        *table.notes,
        "falsely: probes that the daemon calls lost beyond those that the simulator did not answer",
        f"more / target: memory beyond that of {smallest.targets} targets, by each further target",
    )
    return Table(table.title, (*table.columns, _GROWTH), tuple(rows), notes)


def _table(title: str, columns: dict[Column, Figure], found: Runs, note: str) -> Table:
    rows = tuple(
        Row(
            f"{fleet.targets:,} targets",
            {
                column.name: [value for run in runs if (value := figure(run)) is not None]
                for column, figure in columns.items()
            },
        )
        for fleet, runs in found.items()
    )
    return Table(title, tuple(columns), rows, (note,))
