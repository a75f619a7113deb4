"""Two hours of the whole daemon in virtual time, with a thousand changes of routes."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import re
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from exporter.daemon.app import Daemon, Options
from exporter.errors import ProbeError
from exporter.model import FamilyChoice, Kind, Probe
from exporter.settings import Config, EnrichmentSettings, Limits, Module, Target
from tests.clock import until
from tests.monitoring import Forgetful
from tests.simulated import Answer
from tests.virtual import (
    DAEMON_CLOCKS,
    Routing,
    SimulatedNetwork,
    chain,
    no_route,
    run_virtual,
    silence,
    use_virtual_clock,
)

TARGETS = 6
INTERVAL = 20.0
CHANGES = 1000
HOURS = 2
SETTLED = 5 * INTERVAL
SCRAPE_EVERY = 2
GROWTH_BYTES = 60_000
"""Less than an object for each of the cycles between the middle and the end; the latest changes,

of which a bounded number is kept, differ in size by a third of that.
"""
_NOT_THE_TEST_ITSELF = tracemalloc.Filter(False, __file__)
_COUNTERS = ("_total", "_count", "_sum", "_bucket")


@pytest.fixture
def events() -> Iterator[Counter[str]]:
    """How often each event was logged, kept instead of the log."""
    counts: Counter[str] = Counter()

    def count(logger: object, method: str, event: structlog.typing.EventDict) -> str:
        counts[f"{method} {event['event']}"] += 1
        raise structlog.DropEvent

    # A test before this one may have left a logger that drops what is below its level.
    structlog.reset_defaults()
    structlog.configure(processors=[count])
    yield counts
    structlog.reset_defaults()


class Weather:
    """What the routes of all destinations do at the moment; changed at random."""

    def __init__(self, destinations: list[str]) -> None:
        self._random = random.Random(4)
        self._destinations = destinations
        self._cut: set[str] = set()
        self._routes: dict[str, Routing] = {}
        self.calm()

    def calm(self) -> None:
        """Everything as at the start."""
        self._cut.clear()
        for number, destination in enumerate(self._destinations):
            self._routes[destination] = route(number, 0)

    def change(self) -> None:
        """Something happens to one destination."""
        number = self._random.randrange(len(self._destinations))
        destination = self._destinations[number]
        self._cut.discard(destination)
        kind = self._random.randrange(10)
        if kind == 9:
            self._cut.add(destination)
        else:
            self._routes[destination] = route(number, kind)

    def routing(self, destination: str, probe: Probe) -> Answer | None:
        """See `Routing`."""
        return self._routes[destination](destination, probe)

    def failing(self, destination: str, probe: Probe) -> ProbeError | None:
        """See `Failing`."""
        return no_route(destination, probe) if destination in self._cut else None


def route(number: int, kind: int) -> Routing:
    """Five ordinary routes, silent hops, a silent destination, a dead one, a forbidden one."""
    network = f"198.18.{10 * number + kind}"
    delays: list[float | None] = [0.005 * hop for hop in range(1, 4 + (number + kind) % 6)]
    if kind == 5:
        delays[1] = delays[2] = None
    elif kind == 6:
        delays += [None]
    elif kind == 7:
        return silence
    elif kind == 8:
        return forbidden
    return chain(*delays, network=network)


def forbidden(destination: str, probe: Probe) -> Answer | None:
    """The second router forbids the rest of the way."""
    kind = Kind.UNREACHABLE if probe.ttl > 1 else Kind.TIME_EXCEEDED
    return Answer(0.01, f"198.51.100.{min(probe.ttl, 2)}", kind, 13)


_PATH_ID = re.compile(r',path_id="[0-9a-f]*"')


@dataclass(frozen=True)
class State:
    """What must not grow."""

    series: frozenset[str]
    sockets: int
    tasks: int
    descriptors: int
    memory: int


class Observer:
    """Scrapes the targets' series, holds counters against the last scrape, and takes stock."""

    def __init__(self, daemon: Daemon, network: SimulatedNetwork, names: list[str]) -> None:
        self._daemon = daemon
        self._network = network
        self._names = names
        self._counters: dict[str, float] = {}

    def scrape(self) -> frozenset[str]:
        """The series now; no counter is lower than it ever was."""
        text = b"".join(self._daemon.answers.metrics_chunks(self._names, None, False)).decode()
        series = set()
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, value = line.rsplit(" ", 1)
            # Among ways known to alternate, which one is on show is a matter of their order.
            if not name.startswith("ftr_path_last_change"):
                series.add(_PATH_ID.sub("", name))
            if name.partition("{")[0].endswith(_COUNTERS):
                assert float(value) >= self._counters.get(name, 0.0), name
                self._counters[name] = float(value)
        return frozenset(series)

    def state(self) -> State:
        """Everything now; memory without what this test itself keeps.

        What is on show changes with a scrape: after one, all of it is of the calm.
        """
        series = self.scrape()
        gc.collect()
        memory = tracemalloc.take_snapshot().filter_traces([_NOT_THE_TEST_ITSELF])
        return State(
            series,
            len(self._network.sockets),
            len(asyncio.all_tasks()),
            len(os.listdir("/proc/self/fd")),
            sum(trace.size for trace in memory.traces),
        )


