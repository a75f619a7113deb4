"""The wall clock is set by hours under the daemon, and under the kernel's stamps that it gets."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.clocksteps import SteppedClock
from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.faults import (
    TRUE,
    Stock,
    all_reached,
    back_to,
    changes,
    complaints,
    further,
    lost,
    seen,
    web,
)
from tests.lab.lab import Lab
from tests.lab.small import WEB

PROTOCOLS = ("icmp", "udp", "tcp", "quic")
HOUR = 3600
STEPS = ((3 * HOUR, True), (-5 * HOUR, True), (24 * HOUR, False), (0, False), (-HOUR, True))
"""By how much the wall clock is wrong, one after the other, and whether answers lie unread then."""
INTERVAL = 1
SHORTEST, LONGEST = 0.15, 0.6
"""Bounds of any true round trip: the first hop alone takes the shortest."""
each_version = pytest.mark.parametrize("version", [4, 6])


@contextmanager
def daemon_by(clock: SteppedClock, lab: Lab, version: int) -> Iterator[Daemon]:
    """A daemon whose wall clock this is."""
    config = web(f"{INTERVAL}s", "900ms", PROTOCOLS, WEB[version])
    preloaded = ("env", *(f"{name}={value}" for name, value in clock.environment.items()))
    with running(lab, config, under=preloaded) as daemon:
        yield daemon


def shown(daemon: Daemon) -> float:
    """When the newest trace started by the daemon's clock, in seconds since the epoch."""
    told = daemon.api("icmp")["families"][0]["trace"]["started_at"]
    return datetime.fromisoformat(told).timestamp()


def mean(scrape: Scrape, name: str) -> float:
    """The mean of all that a histogram of any target has seen."""
    return sum(scrape.all(f"{name}_sum").values()) / sum(scrape.all(f"{name}_count").values())


def assert_right(scrape: Scrape, version: int) -> None:
    """Nothing lost, changed or failed, nobody new, and all took as long as it did."""
    assert (lost(scrape), changes(scrape)) == (0, 0)
    assert seen(scrape) == TRUE[version]
    assert all_reached(scrape)
    assert sum(scrape.all("ftr_errors_total").values()) == 0
    assert sum(scrape.all("ftr_traces_skipped_total").values()) == 0
    for name in ("ftr_hop_rtt_seconds", "ftr_hop_rtt_min_seconds", "ftr_hop_rtt_max_seconds"):
        assert all(SHORTEST < each < LONGEST for each in scrape.all(name).values()), name
    replies = scrape.all("ftr_hop_replies_total")
    for labels, seconds in scrape.all("ftr_hop_reply_seconds_total").items():
        assert SHORTEST < seconds / replies[labels] < LONGEST
    assert SHORTEST < mean(scrape, "ftr_target_rtt_seconds") < LONGEST
    assert SHORTEST < mean(scrape, "ftr_trace_duration_seconds") < 2 * LONGEST
    assert 0 < mean(scrape, "ftr_response_processing_seconds") < 0.1
    assert 0 <= scrape.value("ftr_scheduler_lag_seconds") < INTERVAL


def cycles(scrape: Scrape) -> float:
    """Cycles of all targets that have ended."""
    return sum(scrape.all("ftr_traces_total").values())


def late(scrape: Scrape) -> float:
    """Answers that came after their time; some do when a path is traced for the first time."""
    return scrape.value("ftr_responses_late_total")


@each_version
def test_a_clock_set_in_mid_flight(lab_factory: LabFactory, version: int) -> None:
    """Hours forth and hours back, with probes in flight, or with answers that the kernel had and

    we had not read: every cycle came at its time, no figure had a step in it, and only the
    times of day followed.
    """
    lab = lab_factory("small")
    lab.set_hop("gw", delay="150ms")
    clock = SteppedClock(lab.shared)
    with daemon_by(clock, lab, version) as daemon:
        before = daemon.until_traced(3, *PROTOCOLS)
        assert_right(before, version)
        stock = Stock.of(daemon, before)
        for offset, unread in STEPS:
            before, started = daemon.scrape(), time.monotonic()
            while not lab.ping()["pending"]:
                time.sleep(0.001)
            daemon.process.send_signal(signal.SIGSTOP)
            if unread:
                lab.settle()
            clock.set(offset)
            daemon.process.send_signal(signal.SIGCONT)
            after = further(daemon, 4)
            passed = time.monotonic() - started
            assert_right(after, version)
            assert abs(shown(daemon) - time.time() - offset) < 60
            assert abs(cycles(after) - cycles(before) - 4 * passed / INTERVAL) <= 8
        assert late(after) == late(before)
        back_to(daemon, stock)
        assert not complaints(daemon)


@each_version
def test_a_clock_that_is_set_all_the_time(lab_factory: LabFactory, version: int) -> None:
    """Thirty times a second for ten seconds, so several times between any probe and its answer, it

    was set to another time, some milliseconds or some hours off: as if nothing had been.
    """
    lab = lab_factory("small")
    lab.set_hop("gw", delay="150ms")
    clock = SteppedClock(lab.shared)
    offsets = [*(number / 100 for number in range(-75, 75)), *range(-75 * 999 + 1, 75 * 999, 999)]
    random.Random(version).shuffle(offsets)
    with daemon_by(clock, lab, version) as daemon:
        before = daemon.until_traced(3, *PROTOCOLS)
        started, now = time.monotonic(), time.time()
        for number, offset in enumerate(offsets):
            clock.set(offset, now + number / 30)
        while time.monotonic() - started < 10:
            assert_right(daemon.scrape(), version)
            time.sleep(0.5)
        after = further(daemon, 3)
        assert_right(after, version)
        passed = time.monotonic() - started
        assert abs(cycles(after) - cycles(before) - 4 * passed / INTERVAL) <= 8
        assert late(after) == late(before)
        assert not complaints(daemon)
