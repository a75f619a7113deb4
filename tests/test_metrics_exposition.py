"""A scrape: order, headers, parts of it, both formats, and what is gone when a target is gone."""

from __future__ import annotations

import gc
import re
from dataclasses import replace

import pytest

from exporter.metrics.exposition import Exposition
from exporter.metrics.families import PATH_FAMILIES
from exporter.metrics.family import MetricType
from exporter.metrics.own import OwnMetrics
from exporter.metrics.own_families import OWN_FAMILIES
from exporter.model import Family, Protocol
from exporter.monitoring.view import View
from exporter.settings import Target
from tests.measured import (
    a_view,
    along,
    an_exposition,
    no_bug,
    openmetrics_families,
    samples,
    values,
)


def a_target(name: str, family: Family = Family.IPV4) -> View:
    """A target of this name, traced once over two hops."""
    return a_view(along("a", "b"), target=Target(name, "x"), family=family)


def text_of(exposition: Exposition, *targets: str) -> str:
    """The text format, of all or of these targets."""
    return b"".join(exposition.chunks(targets or None, None, False)).decode()


def test_each_metric_stands_in_one_place() -> None:
    """Three targets came one after the other; each metric has one header, then all its lines."""
    text = text_of(an_exposition(a_target("one"), a_target("two"), a_target("three")))
    order = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(order) == len(set(order))
    assert order == re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    table = [family.name for family in (*PATH_FAMILIES, *OWN_FAMILIES) if family.name in order]
    assert order[: len(table)] == table
    current = ""
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            current = line.split()[2]
        elif not line.startswith("#"):
            assert re.fullmatch(rf"{current}(_bucket|_sum|_count)?", re.split("[{ ]", line)[0])


def test_no_header_without_lines() -> None:
    """Without targets only the exporter's own metrics are there."""
    text = text_of(an_exposition())
    assert "ftr_hop_rtt_seconds" not in text
    assert "ftr_targets 0.0\n" in text


def test_both_formats_say_the_same() -> None:
    """The same samples; OpenMetrics names counters without `_total` and ends with `# EOF`."""
    exposition = an_exposition(a_target("one"), a_target("two", Family.IPV6))
    plain = text_of(exposition)
    openmetrics = b"".join(exposition.chunks(None, None, True)).decode()
    assert openmetrics.endswith("\n# EOF\n")
    assert openmetrics.count("# EOF") == 1
    families = {family.name: family for family in openmetrics_families(openmetrics)}
    for family in (*PATH_FAMILIES, *OWN_FAMILIES):
        if family.base_name in families:
            assert families[family.base_name].type == family.type.value
            assert families[family.base_name].documentation == family.help
    found = [sample for family in families.values() for sample in family.samples]
    ours = [s for s in found if s.name.startswith("ftr_")]
    assert ours == [s for s in samples(plain) if s.name.startswith("ftr_")]
    counters = [f.base_name for f in PATH_FAMILIES if f.type is MetricType.COUNTER]
    assert all(f"# TYPE {name} counter\n" in openmetrics for name in counters)


def test_parts_by_target() -> None:
    """Names are exact; an unknown target has no part; the exporter's own metrics are no part."""
    exposition = an_exposition(
        a_target("one"), a_target("one", Family.IPV6), a_target("one.more"), a_target("two")
    )
    part = values(text_of(exposition, "one", "one", "unknown"), "ftr_path_hops", "target", "family")
    assert part == {("one", "ipv4"): 2, ("one", "ipv6"): 2}
    both = values(text_of(exposition, "two", "one.more"), "ftr_path_hops", "target")
    assert set(both) == {("two",), ("one.more",)}
    assert "ftr_targets" not in text_of(exposition, "two")
    assert list(exposition.chunks(["unknown"], None, False)) == []
    assert list(exposition.chunks(["unknown"], None, True)) == [b"# EOF\n"]
    assert list(exposition.chunks([], None, False)) == []


