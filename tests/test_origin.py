"""What DNS answers say of an address, through a real server and the checks for labels."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.enrichment.cache import Found
from exporter.enrichment.origin import Origin, find_as_name, find_hostname, find_origin
from exporter.names.lookup import LookupFailed
from exporter.names.resolver import Resolver
from exporter.settings import ResolverSettings
from tests.lab.dns import DnsServer
from tests.lab.dns_faults import Fault, Mode

ZONE: dict[str, Any] = {
    "ttl": 90,
    "ptr": {"192.0.2.1": ["Z.example.net", "a.example.net", "10.0.0.1"], "192.0.2.2": "7"},
    "origins": [{"prefix": "192.0.2.0/24", "asn": [64501, 64500], "country": "de"}],
    "as_names": {"64500": {"name": "EXAMPLE", "country": "DE"}},
}


def play(scene: Callable[[DnsServer, Resolver], Awaitable[None]]) -> None:
    """Run a scene with a server and a resolver that asks it."""

    async def run() -> None:
        async with DnsServer(ZONE) as server:
            none = Path("/nonexistent")
            settings = ResolverSettings(("127.0.0.1",), server.port, 0.5)
            await scene(server, Resolver(settings, hosts_path=none, resolv_conf=none))

    asyncio.run(run())


def test_of_several_names_always_the_same_is_shown() -> None:
    """An address had three names, one of them a false address: the first good one is its name."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        assert await find_hostname(resolver, "192.0.2.1") == Found("a.example.net", 90.0)
        assert await find_hostname(resolver, "192.0.2.2") == Found(None, 90.0)
        assert await find_hostname(resolver, "192.0.2.3") == Found(None, 90.0)

    play(scene)


def test_of_several_origins_the_lowest_is_shown() -> None:
    """Two ASes announce the prefix, and the lower number is the origin; mapped addresses too."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        origin = Found(Origin(64500, "192.0.2.0/24", "DE"), 90.0)
        assert await find_origin(resolver, "192.0.2.1") == origin
        assert await find_origin(resolver, "::ffff:192.0.2.1") == origin
        assert await find_origin(resolver, "203.0.113.1") == Found(None, 90.0)
        assert await find_as_name(resolver, 64500) == Found("EXAMPLE", 90.0)
        assert await find_as_name(resolver, 64501) == Found(None, 90.0)

    play(scene)


def test_a_local_address_has_no_origin_and_nobody_is_asked() -> None:
    """A private address came as far as this, and still did not leave."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        assert await find_origin(resolver, "10.0.0.1") == Found(None)
        assert await find_origin(resolver, "nonsense") == Found(None)
        assert not server.log

    play(scene)


def test_a_failure_is_no_absence() -> None:
    """The server could not tell, and we did not take that for a missing name."""

    async def scene(server: DnsServer, resolver: Resolver) -> None:
        server.fault = Fault(Mode.SERVFAIL)
        with pytest.raises(LookupFailed):
            await find_hostname(resolver, "192.0.2.1")
        with pytest.raises(LookupFailed):
            await find_origin(resolver, "192.0.2.1")
        with pytest.raises(LookupFailed):
            await find_as_name(resolver, 64500)

    play(scene)
