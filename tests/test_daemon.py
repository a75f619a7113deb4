"""The installed daemon in the lab, without privilege: its figures against what really happened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import LabFactory
from tests.daemon import Daemon, Scrape, running
from tests.lab.lab import Lab
from tests.lab.truth import Record, Truth
from tests.lab.zone import world_zone

TARGETS = ("plain", "balanced", "lossy", "limited", "fenced", "dark")
CONFIG = """
defaults: {{interval: 6s, timeout: 2s, protocol: {protocol}, family: {family}}}
resolver: {{nameservers: [127.0.0.1], port: {port}, timeout: 1s}}
targets:
  - {{name: plain, host: www.example.net, labels: {{site: "lab"}}}}
  - {{name: balanced, host: mail.example.net}}
  - {{name: lossy, host: "{lossy}"}}
  - {{name: limited, host: "{limited}"}}
  - {{name: fenced, host: "{fenced}"}}
  - {{name: dark, host: "{dark}"}}
"""


@contextmanager
def names(lab: Lab) -> Iterator[int]:
    """A name server with the names and origins of the world; gives its port."""
    zone = lab.shared / "zone.json"
    zone.write_text(json.dumps(world_zone(lab.world)))
    process = lab.popen(
        [sys.executable, "-m", "tests.lab.dns", "--zone", str(zone)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().split()[2])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def configuration(lab: Lab, port: int, protocol: str, family: str) -> str:
    """A configuration with all targets of the world `troubled`."""
    hosts = {target.node.name: target.node for target in lab.world.targets.values()}
    version = 4 if family == "ipv4" else 6
    addresses = {name: hosts[name].addresses.of(version) for name in TARGETS}
    return CONFIG.format(protocol=protocol, family=family, port=port, **addresses)


def assert_hops_agree(scrape: Scrape, truth: Truth, target: str, ttls: range) -> None:
    """Sent, lost and answered by address, of each TTL, as the simulator counted them."""
    for ttl in ttls:
        happened, hop = truth.only(target=target, ttl=ttl), str(ttl)
        sent = scrape.value("ftr_hop_probes_sent_total", target=target, hop=hop)
        lost = scrape.value("ftr_hop_probes_lost_total", target=target, hop=hop)
        assert (sent, lost) == (happened.sent, happened.lost), f"{target} hop {ttl}"
        shown = scrape.all("ftr_hop_replies_total", target=target, hop=hop)
        assert {dict(key)["address"] for key in shown} <= set(happened.addresses)
        if answers := happened.answered.records:
            summed = scrape.all("ftr_hop_reply_seconds_total", target=target, hop=hop)
            mean = sum(summed.values()) / (sent - lost)
            assert mean > sum(each.rtt for each in answers) / len(answers) - 0.0001
            # The kernel stamps no SYN and no refusal: there the daemon's own pauses count.
            late = 0.1 if answers[0].protocol == "tcp" else 0.001
            assert mean < sum(each.rtt_bound for each in answers) / len(answers) + late


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("protocol", ["icmp", "udp", "tcp"])
def test_daemon_agrees_with_the_truth(lab_factory: LabFactory, protocol: str, family: str) -> None:
    """Two cycles over six troubled paths: counters, addresses, RTTs, labels, states are right."""
    lab = lab_factory("troubled")
    with names(lab) as port, running(lab, configuration(lab, port, protocol, family)) as daemon:
        daemon.until_traced(2, *TARGETS, seconds=60)
        daemon.until(lambda s: s.value("ftr_path_info", target="plain") == 1)
        scrape = daemon.until(
            lambda s: bool(
                s.all("ftr_hop_info", target="plain", hop="7", as_name="EXAMPLE-HOSTING")
            )
        )
        assert daemon.stop() < 5
    truth = _of_whole_cycles(lab.truth(), scrape)

    shown = {"protocol": protocol, "backend": f"linux-{protocol}"}
    assert [scrape.value("ftr_target_info", target=name, **shown) for name in TARGETS] == [1] * 6
    reached = {
        name: scrape.value("ftr_target_reached", target=name, protocol=protocol) for name in TARGETS
    }
    assert reached == dict.fromkeys(TARGETS[:4], 1) | {"fenced": 0, "dark": 0}
    hops = {name: scrape.value("ftr_path_hops", target=name) for name in TARGETS}
    assert hops == {"plain": 7, "balanced": 6, "lossy": 5, "limited": 5, "fenced": 4, "dark": 3}
    for name in TARGETS:
        assert_hops_agree(scrape, truth, name, range(1, int(hops[name]) + 1))
    assert_labels(scrape, family)
    assert scrape.value("ftr_responses_unmatched_total") == 0


def _of_whole_cycles(truth: Truth, scrape: Scrape) -> Truth:
    """Only the probes of cycles that the scrape has seen end."""
    kept: list[Record] = []
    for name in TARGETS:
        mine = truth.only(target=name)
        for ttl, part in mine.by_ttl().items():
            shown = scrape.all("ftr_hop_probes_sent_total", target=name, hop=str(ttl))
            kept += part.records[: int(next(iter(shown.values()), 0))]
    return Truth(kept)


def assert_labels(scrape: Scrape, family: str) -> None:
    """Names, AS, prefix, country and MPLS labels of the world; no origin of private addresses."""
    info = scrape.labels("ftr_hop_info", target="plain", hop="4")[0]
    prefix = "203.0.113.0/24" if family == "ipv4" else "2001:db8:200::/48"
    assert info["hostname"] == "core1.transit.example"
    assert (info["asn"], info["as_name"], info["country"]) == ("64501", "EXAMPLE-TRANSIT", "NL")
    assert (info["prefix"], info["mpls"], info["site"]) == (prefix, "24017/16", "lab")
    private = scrape.labels("ftr_hop_info", target="plain", hop="1")[0]
    assert (private["hostname"], private["asn"]) == ("router.home.example", "")
    path = scrape.labels("ftr_path_info", target="plain")[0]
    assert path["as_path"] == "64500 64501 64502"
    silent = scrape.all("ftr_hop_loss_ratio", target="plain", hop="3", address="", asn="")
    assert list(silent.values()) == [1.0]


def test_api_shows_the_latest_trace(lab_factory: LabFactory) -> None:
    """The JSON of a target has the shape that the documentation promises."""
    lab = lab_factory("troubled")
    with names(lab) as port, running(lab, configuration(lab, port, "icmp", "ipv4")) as daemon:
        daemon.until_traced(1, *TARGETS)
        listing = json.loads(daemon.get("/api/v1/targets"))
        assert "plain" in json.dumps(listing)
        assert '"reached": true' in json.dumps(daemon.api("plain"))
        fenced = json.dumps(daemon.api("fenced"))
        assert '"stop_reason": "unreachable"' in fenced
        assert '"code": 13' in fenced


def state_of(daemon: Daemon, target: str) -> str:
    """The latest state of a target that the log tells."""
    states = [
        line["state"]
        for line in daemon.log
        if line["event"] == "target.state" and line["target"] == target
    ]
    return str(states[-1]) if states else ""


def test_local_failures_are_errors_and_never_loss(lab_factory: LabFactory) -> None:
    """No name, no permission, no route: each target is there with its reason, and lost nothing."""
    lab = lab_factory("small", ping_sockets=False)
    config = """
        defaults: {interval: 1s, timeout: 500ms}
        resolver: {nameservers: [127.0.0.1], port: 9, timeout: 300ms}
        targets:
          - {name: nameless, host: nosuch.example.net}
          - {name: forbidden, host: 192.0.2.1, protocol: icmp}
          - {name: roadless, host: 192.0.2.2, protocol: udp}
          - {name: fine, host: 192.0.2.1, protocol: auto}
    """
    expected = {
        "nameless": "resolve",
        "forbidden": "permission",
        "roadless": "unreachable_network",
    }
    subprocess.run(["ip", "route", "add", "unreachable", "192.0.2.2"], check=True)
    try:
        with running(lab, config) as daemon:
            scrape = daemon.until_traced(2, *expected, "fine")
            for target, reason in expected.items():
                assert scrape.value("ftr_errors_total", target=target, reason=reason) >= 1
                assert scrape.value("ftr_target_reached", target=target) == 0
                assert scrape.value("ftr_target_probes_lost_total", target=target) == 0
                assert not scrape.all("ftr_target_loss_ratio", target=target)
                assert state_of(daemon, target) == reason
            assert scrape.value("ftr_target_reached", target="fine") == 1
            info = scrape.labels("ftr_target_info", target="fine")[0]
            assert info["backend"] == "linux-udp"
            subprocess.run(["ip", "route", "del", "unreachable", "192.0.2.2"], check=True)
            daemon.until(lambda s: s.value("ftr_target_reached", target="roadless") == 1)
    finally:
        subprocess.run(["ip", "route", "del", "unreachable", "192.0.2.2"], check=False)


def test_dead_name_server_costs_labels_only(lab_factory: LabFactory) -> None:
    """Nobody answers DNS: hops, RTTs and cycles are as ever, and the labels are empty."""
    lab = lab_factory("troubled")
    config = """
        defaults: {interval: 1s, timeout: 1s}
        resolver: {nameservers: [127.0.0.1], port: 9, timeout: 1s}
        targets: [{name: plain, host: 192.0.2.1}]
    """
    with running(lab, config) as daemon:
        scrape = daemon.until_traced(3, "plain")
        assert scrape.value("ftr_target_reached", target="plain") == 1
        assert {info["hostname"] for info in scrape.labels("ftr_hop_info")} == {""}
        assert scrape.value("ftr_traces_skipped_total", target="plain") == 0
        assert daemon.stop() < 5


def test_log_says_each_state_once(lab_factory: LabFactory) -> None:
    """Ten cycles of the same: one line for the state. A change of state: one more."""
    lab = lab_factory("small")
    config = """
        defaults: {interval: 300ms, timeout: 200ms, probes: 1}
        enrichment: {rdns: false, asn: {source: none}}
        targets: [{name: web, host: 192.0.2.1}]
    """
    with running(lab, config) as daemon:
        daemon.until_traced(10, "web")
        states = [line for line in daemon.log if line["event"] == "target.state"]
        assert [line["state"] for line in states] == ["destination"]
        lab.set_target("web", icmp="silent")
        daemon.until(lambda s: s.value("ftr_target_reached", target="web") == 0)
        assert state_of(daemon, "web") == "gap"
        lab.set_target("web", icmp="reply")
        daemon.until(lambda s: s.value("ftr_target_reached", target="web") == 1)
        assert state_of(daemon, "web") == "destination"
        daemon.stop()
        assert daemon.log[-1]["event"] == "daemon.stopped"


def test_changed_route_replaces_its_series(lab_factory: LabFactory) -> None:
    """A router is replaced and the path gets shorter: no series of the old hops is left."""
    lab = lab_factory("troubled")
    config = """
        defaults: {interval: 500ms, timeout: 300ms, probes: 1}
        enrichment: {rdns: false, asn: {source: none}}
        targets: [{name: plain, host: 192.0.2.1}]
    """
    with running(lab, config) as daemon:
        daemon.until(lambda s: s.all("ftr_path_hops", target="plain") != {})
        lab.set_target("plain", path=["home", "gw", "core2", "edge"])
        scrape = daemon.until(lambda s: s.value("ftr_path_hops", target="plain") == 5)
        addresses = {info["address"] for info in scrape.labels("ftr_hop_info")}
        assert addresses == {"10.1.1.1", "198.51.100.1", "203.0.113.2", "192.0.2.254", "192.0.2.1"}
        assert not scrape.all("ftr_hop_probes_sent_total", hop="6")