def test_parts_by_metric() -> None:
    """A metric is asked for by its own name, by a sample's, or by that of OpenMetrics."""
    exposition = an_exposition(a_target("one"))
    for asked, name in {
        "ftr_path_hops": "ftr_path_hops",
        "ftr_target_rtt_seconds_bucket": "ftr_target_rtt_seconds",
        "ftr_traces": "ftr_traces_total",
        "ftr_traces_total": "ftr_traces_total",
        "ftr_targets": "ftr_targets",
        "ftr_responses_late_total": "ftr_responses_late_total",
        "python_info": "python_info",
    }.items():
        text = b"".join(exposition.chunks(None, [asked], False)).decode()
        assert re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) == [name]
    some = b"".join(exposition.chunks(None, {"ftr_path_hops", "ftr_targets"}, True)).decode()
    found = [family.name for family in openmetrics_families(some)]
    assert found == ["ftr_path_hops", "ftr_targets"]
    assert b"".join(exposition.chunks(None, ["unknown"], False)) == b""


def test_an_update_replaces() -> None:
    """The path got shorter: the lines of the cycle before are gone, those of others are not."""
    exposition = an_exposition(a_target("one"), a_target("two"))
    exposition.update(a_view(along("z"), target=Target("one", "x")))
    hops = values(text_of(exposition), "ftr_hop_rtt_seconds", "target", "hop", "address")
    assert set(hops) == {("one", "1", "z"), ("two", "1", "a"), ("two", "2", "b")}


@pytest.mark.parametrize("change", ["protocol", "labels"])
def test_a_change_of_labels_is_seen(change: str) -> None:
    """Another protocol was chosen, or a reload gave labels: the old series end."""
    view = a_target("one")
    exposition = an_exposition(view)
    if change == "protocol":
        exposition.update(replace(view, protocol=Protocol.UDP))
        expected = 'protocol="udp"'
    else:
        target = replace(view.target, labels=(("site", "home"),))
        exposition.update(replace(view, target=target))
        expected = 'site="home"'
    lines = [line for line in text_of(exposition, "one").splitlines() if line[0] != "#"]
    assert all(expected in line for line in lines)


def test_counters_go_on_from_cycle_to_cycle() -> None:
    """The same target, cycle after cycle: one set of series, whose counters grow."""
    view = a_target("one")
    exposition = an_exposition(view)
    assert view.trace is not None
    for expected in (2, 3, 4):
        exposition.update(a_view(view.trace, target=view.target, tally=view.tally))
        text = text_of(exposition)
        assert values(text, "ftr_traces_total", "target") == {("one",): expected}
        assert values(text, "ftr_hop_replies_total", "address") == {
            ("a",): expected,
            ("b",): expected,
        }


def test_removal() -> None:
    """A family, then a target: nothing of them is left, and removing again is no error."""
    exposition = an_exposition(
        a_target("one"), a_target("one", Family.IPV6), a_target("two"), a_target("two", Family.IPV6)
    )
    exposition.remove(("one", Family.IPV6))
    exposition.remove(("one", Family.IPV6))
    assert set(values(text_of(exposition), "ftr_path_hops", "target", "family")) == {
        *(("one", "ipv4"), ("two", "ipv4"), ("two", "ipv6"))
    }
    exposition.remove_target("two")
    exposition.remove_target("never there")
    assert 'target="two"' not in text_of(exposition)
    exposition.remove_target("one")
    assert text_of(exposition, "one", "two") == ""
    exposition.update(a_target("two"))
    assert set(values(text_of(exposition), "ftr_path_hops", "target")) == {("two",)}


