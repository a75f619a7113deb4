"""A run that all dashboards are asked about: two exporters, a network with everything in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tests.daemon import Daemon, running
from tests.lab.lab import Lab
from tests.scraping import prometheus, query, until
from tests.stage import Stage

WORLD = "dashboards"
CYCLES = 24
"""Cycles that end before the dashboards are asked; the route changes halfway."""
CONFIG = """
defaults: {interval: 1s, timeout: 400ms, probes: 2}
resolver: {nameservers: [127.0.0.1], port: 10053, timeout: 2s}
enrichment: {rdns: true, asn: {source: cymru}}
targets:
  - {name: web, host: www.example.net, family: both, labels: {site: home}}
"""
MORE = """
  - {name: mail, host: 192.0.2.2, flows: 12}
  - {name: shop, host: 192.0.2.3, probes: 5}
  - {name: files, host: "2001:db8:300::4", mtu: true}
  - {name: gone, host: 192.0.2.5}
  - {name: nowhere, host: nowhere.example.net}
target_files: [list.yml]
probe: {allow: [192.0.2.0/24]}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What Grafana would know of a run: its exporters and its time in view, in Unix seconds."""

    near: str
    far: str
    start: float
    end: float

    def path(self, target: str, family: str = "ipv4") -> dict[str, str]:
        """The variables of the dashboard of one path, from the exporter that has all targets."""
        found = query(f'ftr_target_reached{{instance="{self.near}",target="{target}"}}', self.end)
        protocols = {each["metric"]["protocol"] for each in found}
        assert len(protocols) == 1, found
        who = {"job": "ftr", "instance": self.near, "target": target, "family": family}
        return {**who, "protocol": protocols.pop(), **self.times()}

    def times(self) -> dict[str, str]:
        """What Grafana calculates of the time in view."""
        return {
            "__range": f"{self.end - self.start:.0f}s",
            "__rate_interval": "8s",
            "step": "1s",
        }


@contextmanager
def vantage_points(lab: Lab) -> Iterator[Run]:
    """Two exporters trace for a while, the route to `web` changes, then this comes back."""
    names = Stage(lab, {})
    with closing(names):
        names.start_names()
        (lab.shared / "list.yml").write_text("[]")
        flags = f"--storage.path={lab.shared / 'history.db'}"
        with (
            running(lab, CONFIG + MORE, flags, "--web.enable-probe") as near,
            running(lab, CONFIG, place="far") as far,
            prometheus(lab, near.address, far.address),
        ):
            yield _measured(lab, near, far)


def _measured(lab: Lab, near: Daemon, far: Daemon) -> Run:
    until("up == 1", 2)
    start = time.time()
    near.until_traced(CYCLES // 2, "mail")
    assert "ftr_target_reached" in near.get("/probe?target=192.0.2.4")
    lab.set_target("web", path=["gw", "alt", "edge"])
    near.until_traced(CYCLES, "mail")
    until('ftr_path_changes_total{target="web"} > 0', 4)
    until('ftr_path_info{as_path="64500 64503 64502",target="web"}', 4)
    time.sleep(2)
    return Run(near.address, far.address, start, time.time())
