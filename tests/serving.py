"""A small imaginary world in finished traces, and the real server in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from exporter.model import (
    ExtensionObject,
    Family,
    Hop,
    HostInfo,
    Kind,
    Probe,
    Protocol,
    Response,
    StopReason,
    Trace,
)
from exporter.monitoring.view import View
from exporter.reading.path import follow
from exporter.server import TargetState, make_app, start_server
from exporter.server.events import Hub
from exporter.settings import Target
from exporter.statistics.tally import Tally

STARTED = 1_769_860_800.0  # 2026-01-31T12:00:00Z
LABEL_24017 = ExtensionObject(1, 1, (24017 << 12 | 1 << 8 | 1).to_bytes(4, "big"))

INFOS = {
    "198.51.100.1": HostInfo("gw.example.net", 64500, "EXAMPLE", "198.51.100.0/24", "DE"),
    "192.0.2.1": HostInfo("www.example.net", 64501, "TARGET", "192.0.2.0/24", "NL"),
}


def response(
    ttl: int,
    address: str,
    rtt: float = 0.0005,
    *,
    round_: int = 0,
    kind: Kind = Kind.TIME_EXCEEDED,
    code: int | None = None,
    mpls: bool = False,
) -> Response:
    """One answer; an echo reply is the destination's."""
    return Response(
        Probe(1, round_, ttl),
        address,
        kind,
        rtt,
        STARTED,
        code,
        64,
        (LABEL_24017,) if mpls else (),
        kind is Kind.ECHO_REPLY,
    )


def trace(
    *hops: Hop,
    stop: StopReason = StopReason.DESTINATION,
    code: int | None = None,
    errors: tuple[tuple[str, int], ...] = (),
    message: str | None = None,
    family: Family = Family.IPV4,
    address: str | None = "192.0.2.1",
) -> Trace:
    """A finished trace to www.example.net, 41 ms long."""
    return Trace(
        host="www.example.net",
        address=address,
        family=family,
        protocol=Protocol.ICMP,
        backend="linux-icmp" if address else "",
        started_at=STARTED,
        duration=0.041,
        stop_reason=stop,
        hops=hops,
        code=code,
        destination_sent=len(hops) and 3,
        destination_rtts=(0.02, 0.022) if stop is StopReason.DESTINATION else (),
        errors=errors,
        message=message,
    )


REACHED = trace(
    Hop(
        1,
        3,
        (
            response(1, "198.51.100.1", 0.00051, mpls=True),
            response(1, "198.51.100.1", 0.00049, round_=1, mpls=True),
            response(1, "198.51.100.9", 0.0005, round_=2),
        ),
    ),
    Hop(2, 3),
    Hop(
        3,
        3,
        (
            response(3, "192.0.2.1", 0.02, kind=Kind.ECHO_REPLY),
            response(3, "192.0.2.1", 0.022, round_=1, kind=Kind.ECHO_REPLY),
        ),
    ),
)
REFUSED = trace(
    Hop(1, 1, (response(1, "198.51.100.1"),)),
    Hop(2, 1, (response(2, "198.51.100.7", kind=Kind.UNREACHABLE, code=1),)),
    stop=StopReason.UNREACHABLE,
    code=1,
)
FAILED = trace(
    stop=StopReason.ERROR,
    errors=(("resolve", 1),),
    message="www.example.net: no such name",
    address=None,
)


def state(target: Target, *traces: Trace | None, next_cycle_at: float | None = None) -> TargetState:
    """A target whose latest traces are these; None stands for none yet."""
    views = tuple(
        View(
            target,
            each.family if each else Family.IPV4,
            Protocol.ICMP,
            each,
            follow((), each) if each else (),
            INFOS,
            Tally(target.module),
        )
        for each in traces
    )
    return TargetState(target, views, next_cycle_at)


@dataclass
class World:
    """A `Source` that says what a test put into it, and remembers what it was asked."""

    states: list[TargetState] = field(default_factory=list)
    ready: bool = True
    chunks: list[bytes] = field(default_factory=lambda: [b"# TYPE ftr_targets gauge\n", b"x 1\n"])
    asked: list[tuple[list[str] | None, list[str] | None, bool]] = field(default_factory=list)
    kept: list[dict[str, object]] = field(default_factory=list)
    events: Hub = field(default_factory=Hub)
    traced: list[str] = field(default_factory=list)

    def is_ready(self) -> bool:
        """See `Source`."""
        return self.ready

    def metrics_chunks(
        self, targets: Collection[str] | None, names: Collection[str] | None, openmetrics: bool
    ) -> list[bytes]:
        """See `Source`."""
        self.asked.append(
            (
                None if targets is None else list(targets),
                None if names is None else list(names),
                openmetrics,
            )
        )
        return self.chunks

    def targets(self) -> Sequence[TargetState]:
        """See `Source`."""
        return self.states

    def target(self, name: str) -> TargetState | None:
        """See `Source`."""
        return next((each for each in self.states if each.target.name == name), None)

    async def incidents(self, name: str, limit: int) -> list[dict[str, object]]:
        """See `Source`."""
        return self.kept[:limit]

    def trace_now(self, name: str) -> bool:
        """See `Source`; a second time it runs already."""
        self.traced.append(name)
        return self.traced.count(name) == 1


@asynccontextmanager
async def serving(world: World, **options: Any) -> AsyncIterator[aiohttp.ClientSession]:
    """The real server on a port of its own, and a client that changes nothing of what it gets."""
    server = await start_server(make_app(world, **options), ["127.0.0.1:0"])
    base = f"http://{server.addresses[0]}"
    try:
        async with aiohttp.ClientSession(base, auto_decompress=False) as session:
            yield session
    finally:
        await server.stop(1.0)
