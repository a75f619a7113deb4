"""The name server fails or lies in every way: names and origins are missing, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.faults import TRUE, Stock, back_to, changes, complaints, lost, scrape_seconds, seen
from tests.lab.dns_faults import Mode
from tests.lab.lab import Lab
from tests.lab.small import WEB
from tests.naming import NameServer, name_server

INTERVAL = 2
BY_ADDRESS = ("v4", "v6")
MODES = [each for each in Mode if each not in (Mode.NONE, Mode.DROP_FIRST)]
HARMLESS = {Mode.TRUNCATED}
"""Over TCP the whole answer comes."""
KEPT = {Mode.HOSTILE, Mode.NXDOMAIN, Mode.EMPTY}
"""What these say is an answer, and kept as long as one: without an SOA ten minutes."""
WAY = ["gw.access.example", "core1.transit.example", "edge.hosting.example", "www.example.net"]
NAMES = {"v4": WAY, "v6": WAY, "named": WAY}
HEALED_WITHIN = 120
HOSTILE_AS_NAME = 'EVIL"} [31m\ufffd'
"""Without control characters and escapes, as it was sent."""


def config(port: int) -> str:
    """Two targets by address, one by name; all names and origins from that server."""
    return f"""
resolver: {{nameservers: [127.0.0.1], port: {port}, timeout: 300ms}}
defaults: {{interval: {INTERVAL}s, timeout: 500ms, probes: 1}}
targets:
- {{name: v4, host: 192.0.2.1}}
- {{name: v6, host: '{WEB[6]}'}}
- {{name: named, host: www.example.net, family: ipv4}}
"""


@contextmanager
def victims(lab: Lab) -> Iterator[dict[Mode, tuple[Daemon, NameServer]]]:
    """For every way to fail a name server, and a daemon that has no other."""
    with ExitStack() as stack:
        found: dict[Mode, tuple[Daemon, NameServer]] = {}
        for mode in MODES:
            server = stack.enter_context(name_server(lab, mode))
            daemon = stack.enter_context(running(lab, config(server.port), place=mode.value))
            found[mode] = daemon, server
        yield found


def told(scrape: Scrape, label: str, target: str) -> list[str]:
    """What is told of each hop on the way to a target."""
    return [each[label] for each in scrape.labels("ftr_hop_info", target=target)]


def cycles(scrape: Scrape, target: str) -> float:
    """Cycles of a target that have ended."""
    return sum(scrape.all("ftr_traces_total", target=target).values())


def reached(scrape: Scrape, target: str) -> float:
    """Whether a target answers."""
    return scrape.value("ftr_target_reached", target=target)


def assert_traced_on(scrape: Scrape) -> None:
    """Nothing lost, nothing changed, nobody new, no cycle late, and no error but of the name."""
    assert (lost(scrape), changes(scrape)) == (0, 0)
    assert seen(scrape) <= TRUE[4] | TRUE[6]
    assert sum(scrape.all("ftr_traces_skipped_total").values()) == 0
    assert [reached(scrape, name) for name in BY_ADDRESS] == [1, 1]
    for name in BY_ADDRESS:
        assert sum(scrape.all("ftr_errors_total", target=name).values()) == 0
    errors = {dict(key)["reason"]: count for key, count in scrape.all("ftr_errors_total").items()}
    assert not {reason for reason, count in errors.items() if count} - {"resolve"}


def assert_nothing_known(scrape: Scrape, mode: Mode) -> None:
    """No name and no origin, but those that are right, or those of a liar in a form fit to see."""
    for name in BY_ADDRESS:
        if mode in HARMLESS:
            assert told(scrape, "hostname", name) == NAMES[name]
        elif mode is Mode.HOSTILE:
            assert set(told(scrape, "hostname", name)) <= {f"{'-' * 63}.example"}
            assert set(told(scrape, "as_name", name)) <= {HOSTILE_AS_NAME, ""}
        else:
            assert set(told(scrape, "hostname", name) + told(scrape, "asn", name)) == {""}
    if mode not in HARMLESS:
        assert reached(scrape, "named") == 0
        assert sum(scrape.all("ftr_errors_total", target="named").values()) >= 3


def all_known(scrape: Scrape) -> bool:
    """Whether every hop has its name and its origin, and the target by name is traced."""
    return all(
        told(scrape, "hostname", name) == names
        and told(scrape, "asn", name) == ["64500", "64501", "64502", "64502"]
        for name, names in NAMES.items()
    )


def test_each_way_to_fail_costs_names_alone(lab_factory: LabFactory) -> None:
    """A daemon for each way in which a name server can fail or lie, from the first question on: all

    traced on at their interval and served; once the servers were well again, so were the names.
    """
    lab = lab_factory("small")
    with victims(lab) as found:
        started = {mode: (time.monotonic(), daemon.scrape()) for mode, (daemon, _) in found.items()}
        stocks = {}
        for mode, (daemon, server) in found.items():
            scrape = daemon.until_traced(4, *NAMES)
            assert server.queries() > 0
            assert scrape_seconds(daemon) < 2
            assert daemon.get("/-/healthy") == "Healthy\n"
            assert_traced_on(scrape)
            assert_nothing_known(scrape, mode)
            stock = Stock.of(daemon, scrape)
            # The target by name has a socket as soon as it has an address.
            stocks[mode] = replace(stock, descriptors=stock.descriptors + 1)
        for _, server in found.values():
            server.fail(Mode.NONE)
        for mode, (daemon, _) in found.items():
            if mode not in KEPT:
                daemon.until(all_known, HEALED_WITHIN)
        for mode, (daemon, _) in found.items():
            passed = time.monotonic() - started[mode][0]
            after = daemon.scrape()
            assert_traced_on(after)
            for name in BY_ADDRESS:
                done = cycles(after, name) - cycles(started[mode][1], name)
                assert abs(done - passed / INTERVAL) <= 3
            assert reached(daemon.until(lambda s: reached(s, "named") == 1), "named") == 1
            back_to(daemon, stocks[mode])
            assert not complaints(daemon)
