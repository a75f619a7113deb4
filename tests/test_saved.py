"""What is taken from a restored state, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.watch.saved import items, mapping, number, text, whole


def test_taken() -> None:
    """Values of the right kind come out as they are."""
    assert items([1]) == [1]
    assert mapping({"a": 1}) == {"a": 1}
    assert text("a") == "a"
    assert whole(5) == 5
    assert number(5) == 5.0
    assert number(0.5) == 0.5


@pytest.mark.parametrize(
    ("take", "value"),
    [
        (items, "text"),
        (items, None),
        (mapping, []),
        (text, 5),
        (text, "x" * 1000),
        (whole, 5.0),
        (whole, -1),
        (whole, 10**20),
        (number, "5"),
        (number, -0.5),
        (number, float("nan")),
        (number, float("inf")),
    ],
)
def test_refused(take: Callable[[object], object], value: object) -> None:
    """Values of another kind, too long, too large or below zero."""
    with pytest.raises((TypeError, ValueError)):
        take(value)
