"""Says what the figures were taken on, without naming the machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> str:
    """One line: processor, cores that this process may use, kernel, interpreter."""
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()} "
        f"{platform.release().partition('-')[0]}, {platform.python_implementation()} "
        f"{platform.python_version()}"
    )


def load_average() -> str:
    """How busy the machine was lately: runnable processes over 1, 5 and 15 minutes."""
    return " ".join(f"{each:.1f}" for each in os.getloadavg())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
