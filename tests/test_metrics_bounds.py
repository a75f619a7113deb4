"""Whatever the network answers: valid text, no counter that falls, never too many series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.samples import Sample

from exporter.errors import ErrorReason
from exporter.model import Family, FamilyChoice, Hop, HostInfo, StopReason, Trace
from exporter.monitoring.view import View
from exporter.settings import Module, Target
from exporter.statistics.tally import Tally
from tests.measured import (
    TARGET,
    a_response,
    a_trace,
    a_view,
    along,
    an_exposition,
    names_in,
    openmetrics_families,
    samples,
    shown,
    values,
)


def series(view: View, limit: int = 100_000) -> int:
    """How many series a target has."""
    return len(samples(shown(view, limit=limit)))


@pytest.mark.parametrize("hop_histograms", [False, True])
def test_too_many_series(hop_histograms: bool) -> None:
    """Ever tighter limits: info and links go first, the target's own series never."""
    module = Module(rtt_buckets=(0.1,), hop_histograms=hop_histograms)
    target = Target("example", "x", module)
    view = a_view(along(*"abcd"), target=target)
    unlimited, own = series(view), series(a_view(a_trace(sent=1), target=target)) + 2
    for limit in range(unlimited + 5, 0, -1):
        exposition = an_exposition(view, limit=limit)
        text = b"".join(exposition.chunks({"example"}, None, False)).decode()
        left = len(samples(text))
        step = len(target.module.rtt_buckets) + 3 if hop_histograms else 1
        assert max(min(limit, unlimited) - step, 0) < left <= max(limit, own)
        ownmetrics = b"".join(exposition.chunks(None, ["ftr_series_dropped"], False)).decode()
        assert values(ownmetrics, "ftr_series_dropped_total") == {(): unlimited - left}
        if left < unlimited - 3:
            assert "ftr_link_info" not in names_in(text)
        assert {"ftr_target_reached", "ftr_target_loss_ratio"} <= names_in(text)


def test_the_nearest_hops_stay() -> None:
    """Where a metric must be cut, its farthest hops go."""
    view = a_view(along(*"abcd"))
    text = shown(view, limit=series(view) - 2)
    assert set(values(text, "ftr_link_info", "hop")) == {("2",)}


def test_two_families_share_the_limit() -> None:
    """A target traced over IPv4 and IPv6 is one target."""
    single = Target("example", "x", Module(family=FamilyChoice.IPV4))
    both = Target("example", "x", Module(family=FamilyChoice.BOTH))
    trace = along(*[" ".join(f"r{ttl}-{n}" for n in range(40)) for ttl in range(10)])
    assert series(a_view(trace, target=single), 400) == 400
    views = [a_view(trace, target=both, family=family) for family in Family]
    assert len(samples(shown(*views, limit=400))) == 400


ADDRESS = st.sampled_from(["a", "b", "c", "2001:db8::1"])
RTT = st.floats(-1.0, 10.0)
REPLY_TTL = st.none() | st.integers(-1, 300)
RESPONSES = st.builds(
    lambda address, rtt, number, reply_ttl: a_response(
        address, rtt, number=number, reply_ttl=reply_ttl
    ),
    *(ADDRESS, RTT, st.integers(0, 3), REPLY_TTL),
)
HOPS = st.builds(
    lambda ttl, sent, answers: Hop(ttl, sent, tuple(answers)),
    *(st.integers(1, 6), st.integers(0, 5), st.lists(RESPONSES, max_size=4)),
)
TRACES = st.builds(
    lambda hops, stop, sent, rtts, errors: a_trace(
        *sorted(hops, key=lambda hop: hop.ttl),
        stop=stop,
        sent=sent,
        rtts=tuple(rtts),
        errors=tuple(errors.items()),
    ),
    st.lists(HOPS, max_size=6, unique_by=lambda hop: hop.ttl),
    st.sampled_from(StopReason),
    st.integers(0, 3),
    st.lists(RTT, max_size=3),
    st.dictionaries(st.sampled_from([reason.value for reason in ErrorReason]), st.integers(1, 9)),
)


def identified(text: str) -> dict[tuple[object, ...], Sample]:
    """All samples by name and labels; fails for a series that appears twice."""
    found: dict[tuple[object, ...], Sample] = {}
    for sample in samples(text):
        key = (sample.name, *sorted(sample.labels.items()))
        assert key not in found
        found[key] = sample
    return found


def growing(found: Iterable[Sample]) -> list[Sample]:
    """Those that are counters or parts of a histogram."""
    return [
        sample for sample in found if sample.name.endswith(("_total", "_bucket", "_sum", "_count"))
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(TRACES, min_size=1, max_size=4))
def test_counters_never_fall_and_gone_hops_are_gone(traces: list[Trace]) -> None:
    """Any sequence of traces: valid in both formats, nothing twice, no counter falls."""
    tally = Tally(TARGET.module)
    before: dict[tuple[object, ...], Sample] = {}
    for trace in traces:
        view = a_view(trace, tally=tally)
        now = identified(shown(view))
        for sample in growing(now.values()):
            key = (sample.name, *sorted(sample.labels.items()))
            assert key not in before or sample.value >= before[key].value
        seen = {(str(hop.ttl), address) for hop in trace.hops for address in (*hop.addresses, "")}
        labels = [sample.labels for sample in now.values() if "asn" in sample.labels]
        assert {(label["hop"], label["address"]) for label in labels} <= seen
        openmetrics = an_exposition(view).chunks(["example"], None, True)
        assert openmetrics_families(b"".join(openmetrics).decode())
        before = now


INFOS = st.dictionaries(
    ADDRESS, st.builds(lambda asn: HostInfo(asn=asn), st.sampled_from([None, 64500, 64501]))
)


def other_rounds(trace: Trace, shift: int) -> Trace:
    """The same answers, each hop's in other rounds."""
    hops = []
    for hop in trace.hops:
        moved = [
            each._replace(probe=each.probe._replace(round=(each.probe.round + shift * hop.ttl) % 4))
            for each in hop.responses
        ]
        hops.append(hop._replace(responses=tuple(moved)))
    return replace(trace, hops=tuple(hops))


@settings(max_examples=100, deadline=None)
@given(TRACES, st.lists(st.tuples(st.integers(0, 3), INFOS), min_size=2, max_size=4), TRACES)
def test_what_is_kept_of_former_cycles_makes_no_difference(
    trace: Trace, cycles: list[tuple[int, dict[str, HostInfo]]], last: Trace
) -> None:
    """Strings are taken over from cycle to cycle: the text is that of who saw the last one only."""
    tally, going = Tally(TARGET.module), an_exposition()
    traces = [(other_rounds(trace, shift), infos) for shift, infos in cycles]
    for each, infos in [*traces, (last, {})]:
        view = a_view(each, tally=tally, infos=infos)
        going.update(view)
        found = b"".join(going.chunks(["example"], None, False)).decode()
        assert found == shown(view)
