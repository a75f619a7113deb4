"""What tests of faults ask of a daemon that has been through one: is it right, and lean as ever.

The world is `small` without its silent target: nothing is ever lost there and no path changes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.daemon import Daemon, Scrape
from tests.lab.small import WAY, WEB

QUIET = "enrichment: {rdns: false, asn: {source: none}}\n"
PROTOCOLS = ("icmp", "udp", "tcp")
TRUE = {version: {*WAY[version], WEB[version]} for version in (4, 6)}
"""All that may ever be seen on the way to `web`, by IP version."""
TRUE_ADDRESSES = TRUE[4]


def web(
    interval: str, timeout: str, protocols: tuple[str, ...] = PROTOCOLS, host: str = WEB[4]
) -> str:
    """A configuration that traces `web`, one target for each protocol and named after it."""
    targets = ", ".join(f"{{name: {each}, host: '{host}', protocol: {each}}}" for each in protocols)
    defaults = f"defaults: {{interval: {interval}, timeout: {timeout}, probes: 1}}\n"
    return f"{QUIET}{defaults}targets: [{targets}]\n"


@dataclass(frozen=True)
class Stock:
    """What a daemon holds: descriptors, threads, bytes of memory."""

    descriptors: float
    threads: int
    memory: float

    @classmethod
    def of(cls, daemon: Daemon, scrape: Scrape) -> Stock:
        """As it is now."""
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        threads = next(line for line in status.splitlines() if line.startswith("Threads:"))
        return cls(
            scrape.value("process_open_fds"),
            int(threads.split()[1]),
            scrape.value("process_resident_memory_bytes"),
        )


def lost(scrape: Scrape) -> float:
    """Probes of all targets and hops that are told as lost."""
    return sum(
        sum(scrape.all(name).values())
        for name in ("ftr_hop_probes_lost_total", "ftr_target_probes_lost_total")
    )


def changes(scrape: Scrape) -> float:
    """Changes of paths that are told."""
    names = ("ftr_path_changes_total", "ftr_path_as_changes_total")
    return sum(sum(scrape.all(name).values()) for name in names)


def seen(scrape: Scrape) -> set[str]:
    """Every address that is told of any hop; empty ones are silence."""
    return {dict(key)["address"] for key in scrape.all("ftr_hop_info")} - {""}


def all_reached(scrape: Scrape) -> bool:
    """Whether every target answers."""
    reached = scrape.all("ftr_target_reached").values()
    return bool(reached) and all(value == 1 for value in reached)


def further(daemon: Daemon, cycles: int, seconds: float = 30) -> Scrape:
    """Wait until every target has so many more cycles behind it."""
    before = daemon.scrape().all("ftr_traces_total")
    totals: dict[str, float] = {}
    for key, value in before.items():
        target = dict(key)["target"]
        totals[target] = totals.get(target, 0) + value
    return daemon.until(
        lambda scrape: all(
            sum(scrape.all("ftr_traces_total", target=target).values()) >= total + cycles
            for target, total in totals.items()
        ),
        seconds,
    )


def back_to(daemon: Daemon, before: Stock, growth: float = 20e6, seconds: float = 30) -> None:
    """Wait until it holds no more than before, and `growth` bytes that an allocator may keep."""
    deadline = time.monotonic() + seconds
    while True:
        now = Stock.of(daemon, daemon.scrape())
        lean = (
            now.descriptors <= before.descriptors
            and now.threads <= before.threads + 2
            and now.memory < before.memory + growth
        )
        if lean:
            return
        assert time.monotonic() < deadline, f"{now} is more than {before}"
        time.sleep(0.1)


def scrape_seconds(daemon: Daemon) -> float:
    """How long a scrape takes now."""
    started = time.monotonic()
    daemon.scrape()
    return time.monotonic() - started


def complaints(daemon: Daemon) -> list[dict[str, object]]:
    """What the log has that somebody should look at."""
    return [line for line in daemon.log if line["level"] in ("error", "warning", "critical")]
