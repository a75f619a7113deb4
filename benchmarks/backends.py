"""Each backend alone: how long answers wait, what a probe costs, how long a trace takes."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

from benchmarks.figures import Column, Row, Table, quantile
from benchmarks.size import Size
from exporter.errors import ProbeError, SocketUnavailable
from exporter.model import Family, Probe, Response
from exporter.sockets.base import SocketRequest
from exporter.sockets.factory import open_candidate
from exporter.sockets.readiness import run
from exporter.sockets.table import CANDIDATES, Candidate
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.lab.lab import Lab

_ROUNDS_PER_SECOND = 50
_TTLS = range(1, 5)
_DESTINATION = {Family.IPV4: "192.0.2.1", Family.IPV6: "2001:db8:300::1"}
_MICRO, _MILLI = 1e6, 1e3
_TRACES = 20
_COLUMNS = (
    Column("answer waited, p50", "µs"),
    Column("p99", "µs"),
    Column("processor time / probe", "µs", 1),
    Column("one trace", "ms", 2),
    Column("answers"),
)


def backends(size: Size) -> Iterator[Table]:
    """One table: every backend that opens here, in both families."""
    rows = []
    with Lab("small") as lab:
        lab.set_hop("edge", quote="full")
        for candidate in CANDIDATES:
            for family in candidate.families:
                if candidate.serves(candidate.protocol, family, sys.platform):
                    figures = _figures(candidate, family, size)
                    rows.append(Row(f"`{candidate.backend}`, {family}", figures))
    notes = (
        "one socket, four probes a round, the next round when all are answered",
        "from the kernel's receive stamp to the listener; processor time of this process",
        "one trace: from the first probe to its end, opening included; the slowest RTT is 3.8 ms",
    )
    yield Table("Backends", _COLUMNS, tuple(rows), notes)


def _figures(candidate: Candidate, family: Family, size: Size) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {column.name: [] for column in _COLUMNS}
    for _ in range(size.runs):
        try:
            waited, cpu = run(_run(candidate, family, int(size.window * _ROUNDS_PER_SECOND)))
            seconds = run(_trace(candidate, family))
        except SocketUnavailable:
            return {}
        values = (
            quantile(waited, 0.5) * _MICRO,
            quantile(waited, 0.99) * _MICRO,
            cpu / len(waited) * _MICRO,
            seconds * _MILLI,
            float(len(waited)),
        )
        for column, value in zip(_COLUMNS, values, strict=True):
            figures[column.name].append(value)
    return figures


class _Watch:
    """A `Listener` that notes how long each answer waited, in seconds."""

    def __init__(self) -> None:
        self.waited: list[float] = []
        self.round = asyncio.Event()

    def responded(self, response: Response) -> None:
        """See `Listener`."""
        self.waited.append(time.monotonic() - response.received_at)
        if len(self.waited) % len(_TTLS) == 0:
            self.round.set()

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        raise error

    def unmatched(self) -> None:
        """See `Listener`."""


async def _run(candidate: Candidate, family: Family, rounds: int) -> tuple[list[float], float]:
    watch = _Watch()
    request = SocketRequest(_DESTINATION[family], family, candidate.protocol)
    socket = open_candidate(candidate, request, watch)
    before = time.process_time()
    async with asyncio.timeout(60 + rounds):
        for number in range(rounds):
            watch.round.clear()
            for ttl in _TTLS:
                socket.send(Probe(1, number, ttl))
            await watch.round.wait()
    cpu = time.process_time() - before
    socket.close()
    return watch.waited, cpu


async def _trace(candidate: Candidate, family: Family) -> float:
    """Seconds of one whole trace, the median of some."""
    found = []
    for _ in range(_TRACES):
        started = time.perf_counter()
        tracer = Tracer(Pacer(10_000), ResponseCounts(), lambda response: None)
        request = SocketRequest(_DESTINATION[family], family, candidate.protocol)
        socket = open_candidate(candidate, request, tracer)
        state = await tracer.trace(socket, Plan(rounds=1))
        socket.close()
        found.append(time.perf_counter() - started)
        assert len(state.hops()) == len(_TTLS)
    return quantile(found, 0.5)
