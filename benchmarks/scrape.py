"""What a scrape takes, joined and served, and how long it keeps the event loop from its work."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from benchmarks.figures import Column, Row, Table
from benchmarks.scraped import Source
from benchmarks.size import Size
from exporter.server import make_app, start_server

_BEAT_SECONDS = 0.001
_ROOT = Path(__file__).parent.parent
_MILLI = 1e3
_MEGA = 1e6
_COLUMNS = (
    Column("time", "ms", 1),
    Column("÷ library", digits=3),
    Column("body", "MB", 2),
    Column("longest block of the loop", "ms", 1),
)


@dataclass(frozen=True, slots=True)
class Served:
    """One scrape over HTTP: seconds, bytes, and the longest time the loop was late, in seconds."""

    seconds: float
    size: int
    block: float


def scrape(size: Size) -> Iterator[Table]:
    """One table for each number of samples."""
    for samples in size.samples:
        source = Source(samples)
        library = [_rendered_by_library(source) for _ in range(size.runs)]
        joined = [_joined(source) for _ in range(size.runs * size.scrapes)]
        body = len(b"".join(source.metrics_chunks(None, None, False)))
        plain, gzip, idle = asyncio.run(_serve(source, size.runs * size.scrapes))
        rows = (
            Row("rendered by the client library", _figures(library, library)),
            Row(
                "joined in process",
                {**_figures(joined, library), "body": [body / _MEGA]},
            ),
            Row("over HTTP", _served(plain, library)),
            Row("over HTTP, gzip", _served(gzip, library)),
            Row("no scrape", {"longest block of the loop": [each * _MILLI for each in idle]}),
        )
        note = f"{source.targets_made} targets of {source.samples() // source.targets_made} samples"
        yield Table(f"A scrape of {source.samples():,} samples", _COLUMNS, rows, (note,))


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """The same families each time."""
        return self._families


def _rendered_by_library(source: Source) -> float:
    text = b"".join(source.metrics_chunks(None, None, False)).decode()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(text_string_to_metric_families(text)))
    started = time.perf_counter()
    generate_latest(registry)
    return time.perf_counter() - started


def _joined(source: Source) -> float:
    started = time.perf_counter()
    b"".join(source.metrics_chunks(None, None, False))
    return time.perf_counter() - started


async def _serve(source: Source, times: int) -> tuple[list[Served], list[Served], list[float]]:
    """Scrapes without and with gzip, and how late the loop was without any."""
    server = await start_server(make_app(source), ["127.0.0.1:0"])
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.client"),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        address = server.addresses[0]
        await _served_once(client, address, gzip=False)
        plain, gzip, idle = [], [], []
        for _ in range(times):
            plain.append(await _served_once(client, address, gzip=False))
            gzip.append(await _served_once(client, address, gzip=True))
            with_beat = _Heartbeat()
            await asyncio.sleep(gzip[-1].seconds)
            idle.append(with_beat.stop())
        return plain, gzip, idle
    finally:
        assert client.stdin is not None
        client.stdin.close()
        await client.wait()
        await server.stop(1.0)


async def _served_once(client: asyncio.subprocess.Process, address: str, *, gzip: bool) -> Served:
    assert client.stdin is not None
    assert client.stdout is not None
    beat = _Heartbeat()
    client.stdin.write(json.dumps({"address": address, "gzip": gzip}).encode() + b"\n")
    answer = json.loads(await client.stdout.readline())
    return Served(answer["seconds"], answer["bytes"], beat.stop())


class _Heartbeat:
    """Wants to run every millisecond, and notes the longest delay."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._longest = 0.0
        self._next()

    def _next(self) -> None:
        self._due = self._loop.time() + _BEAT_SECONDS
        self._handle = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        self._longest = max(self._longest, self._loop.time() - self._due)
        self._next()

    def stop(self) -> float:
        """End it; gives the longest delay in seconds, that of the beat now due included."""
        self._handle.cancel()
        return max(self._longest, self._loop.time() - self._due)


def _figures(seconds: list[float], library: list[float]) -> dict[str, list[float]]:
    base = sorted(library)[len(library) // 2]
    return {
        "time": [each * _MILLI for each in seconds],
        "÷ library": [each / base for each in seconds],
    }


def _served(found: list[Served], library: list[float]) -> dict[str, list[float]]:
    return {
        **_figures([each.seconds for each in found], library),
        "body": [each.size / _MEGA for each in found],
        "longest block of the loop": [each.block * _MILLI for each in found],
    }
