"""Scrapes a daemon at an interval, as Prometheus does, while something else is measured."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from benchmarks.daemon import Daemon


class Scraper:
    """A thread that scrapes: a context manager. `seconds` and `sizes` (bytes, gzip) of each."""

    def __init__(self, daemon: Daemon, interval: float) -> None:
        self.seconds: list[float] = []
        self.sizes: list[int] = []
        self._daemon = daemon
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper")

    def __enter__(self) -> Scraper:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            started = time.perf_counter()
            _, body = self._daemon.get("/metrics", **{"Accept-Encoding": "gzip"})
            self.seconds.append(time.perf_counter() - started)
            self.sizes.append(len(body))
            due += self._interval
