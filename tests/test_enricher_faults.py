"""A DNS that is dead, slow, lying or hostile costs labels, and nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from exporter.model import NOTHING_KNOWN, HostInfo
from tests.clock import until
from tests.enriching import GW, ZONE, Stage, play
from tests.lab.dns_faults import Fault, Mode
from tests.lab.dns_zone import Zone

SILENT = {
    Mode.DROP,
    Mode.WRONG_ID,
    Mode.WRONG_SOURCE,
    Mode.SHORT,
    Mode.COMPRESSION_LOOP,
}


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
