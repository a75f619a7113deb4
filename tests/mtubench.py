"""A prober of the path MTU on a simulated network, for tests in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from exporter.errors import ProbeError, TooBig
from exporter.model import Family, Kind, Probe, Protocol
from exporter.sockets.base import SocketRequest
from exporter.trace.flowset import Wiring
from exporter.trace.mtu import PathMtu
from exporter.trace.mtuprobe import MtuProber
from exporter.trace.pacer import Pacer
from exporter.trace.tracer import ResponseCounts
from tests.simulated import Answer
from tests.virtual import Routing, SimulatedNetwork

DESTINATION = "192.0.2.1"
ROUTER = "198.51.100.1"
LINK = PathMtu(1500, local=True)
REQUEST = SocketRequest(DESTINATION, Family.IPV4, Protocol.ICMP)


def link_of(mtu: int) -> Callable[[str, Probe], ProbeError | None]:
    """This host's own link."""
    return lambda _, probe: TooBig("too big", mtu) if (probe.size or 0) > mtu else None


def passing(mtu: int, rtt: float = 0.01) -> Routing:
    """Everything up to this size reaches the destination; larger packets vanish."""

    def answer(destination: str, probe: Probe) -> Answer | None:
        return Answer(rtt, destination, Kind.ECHO_REPLY) if (probe.size or 0) <= mtu else None

    return answer


class Bench:
    """A prober on a simulated network."""

    def __init__(
        self,
        routing: Routing,
        request: SocketRequest = REQUEST,
        rate: float = 10_000.0,
        **options: Any,
    ) -> None:
        self.network = SimulatedNetwork(routing)
        self.network.failing = link_of(1500)
        self.counts = ResponseCounts()
        self.pacer = Pacer(rate)
        wiring = Wiring(self.network.open, self.pacer, self.counts, lambda response: None)
        self.prober = MtuProber("lab", request, wiring, **options)
        self.loop = asyncio.get_running_loop()

    async def measure(self, rtt: float | None = 0.01, ttl: int = 3) -> tuple[PathMtu | None, float]:
        """One cycle, and the seconds that it took; all sockets are closed afterwards."""
        started = self.loop.time()
        found = await self.prober.measure(ttl, rtt)
        assert self.network.sockets == []
        return found, self.loop.time() - started

    def sizes(self) -> list[int | None]:
        """What left since the last call."""
        sizes = [sending.probe.size for sending in self.network.sends]
        self.network.sends.clear()
        return sizes
