"""The network of this host itself fails: errors with their reason, no loss, no change, and back."""

from __future__ import annotations

import subprocess
import time

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.faults import (
    TRUE,
    Stock,
    all_reached,
    back_to,
    changes,
    further,
    lost,
    seen,
    web,
)
from tests.lab.lab import Lab
from tests.lab.small import WEB

OTHER = "10.9.0.77"


def ip(words: str) -> None:
    """Change the network of the host, with the words of ip(8)."""
    subprocess.run(["ip", *words.split()], check=True)


FAULTS = {
    "interface-4": ("link set lab0 down", ["link set lab0 up", "route add default dev lab0"]),
    "route-4": ("route del default", ["route add default dev lab0"]),
    "interface-6": (
        "link set lab0 down",
        [
            "link set lab0 up",
            "address add fd09::2/128 dev lab0 nodad",
            "-6 route add default dev lab0",
        ],
    ),
    "route-6": ("-6 route del default", ["-6 route add default dev lab0"]),
}
"""What takes the way out, and what gives it back, by IP version.

The routes of an interface go with it, and so do its IPv6 addresses.
"""


def quiet(lab: Lab) -> None:
    """Wait until no probe has left for a while: what is in flight in a fault is truly lost."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < 0.1:
        if (now := lab.ping()["probes"]) != count:
            count, since = now, time.monotonic()
        time.sleep(0.01)


def errors(scrape: Scrape) -> dict[str, float]:
    """By target: probes that this host had no route for."""
    found = scrape.all("ftr_errors_total", reason="unreachable_network")
    return {dict(key)["target"]: value for key, value in found.items()}


def other_errors(scrape: Scrape) -> float:
    """What failed locally for any other reason."""
    return sum(scrape.all("ftr_errors_total").values()) - sum(errors(scrape).values())


def nothing_wrong(scrape: Scrape, version: int) -> None:
    """No loss, no change, no stranger."""
    assert (lost(scrape), changes(scrape)) == (0, 0)
    assert seen(scrape) <= TRUE[version]


def recovered(daemon: Daemon, stock: Stock, version: int = 4) -> Scrape:
    """Wait until every target answers again; then all is as before."""
    daemon.until(all_reached)
    after = further(daemon, 2)
    nothing_wrong(after, version)
    assert all_reached(after)
    assert seen(after) == TRUE[version]
    assert not [line for line in daemon.log if line["level"] == "error"]
    back_to(daemon, stock)
    return after


@pytest.mark.parametrize("fault", FAULTS)
def test_no_way_out_is_no_loss(lab_factory: LabFactory, fault: str) -> None:
    """The interface went down, or the route went away: unreachable_network, until it was back."""
    lab = lab_factory("small")
    away, back = FAULTS[fault]
    version = int(fault[-1])
    with running(lab, web("600ms", "300ms", host=WEB[version])) as daemon:
        daemon.until_traced(3, "icmp", "udp", "tcp")
        before = daemon.until(all_reached)
        nothing_wrong(before, version)
        stock = Stock.of(daemon, before)
        quiet(lab)
        ip(away)
        daemon.until(lambda s: all(value >= 2 for value in errors(s).values()))
        during = further(daemon, 2)
        nothing_wrong(during, version)
        assert set(during.all("ftr_target_reached").values()) == {0}
        assert other_errors(during) == 0
        for command in back:
            ip(command)
        calm = recovered(daemon, stock, version)
        assert errors(further(daemon, 1)) == errors(calm)


def test_another_address_goes_on_at_once(lab_factory: LabFactory) -> None:
    """The host got another address and lost its own: no loss, no change, and no more than a cycle

    of each target with errors.
    """
    lab = lab_factory("small")
    address = lab.world.host.of(4)
    with running(lab, web("600ms", "300ms")) as daemon:
        daemon.until_traced(3, "icmp", "udp", "tcp")
        before = daemon.until(all_reached)
        stock = Stock.of(daemon, before)
        quiet(lab)
        ip(f"address add {OTHER}/32 dev lab0")
        ip(f"address del {address}/32 dev lab0")
        further(daemon, 2)
        after = recovered(daemon, stock)
        assert other_errors(after) == 0
        assert errors(further(daemon, 1)) == errors(after)
