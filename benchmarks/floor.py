"""Runs the bare loop of `bare.py` in a lab, as the same user as the daemon."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from benchmarks.daemon import BenchmarkError
from benchmarks.fleet import Fleet
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


def bare(
    lab: Lab, fleet: Fleet, seconds: float, *, flood: bool = False, stamps: bool = False
) -> Bare:
    """Send what the daemon sends, in bursts as it does, or without a pause.

    Raises `BenchmarkError` where it fails.
    """
    description = {
        "bursts": fleet.bursts(),
        "protocol": fleet.protocol,
        "interval": 0 if flood else fleet.interval,
        "seconds": seconds,
        "stamps": stamps,
    }
    path = lab.shared / "bare.json"
    path.write_text(json.dumps(description))
    timeout = seconds + fleet.interval + _START_SECONDS
    done = lab.run([sys.executable, "-m", "benchmarks.bare", str(path)], timeout=timeout)
    if done.returncode != 0:
        raise BenchmarkError(f"the bare loop failed: {done.stderr[-500:]}")
    found = Bare(**json.loads(done.stdout))
    if not found.answers:
        raise BenchmarkError("the bare loop got no answer")
    return found
