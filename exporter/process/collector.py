"""When Python's garbage collector looks through memory: seldom, since next to nothing needs it.

All that the cycles of targets make is freed by reference counts, and so is what scrapes leave. The
collector is for rings of references, and those that arise again and again are of refused requests
and of closed TLS connections, some kilobytes each. With ten thousand targets a look through all
that lives stops the event loop for more than a second, and Python's own rule would look all the
time, since what lives is always new.
"""

from __future__ import annotations

import asyncio
import gc
import mmap
import time
from pathlib import Path

import structlog

_STATM = Path("/proc/self/statm")

log = structlog.get_logger("collector")

_RINGS = 20_000
"""So many make a look worth it: 30 MB."""
_SOME_RINGS, _MUCH_BYTES = 100, 64 << 20
"""Fewer do where memory has grown by so much; without, that is looked into when it is free."""
_LEAST_SECONDS = 3600.0
_SHARE = 20_000
"""A look is free after so many times the seconds that the last one took."""
_LOOK_SECONDS = 10.0


class Collector:
    """Takes the collector's place: call `spare`, then let `run` go on for as long as the program.

    `rings` is to be counted up with each connection or request that leaves one behind.
    """

    def __init__(self) -> None:
        self.rings = 0
        self._looked_at = time.monotonic()
        self._took = 0.0
        self._resident = _resident_bytes()

    def spare(self) -> None:
        """Python looks no more; what lives by now is never looked through again."""
        gc.collect()
        gc.freeze()
        gc.disable()

    async def run(self) -> None:
        """Look whenever it is time, until cancelled; then Python's own rule holds again."""
        try:
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                grown = _resident_bytes() - self._resident
                if is_due(self.rings, grown, time.monotonic() - self._looked_at, self._took):
                    self.look()
        finally:
            gc.enable()

    def look(self) -> None:
        """Look through all that lives, and free the rings among it."""
        begun = self._looked_at = time.monotonic()
        found = gc.collect()
        self._took = time.monotonic() - begun
        log.info("collector.looked", rings=self.rings, found=found, seconds=round(self._took, 3))
        self.rings = 0
        self._resident = _resident_bytes()


def is_due(rings: int, grown: int, elapsed: float, took: float) -> bool:
    """Whether to look again, `elapsed` seconds after a look that took `took`.

    `grown` is by how many bytes memory has grown since.
    """
    if rings >= _RINGS:
        return True
    is_free = elapsed >= max(_LEAST_SECONDS, took * _SHARE)
    return grown >= _MUCH_BYTES and (is_free or rings >= _SOME_RINGS)


def _resident_bytes() -> int:
    """Of this process; 0 where there is no proc(5)."""
    try:
        return int(_STATM.read_text().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0


COLLECTOR = Collector()
"""Python has one; so has this program."""
