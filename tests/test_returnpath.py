"""How long the way back is, by the TTL left in an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.reading.returnpath import INITIAL_TTLS, asymmetry, return_hops


@pytest.mark.parametrize(
    ("reply_ttl", "hops"),
    [(64, 1), (61, 4), (255, 1), (129, 127), (128, 1), (120, 9), (33, 32), (32, 1), (1, 32)],
)
def test_length_of_the_way_back(reply_ttl: int, hops: int) -> None:
    """A neighbour's answer arrives with the TTL it was sent with: one hop."""
    assert return_hops(reply_ttl) == hops


@pytest.mark.parametrize("reply_ttl", [None, 0, 256, -1])
def test_nothing_is_inferred_from_nothing(reply_ttl: int | None) -> None:
    """The answer's TTL is unknown or impossible."""
    assert return_hops(reply_ttl) is None
    assert asymmetry(3, reply_ttl) is None


@given(st.sampled_from(INITIAL_TTLS), st.integers(1, 30))
def test_a_symmetric_path_has_no_asymmetry(initial: int, ttl: int) -> None:
    """The answer crossed the routers that the probe crossed; a shorter way back is negative."""
    assert asymmetry(ttl, initial - ttl + 1) == 0
    assert asymmetry(ttl, initial) == 1 - ttl


def test_a_longer_way_back() -> None:
    """From the third hop the answer took two routers more: 64 came down to 60."""
    assert asymmetry(3, 60) == 2
