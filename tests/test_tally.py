"""What is counted, what never is, and that memory stays bounded."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import StopReason
from exporter.settings import Module
from exporter.statistics.histogram import Histogram
from exporter.statistics.hoptally import ADDRESSES_PER_HOP
from exporter.statistics.tally import Tally
from tests.measured import a_hop, a_response, a_trace

MODULE = Module(rtt_buckets=(0.001, 0.01))


def test_a_trace_is_counted() -> None:
    """Three rounds to the destination, one of them lost, over one hop that lost one too."""
    tally = Tally(MODULE)
    answers = (a_response("a", 0.25), a_response("a", 0.5))
    tally.add(a_trace(a_hop(1, *answers, sent=3), sent=3, rtts=(0.002, 0.004), duration=0.07))
    assert (tally.traces, tally.sent, tally.lost) == (1, 3, 1)
    assert (tally.rtt.counts, tally.rtt.sum) == ([0, 2, 0], 0.006)
    assert (tally.duration.counts[:3], tally.duration.sum) == ([0, 1, 0], 0.07)
    assert [list(each) for each in tally.hops.probes([1])] == [[3], [1]]
    answered = tally.hops.addresses(1)["a"]
    assert (answered.replies, answered.seconds) == (2, 0.75)
    assert answered.histogram is None


def test_local_errors_are_never_loss() -> None:
    """The socket was refused: an error with a reason, a cycle, and nothing else."""
    tally = Tally(MODULE)
    errors = (("permission", 1), ("send", 2))
    tally.add(a_trace(stop=StopReason.ERROR, errors=errors))
    tally.add(a_trace(stop=StopReason.ERROR, errors=(("send", 1), ("a new reason", 1))))
    assert (tally.traces, tally.sent, tally.lost) == (2, 0, 0)
    with pytest.raises(IndexError):
        tally.hops.probes([1])
    assert sum(tally.duration.counts) == 0
    happened = {reason: count for reason, count in tally.errors.items() if count}
    assert happened == {"permission": 1, "send": 3, "a new reason": 1}
    assert tally.errors["resolve"] == 0


def test_skipped_cycles() -> None:
    """Cycles that did not start are no traces."""
    tally = Tally(MODULE)
    tally.skip()
    tally.skip(3)
    assert (tally.skipped, tally.traces) == (4, 0)


def test_a_bucket_holds_its_bound() -> None:
    """`le` means less or equal; what lies above all bounds goes into the last place."""
    histogram = Histogram((0.001, 0.01))
    for seconds in (0.0, 0.001, 0.0011, 0.01, 0.0101, math.inf):
        histogram.observe(seconds)
    assert histogram.counts == [2, 2, 2]
    assert histogram.sum == math.inf


def test_sums_never_fall() -> None:
    """The clock was set back while a probe was on its way; more answers came than probes went."""
    tally = Tally(MODULE)
    tally.add(a_trace(a_hop(1, a_response("a", 1.0)), sent=1, rtts=(1.0,)))
    hop = a_hop(1, a_response("a", -5.0), a_response("a", math.nan), sent=1)
    tally.add(a_trace(hop, sent=0, rtts=(-5.0,), duration=-1.0))
    assert (tally.sent, tally.lost, tally.rtt.sum, tally.duration.sum) == (1, 0, 1.0, 0.5)
    assert (tally.hops.probes([1])[1][0], tally.hops.addresses(1)["a"].seconds) == (0, 1.0)
    assert tally.hops.addresses(1)["a"].replies == 3


def test_hop_histograms_only_on_demand() -> None:
    """`hop_histograms` gives each responder a histogram with the buckets of the module."""
    tally = Tally(Module(rtt_buckets=(0.001, 0.01), hop_histograms=True))
    tally.add(a_trace(a_hop(1, a_response("a", 0.005), a_response("b", 0.5))))
    found = {name: one.histogram for name, one in tally.hops.addresses(1).items()}
    assert [histogram.counts for histogram in found.values() if histogram] == [[0, 1, 0], [0, 0, 1]]


def test_an_address_goes_on_where_it_was() -> None:
    """A responder left for a while and came back: its counters continue."""
    tally = Tally(MODULE)
    for address in ("a", "b", "b", "a"):
        tally.add(a_trace(a_hop(1, a_response(address))))
    assert tally.hops.addresses(1)["a"].replies == 2


def test_memory_is_bounded() -> None:
    """A router answered from ten thousand forged addresses: the longest unheard are forgotten."""
    tally = Tally(MODULE)
    for number in range(10_000):
        steady = a_response("steady", number=1)
        tally.add(a_trace(a_hop(1, a_response(f"forged-{number}"), steady)))
    addresses = tally.hops.addresses(1)
    assert len(addresses) == ADDRESSES_PER_HOP
    assert addresses["steady"].replies == 10_000
    assert "forged-9999" in addresses
    assert "forged-0" not in addresses


def test_the_latest_trace_is_never_forgotten() -> None:
    """A hundred responders in one trace are all exposed, so none of them may lose its counters."""
    tally = Tally(MODULE)
    crowd = [a_response(f"r{number}", number=number) for number in range(100)]
    tally.add(a_trace(a_hop(1, a_response("before"))))
    for _ in range(3):
        tally.add(a_trace(a_hop(1, *crowd)))
    assert [one.replies for one in tally.hops.addresses(1).values()] == [3] * 100
    tally.add(a_trace(a_hop(1, a_response("after"))))
    assert len(tally.hops.addresses(1)) == ADDRESSES_PER_HOP


replies = st.lists(st.tuples(st.integers(1, 3), st.sampled_from("aab"), st.floats(0, 1)))


@given(st.lists(replies, max_size=8), st.integers(0, 8), st.booleans(), st.booleans())
def test_in_little_room_nothing_is_lost(
    cycles: list[list[tuple[int, str, float]]], turn: int, before: bool, after: bool
) -> None:
    """Hops of one address, then of two, with histograms from some cycle on, or until then."""
    tally = Tally(Module(hop_histograms=before))
    sums: dict[int, dict[str, tuple[int, float]]] = {}
    for number, cycle in enumerate(cycles):
        if number == turn:
            tally = tally.going_on(Module(hop_histograms=after), alike=True)
        for ttl, address, rtt in cycle:
            answers, seconds = sums.setdefault(ttl, {}).pop(address, (0, 0.0))
            sums[ttl][address] = answers + 1, seconds + rtt
            tally.add(a_trace(a_hop(ttl, a_response(address, rtt), sent=2)))
    for ttl, known in sums.items():
        found = tally.hops.addresses(ttl)
        assert list(known.items()) == [(k, (v.replies, v.seconds)) for k, v in found.items()]
        answers = sum(number for number, _ in known.values())
        assert [each[0] for each in tally.hops.probes([ttl])] == [2 * answers, answers]
