"""Time that stands still for the daemon: no loss, no change, no wild round trip."""

from __future__ import annotations

import signal
import time

from tests.conftest import LabFactory
from tests.daemon import Scrape, running
from tests.faults import (
    TRUE_ADDRESSES,
    Stock,
    all_reached,
    back_to,
    changes,
    further,
    lost,
    seen,
    web,
)

STOPPED_SECONDS = 4


def skipped(scrape: Scrape) -> float:
    """Cycles of all targets whose time passed unnoticed."""
    return sum(scrape.all("ftr_traces_skipped_total").values())


def assert_right(scrape: Scrape) -> None:
    """Nothing lost, nothing changed, nobody new, and round trips as long as they are."""
    assert (lost(scrape), changes(scrape)) == (0, 0)
    assert seen(scrape) == TRUE_ADDRESSES
    assert all_reached(scrape)
    assert sum(scrape.all("ftr_errors_total").values()) == 0
    for name in ("ftr_hop_rtt_min_seconds", "ftr_hop_rtt_max_seconds", "ftr_target_rtt_seconds"):
        assert all(0 < value < 1 for value in scrape.all(name).values()), name


def test_a_stopped_process_skips_cycles_and_loses_nothing(lab_factory: LabFactory) -> None:
    """Stopped with probes in flight, twice: what was answered meanwhile counts as answered."""
    lab = lab_factory("small")
    lab.set_hop("gw", delay="150ms")
    with running(lab, web("1s", "900ms")) as daemon:
        daemon.until_traced(3, "icmp", "udp", "tcp")
        before = daemon.scrape()
        assert_right(before)
        stock = Stock.of(daemon, before)
        for _ in range(2):
            passed = skipped(daemon.scrape())
            while not lab.ping()["pending"]:
                time.sleep(0.001)
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(STOPPED_SECONDS)
            daemon.process.send_signal(signal.SIGCONT)
            after = further(daemon, 3)
            assert_right(after)
            missed = skipped(after) - passed
            assert 3 * (STOPPED_SECONDS - 2) <= missed <= 3 * (STOPPED_SECONDS + 2)
        assert skipped(further(daemon, 3)) == skipped(after)
        back_to(daemon, stock)
