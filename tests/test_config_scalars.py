"""What an unquoted scalar becomes, and which ones are too odd for a configuration."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.scalars import Odd, resolve
from exporter.config.shown import shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("yes", True),
        ("NO", False),
        ("Off", False),
        ("nO", "nO"),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("0x2e", 46),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("=", "="),
        ("none", "none"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("30s", "30s"),
        ("-", "-"),
        ("08x", "08x"),
    ],
)
def test_plain_scalars_have_the_value_that_people_expect(text: str, value: object) -> None:
    """Somebody wrote a plain scalar; it became what YAML 1.1 and JSON agree on."""
    resolved = resolve(text)
    assert resolved == value
    assert type(resolved) is type(value)


def test_not_a_number_is_a_number_to_yaml() -> None:
    """Somebody wrote .nan; it stayed one, for the field to refuse."""
    value = resolve(".NaN")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("0443", "an octal number"),
        ("0b101", "a binary number"),
        ("0x_ff", "a number"),
        ("1_000", "a number"),
        ("60:30", "a number to base 60"),
        ("1:2:3:4:5:6:7:8", "a number to base 60"),
        ("2026-01-31", "a date"),
        ("2026-01-31 12:00:00", "a date"),
        ("9" * 5000, "a number"),
    ],
)
def test_scalars_with_a_surprising_reading_are_odd(text: str, reading: str) -> None:
    """Somebody wrote what YAML 1.1 reads in a surprising way; we said how it is read."""
    assert resolve(text) == Odd(text, reading)


@given(st.text(alphabet="0123456789+-.:_eExXbTZ naif", min_size=1, max_size=60))
def test_nothing_that_looks_like_a_number_raises(text: str) -> None:
    """Somebody wrote numbers gone wrong; each became a value of a known type."""
    value = resolve(text)
    assert isinstance(value, str | int | float | Odd | None)
    if isinstance(value, str):
        assert value == text


@given(st.text())
def test_what_is_shown_prints_in_one_line(text: str) -> None:
    """Somebody wrote control characters; what we show of them has none, and is not long."""
    result = shown(text)
    assert result.isprintable()
    assert len(result) <= 80 * 10


def test_long_text_is_cut_off() -> None:
    """Somebody wrote a very long value; what we show of it ends in an ellipsis."""
    assert shown("x" * 81) == "x" * 79 + "…"
    assert shown("x" * 80) == "x" * 80
    assert shown("\n" * 3, 2) == "\\n…"
