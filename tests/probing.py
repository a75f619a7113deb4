"""Tools for tests that send real probes: a listener that records, and traces of a path."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

import pytest

from exporter.errors import ProbeError
from exporter.model import Family, Probe, Protocol, Response
from exporter.sockets import readiness
from exporter.sockets.base import Listener, ProbeSocket, SocketRequest
from exporter.sockets.factory import open_candidate, open_probe_socket
from exporter.sockets.table import CANDIDATES, Candidate
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.strategy import TraceState
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.foreign_ways import FOREIGN_WAYS
from tests.lab.lab import Lab

Result = TypeVar("Result")

WEB = {Family.IPV4: "192.0.2.1", Family.IPV6: "2001:db8:300::1"}
MAIL = {Family.IPV4: "192.0.2.2", Family.IPV6: "2001:db8:300::2"}
DARK = {Family.IPV4: "192.0.2.3", Family.IPV6: "2001:db8:300::3"}


@dataclass(frozen=True, slots=True)
class Backend:
    """One row of the table in one family."""

    candidate: Candidate
    family: Family

    @property
    def protocol(self) -> Protocol:
        """What it speaks."""
        return self.candidate.protocol

    def request(self, destination: str, **options: Any) -> SocketRequest:
        """A request that fits it; `options` are other fields of the request."""
        return SocketRequest(destination, self.family, self.protocol, **options)

    def open(self, request: SocketRequest, listener: Listener) -> ProbeSocket:
        """Open this backend, whatever the factory would prefer. Raises `SocketUnavailable`."""
        return open_candidate(self.candidate, request, listener)

    @property
    def foreign(self) -> bool:
        """Whether it plays the ways of another platform."""
        return self.candidate in FOREIGN_WAYS

    def quoted_enough(self, lab: Lab) -> None:
        """Let the router that quotes 8 bytes quote more, where they tell this backend no TTL."""
        if self.protocol is Protocol.QUIC:
            lab.set_hop("edge", quote="full")

    def honours(self, option: str) -> bool:
        """Whether it can do what the configuration calls by this name."""
        return not self.candidate.obstacles(frozenset({option}))


BACKENDS = [
    Backend(candidate, family)
    for candidate, family in product((*CANDIDATES, *FOREIGN_WAYS), Family)
    if candidate.serves(candidate.protocol, family, sys.platform)
]


def backends_where(condition: Callable[[Backend], bool]) -> pytest.MarkDecorator:
    """Run a test with every backend of which this holds."""
    return pytest.mark.parametrize(
        "backend",
        [
            pytest.param(backend, id=f"{backend.candidate.backend}-{backend.family}")
            for backend in BACKENDS
            if condition(backend)
        ],
    )


def backends_that_honour(*options: str) -> pytest.MarkDecorator:
    """Run a test with every backend that can do all this."""
    return backends_where(lambda backend: all(backend.honours(option) for option in options))


each_backend = backends_that_honour()
each_connecting = backends_where(lambda backend: backend.protocol is Protocol.TCP)
each_connectionless = backends_where(lambda backend: backend.protocol is not Protocol.TCP)


def preferred(protocol: Protocol, family: Family) -> Backend:
    """The backend that stands first in the table."""
    return next(
        backend for backend in BACKENDS if (backend.protocol, backend.family) == (protocol, family)
    )


ROUTERS = {
    Family.IPV4: ("198.51.100.1", "203.0.113.1", "192.0.2.254"),
    Family.IPV6: ("2001:db8:100::1", "2001:db8:200::1", "2001:db8:300::254"),
}


class Recorder:
    """A `Listener` that keeps everything and lets a test wait for it."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.failures: list[tuple[Probe, ProbeError]] = []
        self.strangers = 0
        self._changed = asyncio.Event()

    def responded(self, response: Response) -> None:
        """See `Listener`."""
        self.responses.append(response)
        self._changed.set()

    def failed(self, probe: Probe, error: ProbeError) -> None:
        """See `Listener`."""
        self.failures.append((probe, error))
        self._changed.set()

    def unmatched(self) -> None:
        """See `Listener`."""
        self.strangers += 1
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a state of this recorder; fails after 10 seconds."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_responses(self, count: int) -> list[Response]:
        """Wait for so many responses; gives them ordered by TTL and round."""
        await self.until(lambda: len(self.responses) >= count)
        return sorted(self.responses, key=lambda response: response.probe)


def run(test: Coroutine[Any, Any, Result]) -> Result:
    """Run an asynchronous test; every task and descriptor of it ends with it."""
    return readiness.run(test)


async def trace(
    address: str,
    family: Family,
    protocol: Protocol,
    plan: Plan | None = None,
    *,
    counts: ResponseCounts | None = None,
    cycles: int = 1,
) -> TraceState:
    """Trace `address` so many times over one socket; gives the last state."""
    tracer = Tracer(Pacer(10_000), counts or ResponseCounts(), lambda response: None)
    socket = open_probe_socket(SocketRequest(address, family, protocol), tracer)
    try:
        for _ in range(cycles):
            state = await tracer.trace(socket, plan or Plan())
        return state
    finally:
        socket.close()
