"""A wall clock that is set while a program runs, as it reads it and in the kernel's stamps."""

from __future__ import annotations

import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_name("stepped_clock.c")
_COUNT, _STEP = struct.Struct("=q"), struct.Struct("=qq")
_MOST = 1000


class SteppedClock:
    """The clock of programs that run with `environment`; their files are in `directory`.

    Compiles what has to be preloaded. Raises `subprocess.CalledProcessError`.
    """

    def __init__(self, directory: Path) -> None:
        library = directory / "stepped_clock.so"
        flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
        subprocess.run(["cc", *flags, "-o", str(library), str(SOURCE), "-ldl"], check=True)
        self._path = directory / "clock_steps"
        self._path.write_bytes(bytes(_COUNT.size + _STEP.size * _MOST))
        self._steps: list[tuple[float, float]] = []
        self.environment = {"LD_PRELOAD": str(library), "FTR_CLOCK_STEPS": str(self._path)}

    def set(self, offset: float, at: float | None = None) -> None:
        """Be `offset` seconds off the truth, from now on or from `at`, a time of the true clock."""
        self._steps.append((time.time() if at is None else at, offset))
        assert len(self._steps) <= _MOST
        assert sorted(self._steps) == self._steps
        packed = _STEP.pack(*(int(seconds * 1e9) for seconds in self._steps[-1]))
        with self._path.open("r+b") as file:
            file.seek(_COUNT.size + _STEP.size * (len(self._steps) - 1))
            file.write(packed)
            file.flush()
            file.seek(0)
            file.write(_COUNT.pack(len(self._steps)))
