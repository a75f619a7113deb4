"""Durations as people write them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.durations import PATTERN, format_duration, parse_duration
from tests.config_texts import refusal


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("1d", 86400.0),
        ("1d2h3m4s5ms", 93784.005),
        ("1.5s", 1.5),
        ("0.5ms", 0.0005),
        ("0s", 0.0),
        (30, 30.0),
        (0.25, 0.25),
    ],
)
def test_durations_are_seconds(written: object, seconds: float) -> None:
    """Durations were written in every way that is allowed; each became seconds."""
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("-5s", "never negative"),
        (-1, "never negative"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        ("30", "the unit is missing, as in 30s"),
        (True, ""),
        (None, ""),
        ([1], ""),
        ("", ""),
        ("1s1m", ""),
        ("1 s", ""),
        ("1S", ""),
        ("٣s", ""),
        ("1s\n", ""),
        ("9" * 400 + "s", ""),
    ],
)
def test_other_durations_are_refused(written: object, reason: str) -> None:
    """Somebody wrote a duration that is none; we said why where we knew."""
    found = refusal(parse_duration, written)
    assert found is not None
    assert reason in found


@given(st.integers(0, 10**9))
def test_formatted_durations_read_back(milliseconds: int) -> None:
    """A duration was written in our spelling; it reads back the same, and the schema takes it."""
    text = format_duration(milliseconds / 1000)
    assert parse_duration(text) == pytest.approx(milliseconds / 1000, rel=1e-5)
    assert re.search(PATTERN, text)


@given(st.text(alphabet="0123456789.dhms- ", max_size=12))
def test_the_schema_and_the_parser_agree_on_durations(text: str) -> None:
    """Text that might be a duration came; parser and JSON Schema pattern decided alike."""
    taken = refusal(parse_duration, text) is None
    assert taken == bool(re.search(PATTERN, text))
