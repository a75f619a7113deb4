"""Where the daemon's processor time goes: by function, from samples and from counted calls."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.daemon import running
from benchmarks.figures import Column, Row, Table
from benchmarks.fleet import Fleet
from benchmarks.process import cpu_time
from benchmarks.size import Size
from tests.lab.lab import Lab

_SHOWN = 40
_MICRO = 1e6
_SAMPLED = (
    Column("own", "%", 1),
    Column("with all it calls", "%", 1),
    Column("own / probe", "µs", 2),
    Column("all / probe", "µs", 2),
)
_COUNTED = (
    Column("calls / probe", digits=2),
    Column("own / probe, profiled", "µs", 2),
    Column("all / probe, profiled", "µs", 2),
)


@dataclass(frozen=True, slots=True)
class Noted:
    """What an instrument wrote, and the probes and seconds of processor time meanwhile."""

    functions: list[dict[str, Any]]
    probes: int
    cpu: float


def hotpath(size: Size) -> Iterator[Table]:
    """Two tables at the highest rate: samples of what runs, and calls."""
    fleet = Fleet(size.rates[-1], size.interval)
    with Lab(fleet.world()) as lab:
        sampled = _note(lab, fleet, "running", size.window * 3)
        calls = _note(lab, fleet, "calls", size.window)
    note = f"{fleet.targets} targets, ICMP, {fleet.rate} probes/s"
    yield _sampled(sampled, note)
    yield _counted(calls, note)


def _note(lab: Lab, fleet: Fleet, kind: str, seconds: float) -> Noted:
    path = lab.shared / f"{kind}.json"
    with running(lab, fleet, kind, str(path)) as daemon:
        pid = daemon.process.pid
        probes, before = lab.ping()["probes"], cpu_time(pid)
        daemon.process.send_signal(signal.SIGUSR1)
        time.sleep(seconds)
        used, sent = cpu_time(pid).since(before), lab.ping()["probes"] - probes
        daemon.process.send_signal(signal.SIGUSR2)
        daemon.wait_for_file(path)
    return Noted(json.loads(path.read_text()), sent, used.total)


def _sampled(noted: Noted, note: str) -> Table:
    total = sum(each["own"] for each in noted.functions) or 1
    per_probe = noted.cpu / noted.probes * _MICRO
    found = sorted(noted.functions, key=lambda each: (-each["own"], -each["all"]))[:_SHOWN]
    rows = [
        Row(
            f"`{each['function']}`",
            {
                "own": [each["own"] / total * 100],
                "with all it calls": [each["all"] / total * 100],
                "own / probe": [each["own"] / total * per_probe],
                "all / probe": [each["all"] / total * per_probe],
            },
        )
        for each in found
    ]
    notes = (note, f"{total} samples, {per_probe:.0f} µs a probe; system calls count to callers")
    return Table("Functions found running", _SAMPLED, tuple(rows), notes)


def _counted(noted: Noted, note: str) -> Table:
    found = sorted(noted.functions, key=lambda each: -each["own"])[:_SHOWN]
    rows = [
        Row(
            f"`{each['function']}`",
            {
                "calls / probe": [each["calls"] / noted.probes],
                "own / probe, profiled": [each["own"] / noted.probes * _MICRO],
                "all / probe, profiled": [each["all"] / noted.probes * _MICRO],
            },
        )
        for each in found
    ]
    notes = (note, "profiling itself makes every call dearer: trust the counts, not the times")
    return Table("Functions by calls", _COUNTED, tuple(rows), notes)