def test_nothing_stays_of_what_was_removed() -> None:
    """A thousand targets came and went: no object of theirs is kept."""
    exposition = Exposition(OwnMetrics(), 2000, no_bug)
    for number in range(1000):
        exposition.update(a_target(f"target-{number}"))
        exposition.remove_target(f"target-{number}")
    gc.collect()
    left = [thing for thing in gc.get_objects() if isinstance(thing, Target)]
    assert not [target for target in left if target.name.startswith("target-")]
    assert text_of(exposition, *(f"target-{number}" for number in range(1000))) == ""


def test_the_limit_may_change() -> None:
    """A reload lowered the limit; what was dropped is counted with each cycle that is scraped."""
    exposition = an_exposition(a_target("one"))
    full = len(samples(text_of(exposition, "one")))
    exposition.series_per_target = full - 3
    for _ in range(2):
        exposition.update(a_target("one"))
        assert len(samples(text_of(exposition, "one"))) == full - 3
    assert values(text_of(exposition), "ftr_series_dropped_total") == {(): 6}


def test_a_scrape_shows_one_moment() -> None:
    """A cycle ended while a scrape was being sent, a target went: the scrape shows neither."""
    view = a_target("one")
    exposition = an_exposition(view, a_target("two"))
    expected = text_of(exposition, "one", "two")
    pieces = exposition.chunks(["one", "two"], None, False)
    begun = next(filter(None, pieces))
    assert view.trace is not None
    exposition.update(a_view(view.trace, target=view.target, tally=view.tally))
    exposition.remove_target("two")
    assert (begun + b"".join(pieces)).decode() == expected
    assert text_of(exposition, "one", "two") != expected


def test_what_ends_before_the_first_line_is_shown() -> None:
    """Taking the numbers of many targets takes turns: what was updated in between is not old."""
    targets = [a_target(f"target-{number}") for number in range(40)]
    exposition = an_exposition(*targets)
    pieces = exposition.chunks(None, ["ftr_traces_total"], False)
    assert next(pieces) == b""
    for view in (targets[0], targets[-1]):
        assert view.trace is not None
        exposition.update(a_view(view.trace, target=view.target, tally=view.tally))
    exposition.remove_target("target-20")
    counts = values(b"".join(pieces).decode(), "ftr_traces_total", "target")
    assert len(counts) == 39
    assert {name for (name,), count in counts.items() if count == 2} == {"target-0", "target-39"}


def test_who_asks_for_the_exporters_own_metrics_alone_has_no_numbers_taken() -> None:
    """Nothing comes before the one piece; the targets still wait for who asks for them."""
    exposition = an_exposition(*(a_target(f"target-{number}") for number in range(40)))
    assert b"".join(exposition.chunks(None, ["ftr_series_dropped"], False))
    assert len(list(exposition.chunks(None, ["ftr_series_dropped"], False))) == 1
    assert len(samples(text_of(exposition, "target-7"))) > 20


def test_a_bug_with_one_target_spares_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once a cycle; the target shows what it showed before."""
    told: list[View] = []
    good, bad = a_target("good"), a_target("bad")
    exposition = an_exposition(good, bad, failed=told.append)
    before = text_of(exposition, "bad")
    assert good.trace is not None
    for view in (bad, good):
        exposition.update(a_view(good.trace, target=view.target, tally=view.tally))
    monkeypatch.setattr(bad.tally, "errors", None)
    assert text_of(exposition, "bad") == before
    text = text_of(exposition)
    assert [view.target.name for view in told] == ["bad"]
    assert values(text, "ftr_traces_total", "target") == {("good",): 2, ("bad",): 1}


def test_many_targets_come_in_many_pieces() -> None:
    """Nothing is made for more than some targets at once, and all of a metric is in one place."""
    exposition = an_exposition(*(a_target(f"target-{number}") for number in range(120)))
    pieces = list(exposition.chunks(None, ["ftr_path_hops"], False))
    assert len([piece for piece in pieces if piece]) == 8
    text = b"".join(pieces).decode()
    assert text.count("# TYPE ftr_path_hops") == 1
    assert len(values(text, "ftr_path_hops", "target")) == 120
