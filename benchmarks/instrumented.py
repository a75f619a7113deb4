"""Runs the daemon and notes what it does between SIGUSR1 and SIGUSR2.

    python -m benchmarks.instrumented late|calls|running FILE -- DAEMON-FLAGS...

`late` notes every figure that goes into the histogram `ftr_response_processing_seconds`; `calls`
profiles every call (cProfile, which makes calls look dearer than they are); `running` looks at each
tick of the kernel's timer, while the process uses its processor, which functions are running.
`FILE` is JSON and appears when the second signal has come.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from typing import Protocol as Interface
from unittest.mock import patch

from exporter.cli import main as daemon
from exporter.metrics.own import OwnMetrics

_SAMPLE_SECONDS = 0.001
_PACKAGE = Path(__file__).parent.parent


class Instrument(Interface):
    """What is noted."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> Any:
        """End; gives what was noted, fit for JSON."""
        ...


class Late:
    """Seconds from the kernel's receive stamp to the recorded hop, each one."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._note: Callable[[float], None] | None = None

    def recorded(self, own: OwnMetrics, seconds: float) -> None:
        """Stands in front of the method that fills the histogram."""
        if self._note is not None:
            self._note(seconds)
        _RECORDED(own, seconds)

    def start(self) -> None:
        """See `Instrument`."""
        self._note = self._seconds.append

    def stop(self) -> list[float]:
        """See `Instrument`."""
        self._note = None
        return self._seconds


class Calls:
    """Calls, own seconds and seconds with all that was called, by function."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile()

    def start(self) -> None:
        """See `Instrument`."""
        self._profile.enable()

    def stop(self) -> list[dict[str, Any]]:
        """See `Instrument`."""
        self._profile.disable()
        stats: Any = pstats.Stats(self._profile)
        return [
            {"function": _name(path, name), "calls": calls, "own": own, "all": everything}
            for (path, _, name), (_, calls, own, everything, _) in stats.stats.items()
        ]


class Running:
    """How often each function was found running: itself, and anywhere on the stack."""

    def __init__(self) -> None:
        self._own: Counter[CodeType] = Counter()
        self._all: Counter[CodeType] = Counter()

    def _look(self, number: int, frame: FrameType | None) -> None:
        codes = []
        while frame is not None:
            codes.append(frame.f_code)
            frame = frame.f_back
        self._own[codes[0]] += 1
        self._all.update(set(codes))

    def start(self) -> None:
        """See `Instrument`."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _SAMPLE_SECONDS, _SAMPLE_SECONDS)

    def stop(self) -> list[dict[str, Any]]:
        """See `Instrument`."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return [
            {
                "function": _name(code.co_filename, code.co_qualname),
                "own": self._own[code],
                "all": n,
            }
            for code, n in self._all.items()
        ]


_RECORDED = OwnMetrics.response_recorded


def _name(path: str, name: str) -> str:
    file = Path(path)
    if file.is_relative_to(_PACKAGE / "exporter"):
        return f"{file.relative_to(_PACKAGE)}:{name}"
    return name if path in ("~", "") else f"{file.parent.name}/{file.name}:{name}"


def _listen(instrument: Instrument, path: Path) -> None:
    def write(number: int, frame: FrameType | None) -> None:
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(instrument.stop()))
        os.replace(unfinished, path)

    signal.signal(signal.SIGUSR1, lambda number, frame: instrument.start())
    signal.signal(signal.SIGUSR2, write)


def main() -> int:
    """Read the arguments and run the daemon to its end."""
    kind, path, _, *flags = sys.argv[1:]
    late = Late()
    instruments: dict[str, Callable[[], Instrument]] = {
        "late": lambda: late,
        "calls": Calls,
        "running": Running,
    }
    instrument = instruments[kind]()
    _listen(instrument, Path(path))
    if kind != "late":
        return daemon(flags)
    with patch.object(OwnMetrics, "response_recorded", lambda own, s: late.recorded(own, s)):
        return daemon(flags)


if __name__ == "__main__":
    sys.exit(main())
