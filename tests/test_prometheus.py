"""A real Prometheus scrapes the daemon in the lab and is asked what it has understood."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import LabFactory
from tests.daemon import running
from tests.scraping import prometheus, query, until

PROBES = """
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
  - job_name: probe
    metrics_path: /probe
    file_sd_configs: [{{files: [list.yml]}}]
    relabel_configs:
      - {{source_labels: [__address__], target_label: __param_target}}
      - {{source_labels: [__module], target_label: __param_module}}
      - {{source_labels: [__address__], target_label: instance}}
      - {{target_label: __address__, replacement: "{address}"}}
  - job_name: ftr
    static_configs: [{{targets: ["{address}"]}}]
"""
ROOT = Path(__file__).parent.parent

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


def test_prometheus_scrapes_probes_by_its_own_list(lab_factory: LabFactory) -> None:
    """One list of targets serves Prometheus, which hands each to `/probe`, and the daemon."""
    lab = lab_factory("small")
    (lab.shared / "list.yml").write_text(
        "- targets: [192.0.2.1]\n  labels: {site: a, __module: quick}\n"
        "- targets: ['2001:db8:300::1']\n  labels: {site: b, __module: quick}\n"
    )
    config = """
        modules: {quick: {interval: 1s, timeout: 500ms, probes: 1}}
        enrichment: {rdns: false, asn: {source: none}}
        target_files: [list.yml]
        probe: {allow: [192.0.2.0/24, "2001:db8::/32"]}
    """
    with (
        running(lab, config, "--web.enable-probe") as daemon,
        prometheus(lab, daemon.address, scrape=PROBES),
    ):
        until('up{job="probe"} == 1', 2)
        reached = until('ftr_target_reached{job="probe", instance=~".+"} == 1', 2)
        assert {series["metric"]["site"] for series in reached} == {"a", "b"}
        until('ftr_hop_rtt_seconds{job="probe", instance="192.0.2.1"}', 4)
        until('ftr_target_reached{job="ftr", site=~"a|b"} == 1', 2)
        until('ftr_probe_requests_total{job="ftr", result="done"} > 2', 1)


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="no promtool on this machine; install it (Debian: apt install prometheus)",
)
@pytest.mark.parametrize("page", ["probe.md", "../README.md", "../prometheus/README.md"])
def test_documented_configurations_are_valid(tmp_path: Path, page: str) -> None:
    """Every scrape configuration in the documentation passes the official check."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    found = [block for block in blocks if "\nscrape_configs:" in f"\n{block}"]
    assert len(found) == (3 if page == "probe.md" else 1)
    (tmp_path / "targets.d").mkdir()
    (tmp_path / "targets.d" / "a.yml").write_text("- {targets: [a], labels: {__module: web}}")
    for number, config in enumerate(found):
        path = tmp_path / f"{number}.yml"
        path.write_text(re.sub("^rule_files:.*$", "", config, flags=re.MULTILINE))
        checked = subprocess.run(
            ["promtool", "check", "config", str(path)], capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


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
