"""Runs other programs, so many at once, and counts what all of them and their children took.

    python -m benchmarks.launch COMMANDS.json

`COMMANDS.json` holds `commands` (each a list of words), how many run at `once`, and `seconds`
until all must have ended. Prints JSON: `cpu` and `user` (seconds of processor time), `seconds` on
the wall, `resident` (the most bytes of all of them together, as seen ten times a second), `failed`
(how many ended with another status than 0).

A program that leaves a child behind, as mtr does with mtr-packet, has it waited for here.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.process import resident_bytes

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_SECONDS = 0.1


def launch(commands: list[list[str]], once: int, seconds: float) -> dict[str, Any]:
    """Run them all. Raises `TimeoutError` where they take longer than `seconds`."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begin, resident, failed = time.monotonic(), 0, 0
    waiting, running, left = commands[::-1], set[int](), True
    while waiting or left:
        while waiting and len(running) < once:
            running.add(_start(waiting.pop()))
        time.sleep(_LOOK_SECONDS)
        resident = max(resident, sum(map(_resident, _descendants(os.getpid()))))
        ended, left = _ended()
        failed += sum(pid in running and status != 0 for pid, status in ended)
        running.difference_update(pid for pid, _ in ended)
        if time.monotonic() - begin > seconds:
            for pid in _descendants(os.getpid()):
                os.kill(pid, signal.SIGKILL)
            raise TimeoutError(f"{len(running)} of {commands[0][0]} still run")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "user": used.ru_utime,
        "seconds": time.monotonic() - begin,
        "resident": resident,
        "failed": failed,
    }


def _start(command: list[str]) -> int:
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
    # It is waited for together with those that were left behind.
    process.returncode = 0
    return process.pid


def _ended() -> tuple[list[tuple[int, int]], bool]:
    """Number and status of what has ended, and whether anything is left."""
    found = []
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append(ended)
    except ChildProcessError:
        return found, False
    return found, True


def _descendants(ancestor: int) -> list[int]:
    children = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            children[int(parent)].append(int(stat.parent.name))
    found = [ancestor]
    for pid in found:
        found += children[pid]
    return found[1:]


def _resident(pid: int) -> int:
    try:
        return resident_bytes(pid)
    except OSError:
        return 0


def main() -> None:
    """Read the description, run, print."""
    json.dump(launch(**json.loads(Path(sys.argv[1]).read_text())), sys.stdout)


if __name__ == "__main__":
    main()
