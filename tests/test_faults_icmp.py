"""A forger who sees every probe, and a flood: the daemon believes nothing and goes on serving."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.conftest import LabFactory
from tests.daemon import running
from tests.faults import (
    TRUE_ADDRESSES,
    Stock,
    all_reached,
    back_to,
    changes,
    further,
    lost,
    scrape_seconds,
    seen,
    web,
)

RATE, SECONDS = 50_000, 4
MEMORY_BYTES = 50e6


def test_forged_answers_by_the_thousand_are_not_believed(lab_factory: LabFactory) -> None:
    """50,000 wrong answers a second to the probes in flight: no hop and no change came of it; they

    were counted as unmatched, the daemon served in between, and afterwards all was as before.
    """
    lab = lab_factory("small")
    with running(lab, web("500ms", "300ms", ("icmp", "udp"))) as daemon:
        before = daemon.until_traced(4, "icmp", "udp")
        stock = Stock.of(daemon, before)
        assert (lost(before), seen(before)) == (0, TRUE_ADDRESSES)
        flooder = lab.popen(
            [sys.executable, "-m", "tests.flooding", str(RATE), str(SECONDS)],
            privileged=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        slowest, most = 0.0, 0.0
        while flooder.poll() is None:
            slowest = max(slowest, scrape_seconds(daemon))
            scrape = daemon.scrape()
            time.sleep(0.1)
            most = max(most, scrape.value("process_resident_memory_bytes"))
            assert seen(scrape) <= TRUE_ADDRESSES
        sent, seconds = map(float, flooder.communicate()[0].split())
        assert sent / seconds > RATE / 2
        assert slowest < 1
        assert most < stock.memory + MEMORY_BYTES
        calm = further(daemon, 1)
        after = further(daemon, 4)
        assert calm.value("ftr_responses_unmatched_total") > 0
        assert lost(after) == lost(calm)
        assert changes(after) == 0
        assert seen(after) == TRUE_ADDRESSES
        assert all_reached(after)
        back_to(daemon, stock)
