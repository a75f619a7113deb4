"""The daemon knows its paths: changes, branches and path MTU, against a world that we change."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, running

QUIET = "enrichment: {rdns: false, asn: {source: none}}\n"
_OF_THE_LOG = {"ts", "level", "logger", "event"}


@pytest.mark.parametrize("protocol", ["icmp", "udp"])
def test_changed_route_is_confirmed_within_seconds(lab_factory: LabFactory, protocol: str) -> None:
    """A router is replaced: the cycle that sees it is confirmed at once, and counted once."""
    lab = lab_factory("troubled")
    config = QUIET + (
        f"defaults: {{interval: 3s, timeout: 1s, probes: 3, protocol: {protocol}}}\n"
        "targets: [{name: lossy, host: 192.0.2.3}]\n"
    )
    lab.set_hop("leaky", loss=0)
    with running(lab, config) as daemon:
        daemon.until_traced(6, "lossy")
        lab.set_target("lossy", path=["home", "gw", "core2", "edge"])
        changed = time.time()
        scrape = daemon.until(lambda s: s.value("ftr_path_changes_total", target="lossy") == 1)
        at = scrape.value("ftr_path_last_change_timestamp_seconds", target="lossy")
        assert at - changed < 3 + 5
        seen = next(line for line in daemon.log if line["event"] == "path.changed")
        assert "203.0.113.2 instead of 203.0.113.21" in seen["change"]
        scrape = daemon.until_traced(10, "lossy")
        assert scrape.value("ftr_path_changes_total", target="lossy") == 1
        changes = daemon.api("lossy")["families"][0]["changes"]
        assert [change["new_path"][2] for change in changes] == ["203.0.113.2"]
        incidents = json.loads(daemon.get("/api/v1/incidents?target=lossy"))["incidents"]
        assert incidents[0]["reason"] == "changed"
        assert all(each["family"] == "ipv4" and each["trace"]["hops"] for each in incidents)


def test_restart_neither_forgets_nor_invents_a_change(lab_factory: LabFactory) -> None:
    """The same route after a restart is no change; one that changed while we were down is."""
    lab = lab_factory("troubled")
    lab.set_hop("leaky", loss=0)
    config = QUIET + (
        "defaults: {interval: 2s, timeout: 1s}\ntargets: [{name: lossy, host: 192.0.2.3}]\n"
    )
    store = f"--storage.path={lab.shared / 'history.db'}"
    with running(lab, config, store) as daemon:
        daemon.until_traced(5, "lossy")
        daemon.stop()
    with running(lab, config, store) as daemon:
        scrape = daemon.until_traced(3, "lossy")
        assert scrape.value("ftr_path_changes_total", target="lossy") == 0
        assert scrape.value("ftr_storage_errors_total") == 0
        daemon.stop()
    lab.set_target("lossy", path=["home", "gw", "core2", "edge"])
    with running(lab, config, store) as daemon:
        daemon.until(lambda s: sum(s.all("ftr_path_changes_total").values()) == 1)
        daemon.stop()
    with running(lab, config, store) as daemon:
        scrape = daemon.until_traced(2, "lossy")
        assert scrape.value("ftr_path_changes_total", target="lossy") == 0
        assert scrape.value("ftr_path_last_change_timestamp_seconds", target="lossy") > 0
        (change,) = daemon.api("lossy")["families"][0]["changes"]
        assert "203.0.113.2 instead of 203.0.113.21" in change["words"]


def test_broken_store_costs_history_only(lab_factory: LabFactory) -> None:
    """A store that is no database is put aside, told and counted; measuring goes on."""
    lab = lab_factory("small")
    path = lab.shared / "history.db"
    path.write_bytes(b"this is no database" * 1000)
    path.chmod(0o666)
    config = QUIET + "targets: [{name: web, host: 192.0.2.1, interval: 1s, timeout: 500ms}]\n"
    with running(lab, config, f"--storage.path={path}") as daemon:
        scrape = daemon.until_traced(2, "web")
        assert scrape.value("ftr_target_reached", target="web") == 1
        assert scrape.value("ftr_storage_errors_total") >= 1
        assert any(line["event"] == "storage.state" for line in daemon.log)


def test_trouble_is_no_change(lab_factory: LabFactory) -> None:
    """Loss, rate limits, silence, balancing and a destination that goes away and comes back."""
    lab = lab_factory("troubled")
    hosts = {"plain": 1, "balanced": 2, "lossy": 3, "limited": 4, "fenced": 5, "dark": 6}
    config = QUIET + "defaults: {interval: 1s, timeout: 300ms, probes: 1, flows: 4}\ntargets:\n"
    for name, number in hosts.items():
        config += f"  - {{name: {name}, host: 192.0.2.{number}}}\n"
        config += f"  - {{name: {name}-udp, host: 192.0.2.{number}, protocol: udp}}\n"
    with running(lab, config) as daemon:
        daemon.until_traced(10, *hosts, seconds=60)
        lab.set_target("plain", icmp="silent", udp="silent")
        daemon.until_traced(18, *hosts, seconds=60)
        lab.set_target("plain", icmp="reply", udp="unreachable")
        scrape = daemon.until_traced(28, *hosts, seconds=60)
        incidents = json.loads(daemon.get("/api/v1/incidents?target=plain"))["incidents"]
        assert {"outage", "recovered"} <= {each["reason"] for each in incidents}
        assert not daemon.api("plain")["families"][0]["outage"]
    changes = {tuple(sorted(k)): v for k, v in scrape.all("ftr_path_changes_total").items() if v}
    assert changes == {}
    assert scrape.value("ftr_path_branches", target="balanced") == 2


def test_branches_are_counted(lab_factory: LabFactory) -> None:
    """With flows enough the daemon finds all four branches in a few cycles, and no more."""
    lab = lab_factory("diamonds")
    config = QUIET + (
        "defaults: {interval: 2s, timeout: 300ms, probes: 1, flows: 32}\n"
        "targets: [{name: four, host: 192.0.2.4}, {name: single, host: 192.0.2.1}]\n"
    )
    with running(lab, config) as daemon:
        daemon.until(lambda s: s.all("ftr_path_branches", target="four") != {})
        scrape = daemon.until(lambda s: s.value("ftr_path_branches", target="four") == 4)
        scrape = daemon.until_traced(6, "four", "single")
        assert scrape.value("ftr_path_branches", target="four") == 4
        assert scrape.value("ftr_path_branches", target="single") == 1
        assert sum(scrape.all("ftr_path_changes_total").values()) == 0


def test_path_mtu_is_found_and_followed(lab_factory: LabFactory) -> None:
    """1500 where all fits, 1400 behind a tunnel and behind a black hole; growth is found too."""
    lab = lab_factory("mtu")
    config = QUIET + (
        "defaults: {interval: 4s, timeout: 500ms, probes: 1, mtu: true}\n"
        "targets: [{name: plain, host: 192.0.2.1}, {name: tunnelled, host: 192.0.2.2},"
        " {name: hidden, host: 192.0.2.3}]\n"
    )
    expected = {"plain": 1500, "tunnelled": 1400, "hidden": 1400}
    with running(lab, config) as daemon:
        daemon.until(
            lambda scrape: (
                expected
                == {
                    dict(key)["target"]: size
                    for key, size in scrape.all("ftr_path_mtu_bytes").items()
                }
            )
        )
        hidden = daemon.api("hidden")["families"][0]["mtu"]
        assert hidden["black_hole"]
        assert daemon.api("tunnelled")["families"][0]["mtu"]["limited_by"] == "203.0.113.1"
        lab.set_hop("tunnel", mtu=1300)
        daemon.until(lambda s: s.value("ftr_path_mtu_bytes", target="tunnelled") == 1300)


def told(daemon: Daemon) -> list[dict[str, Any]]:
    """What the log says of changed path MTUs, without its own fields."""
    lines = [line for line in daemon.log if line["event"] == "path.mtu_changed"]
    assert {(line["level"], line["logger"]) for line in lines} <= {("info", "daemon")}
    return [{key: line[key] for key in line if key not in _OF_THE_LOG} for line in lines]


def test_path_mtu_that_drops_is_a_line_of_the_log(lab_factory: LabFactory) -> None:
    """A tunnel's link shrinks: one line, with who says so and what passed before. A reload that
    leaves how the target is probed alone, and cycles that change nothing, have none."""
    lab = lab_factory("mtu")
    config = QUIET + (
        "defaults: {interval: 1s, timeout: 500ms, probes: 1, mtu: true}\n"
        "targets: [{name: plain, host: 192.0.2.1}, {name: tunnelled, host: 192.0.2.2}]\n"
    )
    line = {
        "target": "tunnelled",
        "family": "ipv4",
        "protocol": "icmp",
        "address": "192.0.2.2",
        "mtu": 1300,
        "before": 1400,
        "limited_by": "203.0.113.1",
        "ttl": 2,
    }
    with running(lab, config) as daemon:
        daemon.until(lambda s: set(s.all("ftr_path_mtu_bytes").values()) == {1500, 1400})
        daemon.until_traced(5, "plain", "tunnelled")
        assert told(daemon) == []
        lab.set_hop("tunnel", mtu=1300)
        daemon.until(lambda _: told(daemon) != [])
        daemon.configure(config.replace("{name: tunnelled", "{name: tunnelled, labels: {a: b}"))
        daemon.process.send_signal(signal.SIGHUP)
        scrape = daemon.until(lambda s: s.all("ftr_path_mtu_bytes", a="b") != {})
        traces = scrape.value("ftr_traces_total", target="tunnelled")
        daemon.until_traced(int(traces) + 3, "tunnelled")
        assert told(daemon) == [line]
