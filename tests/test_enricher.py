"""Hosts become known in the background, and what is known costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from exporter.enrichment.cache import Lifetimes
from exporter.model import NOTHING_KNOWN, HostInfo
from exporter.settings import EnrichmentSettings
from tests.enriching import GW, ZONE, Stage, play
from tests.lab.dns_faults import Fault
from tests.test_mmdb import IPINFO, write

HOT = 20_000


def test_a_host_becomes_known() -> None:
    """A hop was seen: nothing known at first, all of it a little later, and we were told."""

    async def scene(stage: Stage) -> None:
        assert stage.enricher.info("198.51.100.1") is NOTHING_KNOWN
        assert stage.enricher.pending("198.51.100.1")
        assert await stage.learn("198.51.100.1") == [GW]
        assert not stage.enricher.pending("198.51.100.1")
        assert stage.enricher.info("198.51.100.1") is stage.enricher.info("198.51.100.1")
        await asyncio.sleep(0)
        assert set(stage.updates) == {"198.51.100.1"}
        assert 1 <= len(stage.updates) <= 3
        assert sorted(stage.observed) == [("as_name", "ok"), ("asn", "ok"), ("rdns", "ok")]
        assert stage.enricher.entries() == {"rdns": 1, "asn": 1, "as_name": 1}

    play(scene)


def test_addresses_of_both_families() -> None:
    """An IPv6 hop, and an IPv4 one without a name: each has its own origin."""

    async def scene(stage: Stage) -> None:
        assert await stage.learn("2001:db8::1", "198.51.7.7", "203.0.113.5") == [
            HostInfo("gw6.example.net", 64501, "EXAMPLE-SIX", "2001:db8::/32", "FR"),
            HostInfo(None, 64511, None, "198.51.0.0/16", "US"),
            HostInfo(None, 65535, None, "0.0.0.0/0", None),
        ]

    play(scene)


def test_local_addresses_do_not_leave_for_the_zone() -> None:
    """Local hops were named, and no question about their origin was asked; about others it was."""
    local = ["10.0.0.1", "192.168.7.7", "100.64.0.1", "169.254.0.9", "127.0.0.5", "fd00::7"]
    local += ["fe80::7", "::1", "224.0.0.5", "0.0.0.0", "::ffff:10.0.0.1"]
    public = ["192.0.2.7", "198.51.100.2", "203.0.113.7", "2001:db8::2", "198.18.0.7"]

    async def scene(stage: Stage) -> None:
        known = await stage.learn(*local)
        assert known[0] == HostInfo("lan.example.net")
        assert not [name for name in stage.server.queries if "cymru" in name]
        assert not [kind for kind, _ in stage.observed if kind != "rdns"]
        await stage.learn(*public)
        origins = {name for name in stage.server.queries if ".origin" in name}
        assert len(origins) == len(public)
        assert "7.2.0.192.origin.asn.cymru.com" in origins
        assert "7.0.18.198.origin.asn.cymru.com" in origins

    play(scene)


def test_what_is_no_address_is_nothing() -> None:
    """Something that is no address came in, and nothing was done about it."""

    async def scene(stage: Stage) -> None:
        for text in ("", "gw", "192.0.2", "fe80::1%eth0", "\x00", "\ud800"):
            assert stage.enricher.info(text) is NOTHING_KNOWN
            assert not stage.enricher.pending(text)
        await stage.enricher.settled(["gw"], 20.0)
        assert not stage.server.log

    play(scene)


def test_a_thousand_addresses_at_once() -> None:
    """A thousand hops were each seen five times at once: one question of a kind for each."""
    addresses = [f"198.51.{98 + number // 200}.{number % 200}" for number in range(1000)]
    zone = dict(ZONE, ptr={address: f"h-{address}.example.net" for address in addresses})

    async def scene(stage: Stage) -> None:
        for _ in range(5):
            for address in addresses:
                stage.enricher.info(address)
        known = await stage.learn(*addresses)
        assert [host.hostname for host in known] == [f"h-{each}.example.net" for each in addresses]
        assert {host.asn for host in known} == {64500, 64511}
        assert set(stage.server.queries.values()) == {1}
        assert len(stage.server.log) == 2002
        assert Counter(kind for kind, _ in stage.observed) == {
            "rdns": 1000,
            "asn": 1000,
            "as_name": 2,
        }

    play(scene, zone=zone)


def test_known_hosts_cost_nothing() -> None:
    """A known hop was looked at twenty thousand times: no question, and microseconds at most."""

    async def scene(stage: Stage) -> None:
        await stage.learn("198.51.100.1")
        asked = len(stage.server.log)
        started = time.perf_counter()
        for _ in range(HOT):
            stage.enricher.info("198.51.100.1")
        assert (time.perf_counter() - started) / HOT < 20e-6
        assert len(stage.server.log) == asked

    play(scene)


def test_nothing_wanted_costs_nothing() -> None:
    """Neither names nor origins are configured: nothing is known, kept or asked."""

    async def scene(stage: Stage) -> None:
        assert await stage.learn("198.51.100.1") == [NOTHING_KNOWN]
        assert not stage.enricher.pending("198.51.100.1")
        assert stage.enricher.entries() == {}
        assert not stage.server.log

    play(scene, settings=EnrichmentSettings(rdns=False, asn_source="none"))


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        (EnrichmentSettings(asn_source="none"), HostInfo("gw.example.net")),
        (
            EnrichmentSettings(rdns=False),
            HostInfo(None, 64500, "EXAMPLE-ACCESS", "198.51.100.0/24", "DE"),
        ),
    ],
)
def test_one_of_both(settings: EnrichmentSettings, known: HostInfo) -> None:
    """Only names or only origins are configured, and only those are asked for."""

    async def scene(stage: Stage) -> None:
        assert await stage.learn("198.51.100.1") == [known]

    play(scene, settings=settings)


def test_origins_from_a_file(tmp_path: Path) -> None:
    """Origins come from a file: no question leaves, and a file that comes later is found."""
    path = tmp_path / "asn.mmdb"
    settings = EnrichmentSettings(rdns=False, asn_source="mmdb", asn_path=str(path))

    async def scene(stage: Stage) -> None:
        assert await stage.learn("198.51.100.1") == [NOTHING_KNOWN]
        assert stage.observed == [("asn", "error")]
        write(path, IPINFO | {"10.0.0.0/8": {"asn": 64512, "name": "OURS"}})
        stage.clock.now += 30.0
        stage.enricher.info("198.51.100.1")
        await stage.ended(2)
        assert await stage.learn("198.51.100.1", "10.1.1.1", "fe80::1") == [
            HostInfo(None, 64500, "Example Access", "198.51.100.0/24", "DE"),
            HostInfo(None, 64512, "OURS", "10.0.0.0/8", None),
            NOTHING_KNOWN,
        ]
        assert not stage.server.log

    play(scene, settings=settings)


def test_the_least_seen_hosts_are_forgotten() -> None:
    """More hops were seen than may be remembered: memory stayed bounded, the used ones known."""
    addresses = [f"198.51.100.{number}" for number in range(50)]

    async def scene(stage: Stage) -> None:
        await stage.learn("198.51.100.1")
        for address in addresses:
            await stage.learn(address)
            assert stage.enricher.info("198.51.100.1") == GW
        entries = stage.enricher.entries()
        assert entries == {"rdns": 10, "asn": 10, "as_name": 1}
        assert stage.server.queries["1.100.51.198.in-addr.arpa"] == 1

    play(scene, limit=10)


def test_a_forgotten_host_does_not_come_back_by_itself() -> None:
    """A hop was forgotten while it was looked up: who waited went on, and nothing was kept."""

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(delay=0.05)
        stage.enricher.info("198.51.100.1")
        waiting = asyncio.ensure_future(stage.enricher.settled(["198.51.100.1"], 20.0))
        await asyncio.sleep(0)
        stage.enricher.info("198.51.100.2")
        stage.enricher.info("198.51.100.3")
        await waiting
        await stage.learn("198.51.100.3")
        assert not stage.enricher.pending("198.51.100.1")
        assert stage.enricher.entries() == {"rdns": 2, "asn": 2, "as_name": 1}

    play(scene, limit=2)


def test_own_lifetimes() -> None:
    """Lifetimes were given: names are asked for again after them."""

    async def scene(stage: Stage) -> None:
        await stage.learn("198.51.100.1")
        stage.clock.now += 2.0
        stage.enricher.info("198.51.100.1")
        await stage.ended(6)

    play(scene, lifetimes=Lifetimes(shortest=1.0, longest=1.0))
