"""Whether a cycle costs the same however long the daemon has run: a minute early, one late."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Column, Row, Table, ratios
from benchmarks.fleet import Fleet
from benchmarks.fleetrun import fleet_lab, pinned
from benchmarks.process import resident_bytes
from benchmarks.size import Large, Size
from benchmarks.steady import Window, watch

_MICRO, _MEGA = 1e6, 1e6
_PARTS = ("first", "middle", "last")
_COLUMNS = (
    Column("cycles of each target before it", digits=0),
    Column("CPU / probe", "µs", 1),
    Column("÷ first", digits=3),
    Column("resident", "MB", 1),
    Column("waited for a core", "%", 1),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One window: after so many seconds, and the bytes that were resident at its end."""

    after: float
    window: Window
    resident: int


def longrun(size: Size) -> Iterator[Table]:
    """One table: the first, the middle and the last window of a long run."""
    large = size.large
    fleet = Fleet.of(large.few, large.short)
    runs = [_run(fleet, large) for _ in range(size.runs)]
    first = [run[0].window.per_probe for run in runs]
    rows = tuple(
        Row(f"{name} {large.window:g} s", _figures([run[number] for run in runs], first, fleet))
        for number, name in enumerate(_PARTS)
    )
    note = (
        f"{fleet.targets} targets, each traced once in {fleet.interval:g} s for {large.long:g} s,"
        " one probe a hop"
    )
    yield Table("A long run", _COLUMNS, rows, (note,))


def _run(fleet: Fleet, large: Large) -> list[Part]:
    with fleet_lab(fleet) as lab, pinned(lab, fleet) as daemon:
        begin = time.monotonic()
        daemon.wait_until_traced(fleet)
        parts = []
        for start in (0.0, (large.long - large.window) / 2, large.long - large.window):
            time.sleep(max(0.0, begin + start - time.monotonic()))
            after = time.monotonic() - begin
            window = watch(lab, daemon, large.window)
            parts.append(Part(after, window, resident_bytes(daemon.process.pid)))
    return parts


def _figures(parts: list[Part], first: list[float], fleet: Fleet) -> dict[str, list[float]]:
    costs = [part.window.per_probe for part in parts]
    return {
        "cycles of each target before it": [part.after / fleet.interval for part in parts],
        "CPU / probe": [each * _MICRO for each in costs],
        "÷ first": ratios(costs, first),
        "resident": [part.resident / _MEGA for part in parts],
        "waited for a core": [part.window.starved / part.window.seconds * 100 for part in parts],
    }
