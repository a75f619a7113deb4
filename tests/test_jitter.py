"""The jitter of RFC 3550, worked out by hand, over cycles, addresses and flows."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Kind, Probe, Response, StopReason
from exporter.statistics.jitter import Jitter
from tests.measured import a_hop, a_trace


def test_worked_out_by_hand() -> None:
    """J += (|D| - J) / 16, over four round trips in two cycles."""
    jitter = Jitter()
    jitter.add(a_trace(rtts=(0.010,)))
    assert jitter.seconds is None
    jitter.add(a_trace(rtts=(0.026, 0.010, 0.010)))
    first = 0.016 / 16
    second = first + (0.016 - first) / 16
    assert jitter.seconds == pytest.approx(second - second / 16)


def test_a_steady_path_has_none() -> None:
    """Every round trip took as long as the one before: 0, which is not unknown."""
    jitter = Jitter()
    jitter.add(a_trace(rtts=(0.02,) * 5))
    assert jitter.seconds == 0.0


def test_it_converges_on_the_mean_difference() -> None:
    """Round trips that alternate by 4 ms have a jitter of 4 ms."""
    jitter = Jitter()
    jitter.observe([0.02, 0.024] * 200)
    assert jitter.seconds == pytest.approx(0.004)


def test_silence_and_failures_say_nothing() -> None:
    """No answer, or no address: the estimate stays."""
    jitter = Jitter()
    jitter.add(a_trace(rtts=(0.01, 0.02)))
    before = jitter.seconds
    jitter.add(a_trace(sent=3, stop=StopReason.GAP))
    jitter.add(a_trace(stop=StopReason.ERROR, address=None))
    assert jitter.seconds == before


def test_another_destination_starts_anew() -> None:
    """The name resolved to an address far away: its distance is no jitter."""
    jitter = Jitter()
    jitter.add(a_trace(rtts=(0.01, 0.02)))
    jitter.add(a_trace(rtts=(0.3,), address="203.0.113.1"))
    assert jitter.seconds is None


def test_flows_of_different_length_are_no_jitter() -> None:
    """Flow 1 takes a way that is 50 ms longer: only flow 0 counts, and it is steady."""
    answers = [
        Response(
            Probe(1, number, 2, flow), "192.0.2.1", Kind.ECHO_REPLY, rtt, 0.0, None, 64, (), True
        )
        for number in range(3)
        for flow, rtt in ((0, 0.01), (1, 0.06))
    ]
    jitter = Jitter()
    jitter.add(a_trace(a_hop(2, *answers), rtts=tuple(each.rtt for each in answers)))
    assert jitter.seconds == 0.0


@given(st.lists(st.floats(0.0, 10.0), min_size=2))
def test_it_stays_within_the_differences_seen(rtts: list[float]) -> None:
    """Whatever comes: between 0 and the greatest difference."""
    jitter = Jitter()
    jitter.observe(rtts)
    assert jitter.seconds is not None
    greatest = max(abs(b - a) for a, b in pairwise(rtts))
    assert 0.0 <= jitter.seconds <= greatest or math.isclose(jitter.seconds, greatest)
