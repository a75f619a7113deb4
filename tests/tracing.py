"""A tracer on a simulated network, for tests in virtual time."""

from __future__ import annotations

import asyncio

from exporter.errors import ErrorReason
from exporter.model import Family, Response
from exporter.sockets.base import ProbeSocket, SocketRequest
from exporter.trace.pacer import Pacer
from exporter.trace.plan import Plan
from exporter.trace.strategy import TraceState
from exporter.trace.tracer import ResponseCounts, Tracer
from tests.virtual import Routing, SimulatedNetwork

DESTINATION = "192.0.2.1"
ONCE = Plan(rounds=1)


class Bench:
    """A tracer with all that it needs, and what came of it."""

    def __init__(self, routing: Routing, rate: float = 10_000.0) -> None:
        self.network = SimulatedNetwork(routing)
        self.counts = ResponseCounts()
        self.heard: list[tuple[float, Response]] = []
        self.pacer = Pacer(rate)
        self.tracer = Tracer(self.pacer, self.counts, self._hear)
        self.socket: ProbeSocket = self.network.open(
            SocketRequest(DESTINATION, Family.IPV4), self.tracer
        )

    def _hear(self, response: Response) -> None:
        self.heard.append((asyncio.get_running_loop().time(), response))

    async def trace(self, plan: Plan = ONCE) -> TraceState:
        """One trace over the one socket."""
        return await self.tracer.trace(self.socket, plan)

    @property
    def errors(self) -> dict[ErrorReason, int]:
        """What failed locally in the latest trace."""
        return dict(self.tracer.errors.counts)


def books(state: TraceState) -> list[tuple[int, int, int]]:
    """(TTL, sent, lost) of each hop."""
    return [(hop.ttl, hop.sent, hop.lost) for hop in state.hops()]