async def endure(daemon: Daemon, network: SimulatedNetwork, names: list[str]) -> list[State]:
    """Two hours of weather; the states after a calm at the start, in the middle and at the end."""
    observer, states = Observer(daemon, network, names), []
    await until(daemon.answers.is_ready)
    weather = Weather([f"192.0.2.{number}" for number in range(1, TARGETS + 1)])
    network.routing, network.failing = weather.routing, weather.failing
    for period in range(3):
        weather.calm()
        await asyncio.sleep(SETTLED)
        states.append(observer.state())
        if period < 2:
            for number in range(CHANGES // 2):
                weather.change()
                await asyncio.sleep(HOURS * 3600 / CHANGES)
                if number % SCRAPE_EVERY == 0:
                    observer.scrape()
    return states


def test_two_hours_of_changing_routes_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, events: Counter[str]
) -> None:
    """Memory, sockets, tasks, descriptors and series are where they were when the same routes are

    back, no counter ever went backwards, and the log at level info told changes only.
    """
    use_virtual_clock(monkeypatch, *DAEMON_CLOCKS)
    network = SimulatedNetwork(silence, recording=False)
    monkeypatch.setattr("exporter.daemon.app.open_probe_socket", network.open)
    # What is kept of the latest cycles is bounded; let the bound be reached before the middle.
    monkeypatch.setattr("exporter.statistics.recent.CYCLES", 48)
    monkeypatch.setattr("exporter.statistics.recent._SPANS", 2)
    # Its thread works in real time: in virtual time ever more would wait for it.
    monkeypatch.setattr("exporter.daemon.app._open_history", lambda path: Forgetful())
    module = Module(family=FamilyChoice.IPV4, interval=INTERVAL, probes=2)
    targets = tuple(
        Target(f"target-{number}", f"192.0.2.{number}", module) for number in range(1, TARGETS + 1)
    )
    config = Config(
        targets, enrichment=EnrichmentSettings(rdns=False, asn_source="none"), limits=Limits(2000.0)
    )

    async def test() -> list[State]:
        stop, daemon = asyncio.Event(), Daemon(config)
        running = asyncio.create_task(daemon.run(Options(("127.0.0.1:0",)), stop))
        states = await endure(daemon, network, [target.name for target in targets])
        stop.set()
        await running
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert network.sockets == []
        return states

    tracemalloc.start()
    try:
        early, middle, late = run_virtual(test())
    finally:
        tracemalloc.stop()
    assert early.series == middle.series == late.series
    assert len(early.series) > 50 * TARGETS
    assert early.sockets == middle.sockets == late.sockets == TARGETS
    assert early.tasks == middle.tasks == late.tasks
    assert early.descriptors == middle.descriptors == late.descriptors
    assert late.memory - middle.memory < GROWTH_BYTES
    assert events["debug trace.done"] > 0.95 * TARGETS * HOURS * 3600 / INTERVAL
    assert events["info target.state"] < 2 * CHANGES
    assert not [event for event in events if event.startswith(("error", "warning"))]
