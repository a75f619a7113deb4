"""A measured target on a simulated network, with names that a test can change."""

from __future__ import annotations

import asyncio

from exporter.errors import ResolveError
from exporter.model import NOTHING_KNOWN, Family, FamilyChoice, HostInfo, Response
from exporter.monitoring.services import Services
from exporter.monitoring.target import TargetMonitor
from exporter.monitoring.view import Key, View
from exporter.probe import run
from exporter.settings import Module, Target
from exporter.trace.pacer import Pacer
from exporter.trace.tracer import ResponseCounts
from exporter.watch.mtuwatch import MtuChange
from exporter.watch.verdict import Verdict
from tests.virtual import Routing, SimulatedNetwork

HOST = "www.example.net"
V4, OTHER_V4, V6 = "192.0.2.1", "192.0.2.2", "2001:db8::1"


class Forgetful(run.Forgetful):
    """In place of a history: what is known lives as long as the monitor."""

    errors = 0

    async def close(self) -> None:
        """Nothing is open."""


class Stage:
    """Everything that a `TargetMonitor` is given, and what it published.

    `names` is the DNS; a family that is missing does not resolve.
    """

    def __init__(self, routing: Routing) -> None:
        self.network = SimulatedNetwork(routing)
        self.names: dict[Family, tuple[str, ...]] = {Family.IPV4: (V4,)}
        self.infos: dict[str, HostInfo] = {}
        self.asked: list[str] = []
        self.recorded: list[float] = []
        self.heard: list[Response] = []
        self.views: list[View] = []
        self.verdicts: list[Verdict] = []
        self.mtu_changes: list[MtuChange] = []
        self.withdrawn: list[Key] = []
        self.counts = ResponseCounts()
        self.services = Services(
            resolve=self._resolve,
            open_socket=self.network.open,
            pacer=Pacer(10_000),
            counts=self.counts,
            info=self._info,
            recorded=self.recorded.append,
            heard=lambda target, family, response: self.heard.append(response),
            publish=self.views.append,
            withdraw=self.withdrawn.append,
            changed=lambda target, family, verdict: self.verdicts.append(verdict),
            mtu_changed=lambda view, change: self.mtu_changes.append(change),
            keeper=Forgetful(),
        )

    def monitor(
        self, family: FamilyChoice = FamilyChoice.AUTO, *, probes: int = 1
    ) -> TargetMonitor:
        """A monitor of the one host."""
        module = Module(family=family, probes=probes, interval=10.0)
        return TargetMonitor(Target("example", HOST, module), self.services)

    @property
    def destinations(self) -> list[str]:
        """Where the sockets that are open now lead."""
        return [socket.destination for socket in self.network.sockets]

    async def _resolve(self, host: str, family: Family) -> tuple[str, ...]:
        await asyncio.sleep(0.01)
        if family not in self.names:
            raise ResolveError(f"{host} has no {family} address")
        return self.names[family]

    def _info(self, address: str) -> HostInfo:
        self.asked.append(address)
        return self.infos.get(address, NOTHING_KNOWN)


def shown(view: View) -> list[str | None]:
    """First responder of each hop of the latest trace."""
    assert view.trace is not None
    return [hop.addresses[0] if hop.addresses else None for hop in view.trace.hops]


def failed_with(view: View) -> tuple[tuple[str, int], ...]:
    """The local errors of the latest trace."""
    assert view.trace is not None
    return view.trace.errors
