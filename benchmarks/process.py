"""Processor time of other processes, and their place in the queue for it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def peak_resident_bytes(pid: int) -> int:
    """The most memory that a process has had resident so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def two_cores() -> tuple[int, int]:
    """A core for the network and one for what is measured; the same where there is one only."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


@contextmanager
def only_on(core: int) -> Iterator[None]:
    """Let this thread, and what it starts meanwhile, run on one core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
