"""Processor time of other processes, and their place in the queue for it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_SCHEDULED = 2


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Seconds of processor time used by all threads, also those that ended.

    `total` is exact; `user` is the kernel's estimate in clock ticks.
    """

    total: float
    user: float

    def since(self, before: CpuTime) -> CpuTime:
        """What was used in between."""
        return CpuTime(self.total - before.total, self.user - before.user)


def cpu_time(pid: int) -> CpuTime:
    """Processor time of a process so far. Raises `OSError` where it is gone.

    The clock's number is that of clock_getcpuclockid(3), which Python lacks.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user = int(fields[11]) / os.sysconf("SC_CLK_TCK")
    return CpuTime(time.clock_gettime(~pid << 3 | _SCHEDULED), user)


def waited(pid: int) -> float:
    """Seconds that a process's main thread was ready to run and had no processor, so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def hurry(pid: int) -> bool:
    """Let a process run as soon as it is ready, before all others; whether that is permitted."""
    try:
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        return False
    return True


def resident_bytes(pid: int) -> int:
    """Memory that a process has resident now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
