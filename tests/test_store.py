"""Views kept, shown anew when DNS answers late, and withdrawn; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from exporter.model import NOTHING_KNOWN, Family, HostInfo, Protocol
from exporter.monitoring.store import Store
from exporter.monitoring.view import Key, View
from exporter.settings import Target
from exporter.statistics.tally import Tally
from tests.virtual import run_virtual

GATEWAY, CORE, EDGE = "198.51.100.1", "198.51.100.2", "198.51.100.3"
NAMED = HostInfo("gw.example.net", 64500)


class Shop:
    """A store, what it rendered and removed, and what is known of addresses."""

    def __init__(self) -> None:
        self.known: dict[str, HostInfo] = {}
        self.rendered: list[View] = []
        self.removed: list[Key] = []
        self.store = Store(self.info, self.rendered.append, self.removed.append)

    def info(self, address: str) -> HostInfo:
        """What is known now."""
        return self.known.get(address, NOTHING_KNOWN)

    def publish(self, *addresses: str, name: str = "example", family: Family = Family.IPV4) -> View:
        """Publish a view that shows these addresses."""
        target = Target(name, "www.example.net")
        infos = {address: self.info(address) for address in addresses}
        view = View(target, family, Protocol.ICMP, None, addresses, infos, Tally(target.module))
        self.store.publish(view)
        return view

    def learn(self, address: str, info: HostInfo = NAMED) -> None:
        """DNS answers."""
        self.known[address] = info
        self.store.address_known(address)


def test_view_is_rendered_once_and_kept() -> None:
    """Each target and family has the latest view alone, IPv4 first."""

    async def test() -> None:
        shop = Shop()
        ipv6 = shop.publish(GATEWAY, family=Family.IPV6)
        shop.publish(GATEWAY)
        latest = shop.publish(GATEWAY)
        assert shop.store.views("example") == (latest, ipv6)
        assert shop.store.views("other") == ()
        assert len(shop.rendered) == 3
        await asyncio.sleep(10)
        assert len(shop.rendered) == 3

    run_virtual(test())


def test_late_name_completes_the_published_view() -> None:
    """Within a tenth of a second, without waiting for the next cycle; nothing else changes."""

    async def test() -> None:
        shop = Shop()
        before = shop.publish(GATEWAY, CORE)
        shop.learn(GATEWAY)
        assert shop.store.views("example") == (before,)
        await asyncio.sleep(0.1)
        (after,) = shop.store.views("example")
        assert shop.rendered == [before, after]
        assert after.infos == {GATEWAY: NAMED, CORE: NOTHING_KNOWN}
        assert before.infos[GATEWAY] is NOTHING_KNOWN
        assert after.tally is before.tally
        assert after.path == before.path

    run_virtual(test())


def test_many_late_names_cost_one_rendering_for_each_view_that_shows_them() -> None:
    """Two targets share a gateway; a third has nothing to do with it."""

    async def test() -> None:
        shop = Shop()
        shop.publish(GATEWAY, CORE, name="one")
        shop.publish(GATEWAY, EDGE, name="two")
        shop.publish("203.0.113.1", name="three")
        del shop.rendered[:]
        for address in (GATEWAY, CORE, EDGE, GATEWAY):
            shop.learn(address)
        await asyncio.sleep(0.1)
        assert sorted(view.target.name for view in shop.rendered) == ["one", "two"]
        assert all(info is NAMED for view in shop.rendered for info in view.infos.values())

    run_virtual(test())


def test_address_that_nobody_shows_costs_nothing() -> None:
    """Unknown from the start, or no longer on any path."""

    async def test() -> None:
        shop = Shop()
        shop.publish(GATEWAY, CORE)
        shop.publish(GATEWAY, EDGE)
        del shop.rendered[:]
        shop.learn(CORE)
        shop.learn("203.0.113.9")
        await asyncio.sleep(1)
        assert shop.rendered == []
        shop.learn(EDGE)
        await asyncio.sleep(1)
        assert len(shop.rendered) == 1

    run_virtual(test())


def test_refreshed_view_is_the_one_published_meanwhile() -> None:
    """A cycle ends between the answer of the DNS and the refresh: its view is completed."""

    async def test() -> None:
        shop = Shop()
        shop.publish(GATEWAY)
        shop.learn(GATEWAY)
        newer = shop.publish(GATEWAY, CORE)
        await asyncio.sleep(1)
        (shown,) = shop.store.views("example")
        assert shown.path == newer.path
        assert shown.infos == {GATEWAY: NAMED, CORE: NOTHING_KNOWN}

    run_virtual(test())


def test_withdrawn_view_is_removed_and_never_refreshed() -> None:
    """Also where its refresh was already due; withdrawing what is not there does nothing."""

    async def test() -> None:
        shop = Shop()
        shop.publish(GATEWAY)
        shop.publish(GATEWAY, family=Family.IPV6)
        del shop.rendered[:]
        shop.learn(GATEWAY)
        shop.store.withdraw(("example", Family.IPV6))
        shop.store.withdraw(("example", Family.IPV6))
        shop.store.withdraw(("nobody", Family.IPV4))
        assert shop.removed == [("example", Family.IPV6)]
        await asyncio.sleep(1)
        assert [view.family for view in shop.rendered] == [Family.IPV4]
        shop.store.withdraw(("example", Family.IPV4))
        shop.learn(GATEWAY)
        await asyncio.sleep(1)
        assert len(shop.rendered) == 1
        assert shop.store.views("example") == ()

    run_virtual(test())


@pytest.mark.parametrize("late", [False, True])
def test_closed_store_refreshes_nothing(late: bool) -> None:
    """A timer that was set is cancelled; without one, closing is nothing."""

    async def test() -> None:
        shop = Shop()
        shop.publish(GATEWAY)
        if late:
            shop.learn(GATEWAY)
        shop.store.close()
        await asyncio.sleep(1)
        assert len(shop.rendered) == 1

    run_virtual(test())
