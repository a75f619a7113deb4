"""What is shown of a target, that it is valid, and that it stays within bounds and never falls."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import ErrorReason
from exporter.metrics.families import PATH_FAMILIES
from exporter.model import Family, HostInfo, Protocol, StopReason, Trace
from exporter.monitoring.view import PathFacts, View
from exporter.settings import Module, Target
from exporter.trace.mtu import PathMtu
from exporter.watch.verdict import Knowledge
from tests.measured import (
    PATH_LABELS,
    TARGET,
    a_hop,
    a_response,
    a_trace,
    a_view,
    along,
    an_exposition,
    names_in,
    samples,
    shown,
    values,
)
from tests.test_metrics_hops import mpls

GOLDEN = Path(__file__).parent / "expected" / "metrics.prom"


def two_targets() -> list[View]:
    """One healthy target with a path through everything there is to show, and one that failed."""
    infos = {
        "198.51.100.1": HostInfo("gw.example.net", 64500, "EXAMPLE", "198.51.100.0/24", "DE"),
        "203.0.113.5": HostInfo(None, 64501, 'A "quoted" \\ name', "203.0.113.0/24", None),
    }
    trace = a_trace(
        a_hop(1, *(a_response("198.51.100.1", rtt, reply_ttl=64) for rtt in (0.0005, 0.0015))),
        a_hop(2, sent=2),
        a_hop(
            3,
            a_response("203.0.113.5", 0.004, ttl=3, reply_ttl=61, extensions=mpls(24017, 16)),
            a_response("203.0.113.9", 0.008, ttl=3, number=1),
        ),
        a_hop(4, a_response("192.0.2.1", 0.016, ttl=4), sent=2),
        sent=2,
        rtts=(0.016,),
    )
    failed = a_trace(stop=StopReason.ERROR, address=None, errors=(("resolve", 1),), duration=0.0)
    module = Module(rtt_buckets=(0.001, 1.0))
    labels = (("rack", 'A"1'), ("site", "home"))
    unresolved = Target("un\\resolved", "nowhere.example.net", module, labels)
    return [
        a_view(trace, trace, infos=infos),
        a_view(failed, target=unresolved, family=Family.IPV6, protocol=Protocol.UDP),
    ]


def test_golden() -> None:
    """The whole text of a healthy and of a failed target, for people to read and compare.

    Remedy after a change on purpose: `python -m tests.test_metrics_render`.
    """
    assert shown(*two_targets()) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("hop_histograms", [False, True])
def test_promtool_finds_no_fault(hop_histograms: bool) -> None:
    """Prometheus' own linter reads it; of the opt-in histogram it dislikes the name, no more."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; Debian has it in the package prometheus")
    target = Target("example", "x", Module(hop_histograms=hop_histograms))
    exposition = an_exposition(a_view(along("a", "b"), target=target), *two_targets()[1:])
    text = b"".join(exposition.chunks(None, None, False))
    outcome = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    assert outcome.stdout + outcome.stderr == b""


def test_every_path_metric_is_rendered() -> None:
    """No entry of the table is a promise."""
    target = Target("example", "x", Module(hop_histograms=True))
    hops = (a_hop(1, a_response("a", reply_ttl=64)), a_hop(2, a_response("b")))
    trace = a_trace(*hops, sent=2, rtts=(0.5, 0.5))
    facts = PathFacts(
        changes=1,
        as_changes=1,
        changed_at=1.5,
        known=Knowledge(("192.0.2.1",), branches=2),
        mtu=PathMtu(1500),
    )
    lost = a_view(along("a", "*", stop=StopReason.GAP), target=Target("lost", "x", Module()))
    names = names_in(shown(replace(a_view(trace, target=target), facts=facts), lost))
    assert {family.name for family in PATH_FAMILIES if names.isdisjoint(family.names)} == set()


def test_a_healthy_target() -> None:
    """Reached over two hops; one probe of four to the destination was lost."""
    trace = a_trace(
        a_hop(1, a_response("a")), a_hop(2, a_response("b")), sent=4, rtts=(0.5, 0.5, 0.25)
    )
    text = shown(a_view(trace, infos={"a": HostInfo(asn=64500), "b": HostInfo(asn=64501)}))
    for name, value in {
        "ftr_target_reached": 1,
        "ftr_target_loss_ratio": 0.25,
        "ftr_target_probes_sent_total": 4,
        "ftr_target_probes_lost_total": 1,
        "ftr_target_rtt_seconds_count": 3,
        "ftr_target_rtt_seconds_sum": 1.25,
        "ftr_path_hops": 2,
        "ftr_traces_total": 1,
        "ftr_traces_skipped_total": 0,
        "ftr_trace_duration_seconds_sum": 0.5,
    }.items():
        assert values(text, name, *PATH_LABELS) == {tuple(PATH_LABELS.values()): value}, name
    assert values(text, "ftr_target_info", "host", "address", "backend") == {
        ("www.example.net", "192.0.2.1", "linux-icmp"): 1
    }
    ((path, numbers),) = values(text, "ftr_path_info", "path_id", "as_path")
    assert (len(path), numbers) == (16, "64500 64501")


