"""What clients ask for, and what they get."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.server.negotiate import accepts_gzip, preferences, prefers_openmetrics

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_TEXT_FIRST = "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.5"


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ('APPLICATION/OpenMetrics-Text; Version="1.0.0"', True),
        ("application/openmetrics-text;version=0.0.1", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.000, */*", False),
        ("application/openmetrics-text;q=0.5, text/plain;q=0.5", True),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.4, text/*;q=0.5", False),
        ("application/openmetrics-text;q=0.4, */*;q=0.5", False),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.3, */*;q=0.5", True),
        ("application/openmetrics-text;q=0.4, text/plain;version=1.0.0", True),
        ("application/openmetrics-text;q=1.5", False),
        ("application/openmetrics-text;q=nan", False),
        (",;,;q=1,", False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (PROMETHEUS_3_TEXT_FIRST, False),
    ],
)
def test_openmetrics_is_for_those_who_ask_for_it(accept: str, openmetrics: bool) -> None:
    """By name, in a version we speak, and no less than text; everyone else gets text."""
    assert prefers_openmetrics(accept) is openmetrics


@pytest.mark.parametrize(
    ("encoding", "gzip"),
    [
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, br", False),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.0, *", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip;q=1", True),
        ("gzip;q=broken", False),
    ],
)
def test_gzip_is_for_those_who_take_it(encoding: str, gzip: bool) -> None:
    """A weight of nought is a refusal."""
    assert accepts_gzip(encoding) is gzip


@given(st.text())
def test_no_header_is_too_strange(header: str) -> None:
    """Whatever a stranger sends is read without complaint, and weights stay from 0 to 1."""
    assert all(0 <= each.weight <= 1 for each in preferences(header))
    assert prefers_openmetrics(header) in (False, True)
    assert accepts_gzip(header) in (False, True)
