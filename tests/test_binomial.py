"""Likelihoods against figures worked out by hand, and how often chance exceeds a bound."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.statistics.binomial import bound_of, differ, surprise


@pytest.mark.parametrize(
    ("sent", "lost", "expected"),
    [
        (0, 0, 0.0),
        (5, 0, 0.0),
        (5, 5, 0.0),
        (2, 1, 2 * math.log(2)),
        (60, 3, -3 * math.log(0.05) - 57 * math.log(0.95)),
    ],
)
def test_surprise(sent: int, lost: int, expected: float) -> None:
    """Half of two probes lost is as likely as one toss of two coins; a certainty surprises none."""
    assert surprise(sent, lost) == pytest.approx(expected)


def test_the_bound_is_half_the_chi_square_quantile() -> None:
    """Of one degree of freedom: one-sided 99.5 % is two-sided 99 %, 6.635."""
    assert bound_of(0.995) == pytest.approx(6.635 / 2, abs=0.001)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50), st.integers(1, 50))
def test_order_and_equality(lost: int, more: int, kept: int, factor: int) -> None:
    """Equal ratios never differ, whatever the size; who is compared with whom does not matter."""
    sent = lost + kept
    assert not differ(sent, lost, factor * sent, factor * lost, 0.0)
    other = (sent + more, lost + more)
    assert differ(sent, lost, *other, 2.0) == differ(*other, sent, lost, 2.0)


def test_chance_exceeds_the_bound_as_rarely_as_promised() -> None:
    """Two samples of one truth differ, either way, in one of a hundred draws at 99.5 %."""
    rng, bound, draws, found = random.Random(5), bound_of(0.995), 3000, 0
    for _ in range(draws):
        lost, other = (sum(rng.random() < 0.2 for _ in range(60)) for _ in range(2))
        found += differ(60, lost, 60, other, bound)
    assert 0.005 < found / draws < 0.015
