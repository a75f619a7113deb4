"""An enricher in front of a real DNS server that may fail in any way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.enrichment.enricher import Enricher
from exporter.model import HostInfo
from exporter.names.resolver import Resolver
from exporter.settings import EnrichmentSettings, ResolverSettings
from tests.clock import Clock, until
from tests.lab.dns import DnsServer

ZONE: dict[str, Any] = {
    "ttl": 600,
    "ptr": {
        "198.51.100.1": "gw.example.net",
        "198.51.100.2": "core.example.net",
        "2001:db8::1": "gw6.example.net",
        "10.0.0.1": "lan.example.net",
    },
    "origins": [
        {"prefix": "198.51.0.0/16", "asn": 64511, "country": "US"},
        {"prefix": "198.51.100.0/24", "asn": [64501, 64500], "country": "DE"},
        {"prefix": "2001:db8::/32", "asn": 64501, "country": "FR"},
        {"prefix": "0.0.0.0/0", "asn": 65535},
    ],
    "as_names": {
        "64500": {"name": "EXAMPLE-ACCESS", "country": "DE"},
        "64501": {"name": "EXAMPLE-SIX", "country": "FR"},
    },
}
GW = HostInfo("gw.example.net", 64500, "EXAMPLE-ACCESS", "198.51.100.0/24", "DE")


@dataclass
class Stage:
    """A server, an enricher that asks it, and what the enricher said."""

    server: DnsServer
    enricher: Enricher
    clock: Clock
    updates: list[str] = field(default_factory=list)
    observed: list[tuple[str, str]] = field(default_factory=list)

    async def learn(self, *addresses: str) -> list[HostInfo]:
        """Ask for hosts, wait for what that starts, and ask again."""
        for address in addresses:
            self.enricher.info(address)
        await self.enricher.settled(addresses, 20.0)
        return [self.enricher.info(address) for address in addresses]

    async def ended(self, count: int) -> None:
        """Wait until so many look-ups have ended."""
        await until(lambda: len(self.observed) >= count)
        await asyncio.sleep(0)


def play(
    scene: Callable[[Stage], Awaitable[None]],
    *,
    settings: EnrichmentSettings | None = None,
    zone: dict[str, Any] | None = None,
    timeout: float = 10.0,
    **options: Any,
) -> None:
    """Run a scene, close the enricher, and see that nothing is left of it."""

    async def run() -> None:
        async with DnsServer(ZONE if zone is None else zone) as server:
            asked = ResolverSettings(("127.0.0.1",), server.port, timeout)
            none = Path("/nonexistent")
            resolver = Resolver(asked, hosts_path=none / "hosts", resolv_conf=none / "resolv.conf")
            clock = Clock()
            updates: list[str] = []
            observed: list[tuple[str, str]] = []
            enricher = Enricher(
                settings or EnrichmentSettings(),
                resolver,
                on_update=updates.append,
                observe=lambda kind, result, seconds: observed.append((kind, result)),
                clock=clock,
                rate=5000.0,
                **options,
            )
            await scene(Stage(server, enricher, clock, updates, observed))
            await enricher.close()
            await enricher.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(run())
    assert len(os.listdir("/proc/self/fd")) <= before
