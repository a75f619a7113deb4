"""The daemon towards services, without privilege: QUIC, and UDP that is answered, in the lab."""

from __future__ import annotations

import pytest

from exporter.model import Family
from tests.conftest import LabFactory
from tests.daemon import Scrape, running
from tests.probing import ROUTERS, WEB

CONFIG = """
enrichment: {{rdns: false, asn: {{source: none}}}}
defaults: {{interval: 2s, timeout: 1s, probes: 3, family: {family}}}
targets:
  - {{name: quic, host: "{host}", protocol: quic}}
  - {{name: dns, host: "{host}", protocol: udp, port: 53}}
  - {{name: ntp, host: "{host}", protocol: udp, port: 123}}
  - {{name: said, host: "{host}", protocol: udp, port: 25, payload: "48454c4f0d0a"}}
  - {{name: closed, host: "{host}", protocol: udp, port: 9}}
"""
NAMES = ("quic", "dns", "ntp", "said", "closed")


def path_of(scrape: Scrape, target: str) -> list[str]:
    """The addresses of the hops in their order."""
    return [labels["address"] for labels in scrape.labels("ftr_hop_info", target=target)]


@pytest.mark.parametrize("family", list(Family))
def test_services_are_reached_at_their_own_hop(lab_factory: LabFactory, family: Family) -> None:
    """Five ways to one host, the last router quoting 8 bytes: the same four hops, and no loss."""
    lab = lab_factory("small")
    lab.set_target("web", udp={53: "dns", 123: "ntp", 443: "quic", 25: "banner"})
    config = CONFIG.format(family=family, host=WEB[family])
    with running(lab, config) as daemon:
        scrape = daemon.until_traced(2, *NAMES)
        assert daemon.stop() < 5
    for name in NAMES:
        protocol, backend = ("quic", "linux-quic") if name == "quic" else ("udp", "linux-udp")
        assert scrape.value("ftr_target_reached", target=name, protocol=protocol) == 1
        assert scrape.value("ftr_target_info", target=name, backend=backend) == 1
        assert scrape.value("ftr_path_hops", target=name) == 4
        assert path_of(scrape, name) == [*ROUTERS[family], WEB[family]]
        assert set(scrape.all("ftr_hop_probes_lost_total", target=name).values()) == {0}
        assert sum(scrape.all("ftr_errors_total", target=name).values()) == 0
        assert scrape.value("ftr_path_changes_total", target=name) == 0