def test_jitter() -> None:
    """Two round trips that differ by 16 ms: a sixteenth of that, after RFC 3550."""
    text = shown(a_view(a_trace(a_hop(1, a_response("a")), sent=2, rtts=(0.010, 0.026))))
    assert values(text, "ftr_target_jitter_seconds") == {(): pytest.approx(0.001)}
    single = shown(a_view(a_trace(a_hop(1, a_response("a")), sent=1, rtts=(0.010,))))
    assert "ftr_target_jitter_seconds" not in names_in(single)


@pytest.mark.parametrize("reason", ErrorReason)
def test_a_target_that_cannot_be_traced_is_present(reason: ErrorReason) -> None:
    """Its first cycle failed locally: not reached, the reason counted, and nothing lost."""
    failed = a_trace(stop=StopReason.ERROR, address=None, errors=((reason.value, 1),))
    text = shown(a_view(failed))
    assert values(text, "ftr_target_reached") == {(): 0}
    assert values(text, "ftr_target_info", "address", "backend") == {("", ""): 1}
    expected = {(other.value,): float(other is reason) for other in ErrorReason}
    assert values(text, "ftr_errors_total", "reason") == expected
    for name in ("probes_sent_total", "probes_lost_total", "rtt_seconds_count"):
        assert values(text, f"ftr_target_{name}") == {(): 0}
    absent = {"ftr_target_loss_ratio", "ftr_path_hops", "ftr_path_info"}
    assert absent.isdisjoint(names_in(text))


def test_before_the_first_cycle() -> None:
    """Nothing is known yet: counters stand at 0 so that their first rise is seen."""
    text = shown(a_view())
    assert values(text, "ftr_traces_total") == {(): 0}
    assert "ftr_target_reached" not in names_in(text)


def test_a_destination_that_is_not_reached() -> None:
    """The farthest router that answered is the length; without any answer it is 0."""
    text = shown(a_view(along("a", "b", "*", stop=StopReason.GAP)))
    assert values(text, "ftr_path_hops") == {(): 2}
    assert values(text, "ftr_target_reached") == {(): 0}
    silent = shown(a_view(along("*", "*", stop=StopReason.MAX_HOPS)))
    assert values(silent, "ftr_path_hops") == {(): 0}
    assert "ftr_path_info" not in names_in(silent)


@pytest.mark.parametrize(
    ("trace", "reason", "meaning"),
    [
        (along("a", "*", stop=StopReason.GAP), "gap", "too many silent hops in a row"),
        (along("a", "b", stop=StopReason.LOOP), "loop", "the probes go round in a loop"),
        (
            replace(along("a", "b", stop=StopReason.UNREACHABLE), code=13),
            "unreachable",
            "communication administratively prohibited",
        ),
        (
            a_trace(stop=StopReason.ERROR, errors=(("resolve", 2), ("send", 1))),
            "error",
            "the host name could not be resolved",
        ),
    ],
)
def test_why_a_destination_is_not_reached(trace: Trace, reason: str, meaning: str) -> None:
    """The reason and its meaning are the same in every such cycle; no name, no count in them."""
    assert values(shown(a_view(trace)), "ftr_target_unreached_info", "reason", "meaning") == {
        (reason, meaning): 1
    }
    assert "ftr_target_unreached_info" not in names_in(shown(a_view(trace, along("a", "b"))))


def test_silence_keeps_the_identity_of_the_path() -> None:
    """A hop fell silent: the path is the one it was."""
    before, silent = along("a", "b", "c"), along("a", "*", "c")
    one = values(shown(a_view(before)), "ftr_path_info", "path_id")
    assert values(shown(a_view(before, silent)), "ftr_path_info", "path_id") == one


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_hostile_labels(name: str, site: str, as_name: str, hostname: str) -> None:
    """Whatever stands in a label, it comes back as it was, and makes no line of its own."""
    infos = {"a": HostInfo(hostname, 64500, as_name)}
    target = Target(name, "x", TARGET.module, (("site", site),))
    text = shown(a_view(along("a"), target=target, infos=infos))
    assert set(values(text, "ftr_hop_info", "target", "site", "as_name", "hostname")) == {
        (name, site, as_name, hostname)
    }
    assert len(samples(text)) == len(samples(shown(a_view(along("a")))))


def test_half_a_character_is_replaced() -> None:
    """A lone surrogate cannot be written as UTF-8; the scrape must not fail for it."""
    text = shown(a_view(along("a"), infos={"a": HostInfo(as_name="half \ud800")}))
    assert set(values(text, "ftr_hop_info", "as_name")) == {("half ?",)}


if __name__ == "__main__":
    GOLDEN.write_text(shown(*two_targets()), encoding="utf-8")
