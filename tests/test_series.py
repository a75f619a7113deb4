"""Series in promtool's notation: short, and what was put in comes out again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.series import Values, lengthen, name_series, shorten

NUMBERS = st.one_of(
    st.none(),
    st.integers(-5, 50).map(float),
    st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 6)),
)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 1, 1, 1], "1x3"),
        ([0, 2, 4, 6, 7], "0+2x3 7"),
        ([9, 6, 3, 0], "9-3x3"),
        ([0, 3], "0 3"),
        ([0.1, 0.2, 0.3], "0.1 0.2 0.3"),
        ([0.0004501, 2.5, 0.000001], "0.00045 2.5 0.000001"),
        ([None, None, 5], "_x2 5"),
        ([5, None, None, 6], "5 stale _ 6"),
        ([5, 5, None, None], "5x1 stale"),
        ([None], ""),
    ],
)
def test_notation(values: Values, text: str) -> None:
    """Runs are one word; a series that ends is marked once, and nothing follows."""
    assert shorten(values) == text


def test_scrape_that_was_missed_ends_nothing() -> None:
    """Prometheus was away for two scrapes, and for one in which a series ended."""
    assert shorten([1, 1, 1, 1, 1], {1, 2}) == "1 _x2 1x1"
    assert shorten([1, 1, None, None], {2}) == "1x1 _ stale"


@given(st.lists(NUMBERS))
def test_nothing_is_lost(values: list[float | None]) -> None:
    """Whatever was recorded is read back, but for silence at the end."""
    while values and values[-1] is None:
        values.pop()
    assert lengthen(shorten(values)) == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize("text", ["1x", "1 +2x3", "1x2x3"])
def test_what_is_no_notation_is_refused(text: str) -> None:
    """A hand slipped in a recorded file."""
    with pytest.raises(ValueError, match="no value"):
        lengthen(text)


def test_series_are_named_as_in_promql() -> None:
    """Quotes and backslashes of labels are escaped."""
    labels = {"job": "ftr", "name": 'a "b" \\ c'}
    assert name_series("up", labels) == r'up{job="ftr", name="a \"b\" \\ c"}'
