"""What the exporter tells of itself."""

from __future__ import annotations

import platform
import sys

import pytest
from prometheus_client import REGISTRY

from exporter import __version__
from exporter.metrics.own import LOOKUP_BUCKETS, PROCESSING_BUCKETS, OwnMetrics, SourceCounts
from exporter.metrics.own_families import OWN_FAMILIES
from tests.measured import names_in, openmetrics_families, values


def text_of(own: OwnMetrics) -> str:
    """The text format."""
    return own.render(openmetrics=False).decode()


def used() -> OwnMetrics:
    """One that has something to tell of everything."""
    sources = (SourceCounts("a.yml", 5, 0, True), SourceCounts("b.json", 2, 3, False))
    own = OwnMetrics(lambda: {"rdns": 7, "asn": 3}, sources=lambda: sources)
    own.config_loaded(True, 1_769_860_800.5)
    own.web_config_good = lambda: False
    own.set_targets(12)
    own.response_recorded(0.00002)
    own.response_recorded(0.0001)
    own.response_recorded(7.0)
    own.responses.late += 1
    own.responses.unmatched += 1
    own.responses.unmatched += 1
    own.scheduler_lag(0.25)
    own.scheduler_lag(0.125)
    own.lookup("rdns", "ok", 0.004)
    own.lookup("rdns", "timeout", 2.0)
    own.lookup("asn", "ok", 0.004)
    own.series_dropped(5)
    own.series_dropped(6)
    return own


def test_everything_is_told() -> None:
    """Each metric of the table appears, with what was noted."""
    text = text_of(used())
    names = names_in(text)
    assert {family.name for family in OWN_FAMILIES if names.isdisjoint(family.names)} == set()
    for name, value in {
        "ftr_config_last_reload_successful": 1,
        "ftr_config_last_reload_success_timestamp_seconds": 1_769_860_800.5,
        "ftr_web_config_last_reload_successful": 0,
        "ftr_targets": 12,
        "ftr_responses_late_total": 1,
        "ftr_responses_unmatched_total": 2,
        "ftr_scheduler_lag_seconds": 0.125,
        "ftr_series_dropped_total": 11,
        "ftr_response_processing_seconds_count": 3,
        "ftr_response_processing_seconds_sum": 7.00012,
    }.items():
        assert values(text, name) == {(): value}, name
    build = values(text, "ftr_exporter_build_info", "version", "pythonversion")
    assert build == {(__version__, platform.python_version()): 1}
    for name, a, b in (
        ("ftr_discovery_targets", 5, 2),
        ("ftr_discovery_last_refresh_successful", 1, 0),
        ("ftr_discovery_failures_total", 0, 3),
    ):
        assert values(text, name, "source") == {("a.yml",): a, ("b.json",): b}, name
    entries = values(text, "ftr_enrichment_cache_entries", "kind")
    assert entries == {("rdns",): 7, ("asn",): 3}
    lookups = values(text, "ftr_enrichment_lookups_total", "kind", "result")
    assert lookups == {("rdns", "ok"): 1, ("rdns", "timeout"): 1, ("asn", "ok"): 1}


def test_histograms() -> None:
    """Buckets are cumulative, a bound belongs to its own bucket, a negative time breaks nothing."""
    own = used()
    own.response_recorded(-0.001)
    text = text_of(own)
    found = values(text, "ftr_response_processing_seconds_bucket", "le")
    assert len(found) == len(PROCESSING_BUCKETS) + 1
    assert [found[(le,)] for le in ("5e-05", "0.0001", "1.0", "+Inf")] == [2, 3, 3, 4]
    assert values(text, "ftr_response_processing_seconds_sum") == {(): 7.00012}
    lookups = values(text, "ftr_enrichment_duration_seconds_bucket", "kind", "le")
    assert len(lookups) == 2 * (len(LOOKUP_BUCKETS) + 1)
    assert lookups["rdns", "0.005"] == 1
    assert lookups["rdns", "2.5"] == lookups["rdns", "+Inf"] == 2
    assert values(text, "ftr_enrichment_duration_seconds_sum", "kind")["asn",] == 0.004


def test_a_failed_reload_keeps_the_time_of_the_last_good_one() -> None:
    """The operator sees that the file is at fault, and since when the old one is in use."""
    own = OwnMetrics()
    assert "ftr_config_last_reload_successful" not in names_in(text_of(own))
    own.config_loaded(False, 1.0)
    assert values(text_of(own), "ftr_config_last_reload_successful") == {(): 0}
    assert "ftr_config_last_reload_success_timestamp_seconds" not in names_in(text_of(own))
    own.config_loaded(True, 2.0)
    own.config_loaded(False, 3.0)
    assert values(text_of(own), "ftr_config_last_reload_successful") == {(): 0}
    assert values(text_of(own), "ftr_config_last_reload_success_timestamp_seconds") == {(): 2}


def test_counters_start_at_zero() -> None:
    """A counter that is born with its first event hides that event from `increase()`."""
    text = text_of(OwnMetrics())
    for name in ("responses_late", "responses_unmatched", "series_dropped"):
        assert values(text, f"ftr_{name}_total") == {(): 0}


def test_answers_may_be_counted_elsewhere() -> None:
    """Whoever holds `responses` counts with plain additions, and the next scrape shows it."""
    own = OwnMetrics()
    own.responses.late += 3
    own.responses.late += 1
    assert values(text_of(own), "ftr_responses_late_total") == {(): 4}


def test_openmetrics() -> None:
    """Valid once the end is added; the same metrics as in the text format."""
    own = used()
    text = own.render(openmetrics=True).decode()
    assert "# EOF" not in text
    families = {family.name for family in openmetrics_families(text + "# EOF\n")}
    assert {family.base_name for family in OWN_FAMILIES} <= families


def test_process_and_python() -> None:
    """The library's own collectors, in a registry of our own: the global one stays untouched."""
    before = list(REGISTRY.get_target_info() or ())
    names = names_in(text_of(OwnMetrics()))
    assert {"python_info", "python_gc_collections_total"} <= names
    assert list(REGISTRY.get_target_info() or ()) == before
    assert not [m.name for m in REGISTRY.collect() if m.name.startswith("ftr_")]


@pytest.mark.skipif(sys.platform != "linux", reason="process_* come from /proc: run it on Linux")
def test_process_on_linux() -> None:
    """CPU, memory and open files of the exporter."""
    names = names_in(text_of(OwnMetrics()))
    assert {"process_resident_memory_bytes", "process_open_fds"} <= names
