"""Hosts become known in the background, against a real DNS server that may fail in any way."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exporter.enrichment.cache import Lifetimes
from exporter.enrichment.enricher import Enricher
from exporter.model import NOTHING_KNOWN, HostInfo
from exporter.resolver import Resolver
from exporter.settings import EnrichmentSettings, ResolverSettings
from tests.clock import Clock, until
from tests.lab.dns import DnsServer
from tests.lab.dns_faults import Fault, Mode
from tests.lab.dns_zone import Zone
from tests.test_mmdb import IPINFO, write

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
HOT = 20_000
SILENT = {
    Mode.DROP,
    Mode.WRONG_ID,
    Mode.WRONG_SOURCE,
    Mode.SHORT,
    Mode.COMPRESSION_LOOP,
}


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


@pytest.mark.parametrize(
    "mode",
    [
        Mode.DROP,
        Mode.SERVFAIL,
        Mode.NXDOMAIN,
        Mode.REFUSED,
        Mode.EMPTY,
        Mode.WRONG_ID,
        Mode.WRONG_SOURCE,
        Mode.GARBAGE,
        Mode.SHORT,
        Mode.COMPRESSION_LOOP,
        Mode.HUGE,
        Mode.MANY,
    ],
)
def test_each_fault_costs_labels_only(mode: Mode) -> None:
    """The server failed in this way: nothing is known, nothing raised, and soon we know that."""

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(mode)
        assert await stage.learn("198.51.100.1", "2001:db8::1") == [NOTHING_KNOWN] * 2
        assert stage.updates == []
        assert {kind for kind, _ in stage.observed} == {"rdns", "asn"}
        assert not {result for _, result in stage.observed} - {"timeout", "error", "negative"}

    # Where an answer counts, a busy machine has time for it; where none comes, we need not wait.
    play(scene, timeout=0.1 if mode in SILENT else 10.0)


def test_hostile_answers_never_reach_a_label() -> None:
    """The server sent control characters, quotes and false prefixes: no label has any of them."""

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(Mode.HOSTILE, suffix=".arpa")
        (host,) = await stage.learn("192.0.2.1")
        assert host.hostname == f"{'-' * 63}.example"
        stage.server.fault = Fault(Mode.HOSTILE)
        (host,) = await stage.learn("192.0.2.2")
        assert (host.asn, host.prefix, host.country) == (64500, "0.0.0.0/0", None)
        assert host.as_name == 'EVIL"} [31m\ufffd'

    play(scene)


def test_a_slow_origin_does_not_hold_up_the_name() -> None:
    """The origin zone was slow: the name was there at once, the origin came when it came."""

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(delay=0.4, suffix="cymru.com")
        stage.enricher.info("198.51.100.1")
        await until(lambda: stage.updates)
        assert stage.enricher.info("198.51.100.1") == HostInfo("gw.example.net")
        assert stage.enricher.pending("198.51.100.1")
        started = time.monotonic()
        await stage.enricher.settled(["198.51.100.1"], 0.05)
        assert 0.04 <= time.monotonic() - started < 0.35
        assert stage.enricher.pending("198.51.100.1")
        assert await stage.learn("198.51.100.1") == [GW]

    play(scene)


def test_labels_do_not_flap_while_the_dns_is_dead() -> None:
    """All expired while the server was dead: the old labels stayed, until it told new ones."""

    async def scene(stage: Stage) -> None:
        (known,) = await stage.learn("198.51.100.1")
        await stage.ended(3)
        stage.updates.clear()
        stage.server.fault = Fault(Mode.SERVFAIL)
        for round_ in range(1, 4):
            stage.clock.now += 86_400.0
            assert stage.enricher.info("198.51.100.1") is known
            assert not stage.enricher.pending("198.51.100.1")
            await stage.ended(3 + 3 * round_)
        assert stage.enricher.info("198.51.100.1") is known
        assert stage.updates == []
        stage.server.fault = Fault()
        stage.server.zone = Zone(dict(ZONE, ptr={"198.51.100.1": "new.example.net"}))
        stage.clock.now += 86_400.0
        assert stage.enricher.info("198.51.100.1") is known
        await stage.ended(15)
        assert stage.enricher.info("198.51.100.1").hostname == "new.example.net"
        assert stage.updates == ["198.51.100.1"]

    play(scene)


def test_a_name_taken_away_is_gone() -> None:
    """The name was deleted from the DNS: after its lifetime the label is gone, not before."""

    async def scene(stage: Stage) -> None:
        await stage.learn("198.51.100.1")
        stage.server.zone = Zone({"origins": ZONE["origins"], "as_names": ZONE["as_names"]})
        stage.clock.now += 599.0
        assert stage.enricher.info("198.51.100.1") == GW
        stage.clock.now += 2.0
        assert stage.enricher.info("198.51.100.1") == GW
        await stage.ended(6)
        assert stage.enricher.info("198.51.100.1").hostname is None
        assert stage.enricher.info("198.51.100.1").asn == 64500

    play(scene)


def test_a_dead_server_piles_up_nothing() -> None:
    """Two hundred hops met a silent server: few questions, and it is left alone."""
    addresses = [f"198.51.7.{number}" for number in range(200)]

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(Mode.DROP)
        started = time.monotonic()
        assert await stage.learn(*addresses) == [NOTHING_KNOWN] * 200
        assert time.monotonic() - started < 10.0
        assert len(stage.observed) <= 64 + 16
        asked = len(stage.server.log)
        for _ in range(3):
            stage.clock.now += 1.0
            for address in addresses:
                stage.enricher.info(address)
            await stage.enricher.settled(addresses, 20.0)
        assert len(stage.server.log) == asked
        assert len(asyncio.all_tasks()) == 1
        stage.server.fault = Fault()

        def all_known() -> bool:
            stage.clock.now += 1.0
            return None not in [stage.enricher.info(address).asn for address in addresses]

        await until(all_known)

    play(scene, timeout=1.0)


def test_a_broken_zone_does_not_stop_the_other() -> None:
    """The origin zone was dead for long: names are still asked for and known."""
    addresses = [f"198.51.100.{number}" for number in range(200)]
    zone = dict(ZONE, ptr={address: f"h-{address}.example.net" for address in addresses})

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(Mode.REFUSED, suffix="cymru.com")
        known = await stage.learn(*addresses)
        assert all(host.hostname and host.asn is None for host in known)

    play(scene, zone=zone)


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


def test_close_ends_all_in_the_midst() -> None:
    """The enricher was closed while it asked a silent server: waiters went on, tasks ended."""

    async def scene(stage: Stage) -> None:
        stage.server.fault = Fault(Mode.DROP)
        addresses = [f"198.51.100.{number}" for number in range(200)]
        for address in addresses:
            stage.enricher.info(address)
        waiting = asyncio.ensure_future(stage.enricher.settled(addresses, 20.0))
        await until(lambda: len(stage.server.log) > 10)
        await stage.enricher.close()
        await waiting
        assert stage.enricher.info("198.51.100.1") is NOTHING_KNOWN
        assert stage.enricher.info("203.0.113.1") is NOTHING_KNOWN
        assert not stage.enricher.pending("203.0.113.1")

    play(scene, timeout=60.0)


def test_an_as_renamed_is_told_for_all_its_hosts() -> None:
    """One hop made us ask for the AS again: the other hops of that AS got the new name as well."""
    both = ("198.51.100.1", "198.51.100.2")

    async def scene(stage: Stage) -> None:
        await stage.learn(both[0])
        stage.clock.now += 100.0
        await stage.learn(both[1])
        names = {"64500": {"name": "RENAMED", "country": "DE"}}
        stage.server.zone = Zone(dict(ZONE, as_names=names))
        stage.clock.now += 550.0
        stage.updates.clear()
        stage.enricher.info(both[0])
        await until(lambda: stage.updates)
        assert stage.enricher.info(both[0]).as_name == "RENAMED"
        assert stage.enricher.info(both[1]).as_name == "RENAMED"
        await asyncio.sleep(0)
        assert set(stage.updates) == set(both)

    play(scene)


def test_a_listener_that_breaks_breaks_nothing() -> None:
    """Whoever wanted updates raised: the loop was told, and the next host became known."""

    async def scene(stage: Stage) -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

        def broken(address: str) -> None:
            raise ZeroDivisionError

        stage.enricher._on_update = broken
        assert await stage.learn("198.51.100.1") == [GW]
        await until(lambda: told)
        assert (await stage.learn("198.51.100.2"))[0].hostname == "core.example.net"

    play(scene)


def test_own_lifetimes() -> None:
    """Lifetimes were given: names are asked for again after them."""

    async def scene(stage: Stage) -> None:
        await stage.learn("198.51.100.1")
        stage.clock.now += 2.0
        stage.enricher.info("198.51.100.1")
        await stage.ended(6)

    play(scene, lifetimes=Lifetimes(shortest=1.0, longest=1.0))
