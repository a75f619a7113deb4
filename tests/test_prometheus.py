"""A real Prometheus scrapes the daemon in the lab and is asked what it has understood."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.conftest import LabFactory
from tests.daemon import running
from tests.scraping import prometheus, query, until

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="no prometheus on this machine; install it (Debian: apt install prometheus)",
)


def test_prometheus_understands_the_daemon(lab_factory: LabFactory) -> None:
    """Up, hop by hop; a changed route ends the old series at the next scrape, by itself."""
    lab = lab_factory("small")
    config = """
        defaults: {interval: 1s, timeout: 500ms, probes: 2}
        enrichment: {rdns: false, asn: {source: none}}
        targets: [{name: web, host: 192.0.2.1}, {name: six, host: "2001:db8:300::1"}]
    """
    with running(lab, config) as daemon, prometheus(lab, daemon.address):
        until("up == 1", 1)
        until("ftr_target_reached == 1", 2)
        hops = until('ftr_hop_rtt_seconds{target="web"}', 4)
        assert {series["metric"]["address"] for series in hops} == {
            "198.51.100.1",
            "203.0.113.1",
            "192.0.2.254",
            "192.0.2.1",
        }
        until('rate(ftr_hop_probes_lost_total{target="web"}[10s]) == 0', 4)
        until("histogram_quantile(0.9, rate(ftr_target_rtt_seconds_bucket[10s])) < 0.05", 2)
        mean = 'rate(ftr_hop_reply_seconds_total{hop="2"}[10s])/rate(ftr_hop_replies_total[10s])'
        assert all(0.002 < float(series["value"][1]) < 0.01 for series in until(mean, 2))
        lab.set_target("web", path=["gw", "a", "edge"])
        until('ftr_hop_info{target="web", address="203.0.113.11"}', 1)
        until('ftr_hop_info{target="web", address="203.0.113.1"}', 0)
        assert query("scrape_samples_scraped > 100")


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="no promtool on this machine; install it (Debian: apt install prometheus)",
)
def test_promtool_has_no_complaint(lab_factory: LabFactory) -> None:
    """Names, types, units and help of a real scrape pass the official linter."""
    lab = lab_factory("small")
    with running(lab, "targets: [{host: 192.0.2.1}]") as daemon:
        daemon.until_traced(1, "192.0.2.1")
        text = daemon.get("/metrics")
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
