"""Runs the bare loop of `bare.py` in a lab, as the same user as the daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.daemon import BenchmarkError
from benchmarks.fleet import Fleet
from benchmarks.process import hurry
from tests.lab.lab import Lab

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Bare:
    """What the loop did: counts, seconds of processor time, and each answer's delay in seconds."""

    probes: int
    answers: int
    total: float
    user: float
    late: list[float]


@dataclass(frozen=True, slots=True)
class Way:
    """`flood` sends without a pause, `stamps` decodes receive stamps, `first` hurries the loop."""

    flood: bool = False
    stamps: bool = False
    first: bool = False


def bare(lab: Lab, fleet: Fleet, seconds: float, way: Way) -> Bare:
    """Send what the daemon sends, in bursts as it does. Raises `BenchmarkError` where it fails."""
    description = {
        "bursts": fleet.bursts(),
        "protocol": fleet.protocol,
        "interval": 0 if way.flood else fleet.interval,
        "seconds": seconds,
        "stamps": way.stamps,
    }
    path = lab.shared / "bare.json"
    path.write_text(json.dumps(description))
    process = lab.popen(
        [sys.executable, "-m", "benchmarks.bare", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if way.first:
        hurry(process.pid)
    output, errors = process.communicate(timeout=seconds + fleet.interval + _START_SECONDS)
    if process.returncode != 0:
        raise BenchmarkError(f"the bare loop failed: {errors[-500:]}")
    found = Bare(**json.loads(output))
    if not found.answers:
        raise BenchmarkError("the bare loop got no answer")
    return found
