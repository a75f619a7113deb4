"""Time that stands still for the daemon, or that jumps: no loss, no change, no wild round trip."""

from __future__ import annotations

import signal
import time
from datetime import datetime
from pathlib import Path

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
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
HOUR = 3600
STEPS = (3 * HOUR, -5 * HOUR, 24 * HOUR, 0)
"""By how much the wall clock is wrong, one after the other."""
STEPPED_CLOCK = """
import pathlib, time
_FILE, _TIME, _TIME_NS = pathlib.Path({path!r}), time.time, time.time_ns
time.time = lambda: _TIME() + int(_FILE.read_text())
time.time_ns = lambda: _TIME_NS() + int(_FILE.read_text()) * 10**9
"""


def skipped(scrape: Scrape) -> float:
    """Cycles of all targets whose time passed unnoticed."""
    return sum(scrape.all("ftr_traces_skipped_total").values())


def shown(daemon: Daemon) -> float:
    """When the newest trace started by the daemon's clock, in seconds since the epoch."""
    told = daemon.api("icmp")["families"][0]["trace"]["started_at"]
    return datetime.fromisoformat(told).timestamp()


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


def test_a_wall_clock_that_jumps_moves_nothing(
    lab_factory: LabFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stepped by hours, forth and back, as the daemon reads it; the kernel's did not.

    Cycles start as ever, and no round trip has a step in it.
    """
    lab = lab_factory("small")
    step = lab.shared / "step"
    step.write_text("0")
    (lab.shared / "sitecustomize.py").write_text(STEPPED_CLOCK.format(path=str(step)))
    monkeypatch.setenv("PYTHONPATH", str(lab.shared))
    with running(lab, web("400ms", "300ms")) as daemon:
        monkeypatch.undo()
        daemon.until_traced(3, "icmp", "udp", "tcp")
        assert_right(daemon.scrape())
        for seconds in STEPS:
            started = time.monotonic()
            (lab.shared / "new").write_text(str(seconds))
            (lab.shared / "new").rename(step)
            after = further(daemon, 4)
            assert_right(after)
            assert time.monotonic() - started < 10
            assert abs(shown(daemon) - time.time() - seconds) < 60
        assert skipped(after) == 0
