"""A daemon stopped for a minute: what it missed is counted, and nothing else comes of it."""

from __future__ import annotations

import signal
import time
from bisect import bisect_left

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.faults import (
    QUIET,
    TRUE_ADDRESSES,
    Stock,
    all_reached,
    back_to,
    changes,
    complaints,
    further,
    lost,
    seen,
)
from tests.lab.truth import Truth
from tests.test_systemd import Manager

STOPPED_SECONDS = 60
INTERVAL = 2
RATE = 80
"""Probes a second that are allowed. All targets together want 100 at once, 50 a second."""
KINDS = ("icmp", "udp", "tcp", "icmp", "icmp")
TARGETS = tuple(f"{kind}-{number}" for number, kind in enumerate(KINDS * 5))
CONFIG = f"""{QUIET}
defaults: {{interval: {INTERVAL}s, timeout: 900ms, probes: 1}}
limits: {{probes_per_second: {RATE}}}
targets: [{
    ", ".join(
        f"{{name: {name}, host: 192.0.2.1, protocol: {name.partition('-')[0]}}}" for name in TARGETS
    )
}]
"""
WATCHDOG_SECONDS = 3


def per_target(scrape: Scrape, name: str) -> dict[str, float]:
    """A counter of each target."""
    return {each: sum(scrape.all(name, target=each).values()) for each in TARGETS}


def most_within(truth: Truth, seconds: float) -> int:
    """The most probes that were received within any so many seconds."""
    times = sorted(record.received_ns for record in truth)
    return max(
        bisect_left(times, start + seconds * 1e9) - first for first, start in enumerate(times)
    )


def assert_right(scrape: Scrape) -> None:
    """Nothing lost, nothing changed, nobody new, no error, and round trips as long as they are."""
    assert (lost(scrape), changes(scrape)) == (0, 0)
    assert seen(scrape) == TRUE_ADDRESSES
    assert all_reached(scrape)
    assert sum(scrape.all("ftr_errors_total").values()) == 0
    for name in ("ftr_hop_rtt_min_seconds", "ftr_hop_rtt_max_seconds"):
        assert all(0.1 < value < 0.9 for value in scrape.all(name).values()), name


def stopped(daemon: Daemon) -> None:
    """Stop it for a minute."""
    daemon.process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    daemon.process.send_signal(signal.SIGCONT)


def test_a_minute_without_the_processor(
    lab_factory: LabFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped for a minute with probes in flight, and 25 targets due at once when it went on: the

    budget of probes held, each cycle was run or counted as skipped, and systemd got its signs of
    life as before, without making up for those that were missing.
    """
    lab = lab_factory("small")
    lab.set_hop("gw", delay="150ms")
    monkeypatch.setenv("NOTIFY_SOCKET", str(lab.shared / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_SECONDS * 1_000_000))
    manager = Manager(str(lab.shared / "notify"))
    (lab.shared / "notify").chmod(0o777)
    with manager.sock, running(lab, CONFIG) as daemon:
        monkeypatch.undo()
        before = daemon.until_traced(3, *TARGETS)
        assert_right(before)
        stock = Stock.of(daemon, before)
        while not lab.ping()["pending"]:
            time.sleep(0.001)
        before, started = daemon.scrape(), time.monotonic()
        manager.drain()
        stopped(daemon)
        assert manager.drain() <= 1
        went_on = time.monotonic()
        after = further(daemon, 4)
        passed = time.monotonic() - started
        signs = (time.monotonic() - went_on) / (WATCHDOG_SECONDS / 3)
        assert signs / 2 - 1 <= manager.drain() <= signs + 2
        assert_right(after)
        for name, traced in per_target(after, "ftr_traces_total").items():
            traced -= per_target(before, "ftr_traces_total")[name]
            missed = after.all("ftr_traces_skipped_total", target=name)
            skipped = sum(missed.values()) - per_target(before, "ftr_traces_skipped_total")[name]
            assert skipped >= STOPPED_SECONDS / INTERVAL - 2, name
            assert abs(traced + skipped - passed / INTERVAL) <= 2.5, name
        assert 0 <= after.value("ftr_scheduler_lag_seconds") < STOPPED_SECONDS
        assert most_within(lab.truth(), 0.5) <= RATE * 0.6 + 5
        calm = further(daemon, 3)
        assert_right(calm)
        skips = "ftr_traces_skipped_total"
        assert per_target(calm, skips) == per_target(after, skips)
        assert calm.value("ftr_scheduler_lag_seconds") < 1
        back_to(daemon, stock)
        assert not complaints(daemon)
