"""The kept cycles: right within the precision promised, bounded, the oldest gone first."""

from __future__ import annotations

import statistics
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Family, Hop, Kind, Probe, Protocol, Response, StopReason, Trace
from exporter.statistics.recent import CYCLES, CYCLES_OF_A_SPAN, Recent

PRECISE = 0.001
EPOCH = 1_769_860_800.0


def trace(
    number: int, rtts: tuple[float, ...], *, sent: int = 3, hops: int = 2, interval: float = 60.0
) -> Trace:
    """A cycle in which each hop and the destination answered with these RTTs."""
    made = tuple(
        Hop(
            ttl,
            sent,
            tuple(
                Response(Probe(1, round_, ttl), "192.0.2.1", Kind.TIME_EXCEEDED, rtt, EPOCH)
                for round_, rtt in enumerate(rtts)
            ),
        )
        for ttl in range(1, hops + 1)
    )
    return Trace(
        "www.example.net",
        "192.0.2.1",
        Family.IPV4,
        Protocol.ICMP,
        "linux-icmp",
        EPOCH + number * interval,
        0.04,
        StopReason.DESTINATION,
        made,
        destination_sent=sent,
        destination_rtts=rtts,
    )


@given(
    st.lists(
        st.lists(st.floats(1e-6, 90.0), max_size=3).map(lambda each: tuple(sorted(each))),
        max_size=40,
    )
)
def test_what_went_in_comes_out(cycles: list[tuple[float, ...]]) -> None:
    """Times, losses and RTTs of each cycle within a thousandth, in order."""
    recent = Recent(3)
    for number, rtts in enumerate(cycles):
        recent.add(trace(number, rtts))
    found = list(recent.cycles())
    assert [cycle.at for cycle in found] == [EPOCH + 60 * n for n in range(len(cycles))]
    assert [(cycle.sent, cycle.lost) for cycle in found] == [(3, 3 - len(each)) for each in cycles]
    for cycle, rtts in zip(found, cycles, strict=True):
        assert cycle.rtts == pytest.approx(rtts, rel=PRECISE)
    spans = list(recent.spans())
    sums = [hop for span in spans for hop in span.hops if hop.ttl == 2]
    assert sum(hop.sent for hop in sums) == 3 * len(cycles)
    assert sum(hop.lost for hop in sums) == sum(3 - len(each) for each in cycles)


def test_a_span_sums_its_hops() -> None:
    """Best, mean, worst and standard deviation over the cycles of the span."""
    recent = Recent(3)
    rtts = [(0.010, 0.012, 0.020), (0.009, 0.011), (0.030,)]
    for number, each in enumerate(rtts):
        recent.add(trace(number, each))
    (span,) = recent.spans()
    hop = span.hops[1]
    flat = [rtt for each in rtts for rtt in each]
    assert (span.start, span.end) == (EPOCH, EPOCH + 120)
    assert (hop.ttl, hop.sent, hop.lost) == (2, 9, 3)
    assert hop.best == pytest.approx(0.009, rel=PRECISE)
    assert hop.mean == pytest.approx(statistics.fmean(flat), rel=PRECISE)
    assert hop.worst == pytest.approx(0.030, rel=PRECISE)
    assert hop.stddev == pytest.approx(statistics.pstdev(flat), rel=PRECISE)


def test_the_oldest_make_room_within_the_memory_promised() -> None:
    """A week of a path of 15 hops: six hours are kept, in some 10 kB."""
    recent = Recent(3)
    for number in range(10_000):
        recent.add(trace(number, (0.01 + number / 1e6, 0.02, 0.03), hops=15))
    found = list(recent.cycles())
    assert [cycle.at for cycle in found] == [EPOCH + 60 * n for n in range(10_000 - CYCLES, 10_000)]
    assert found[-1].rtts[0] == pytest.approx(0.019999, rel=PRECISE)
    spans = list(recent.spans())
    assert CYCLES - CYCLES_OF_A_SPAN <= sum(span.hops[0].sent for span in spans) / 3 <= CYCLES
    parts = [recent._ring, recent._sums, recent._spans, *recent._spans]
    assert sum(map(sys.getsizeof, parts)) < 10_500


def test_what_confirms_a_cycle_belongs_to_it() -> None:
    """Two short traces follow a cycle at once: one cycle, with all that was sent and lost."""
    recent = Recent(3)
    recent.add(trace(0, (0.01, 0.02, 0.03)))
    recent.add(trace(1, (0.01,), sent=1), confirming=True)
    recent.add(trace(1, (), sent=1), confirming=True)
    (cycle,) = recent.cycles()
    assert (cycle.sent, cycle.lost, len(cycle.rtts)) == (5, 1, 3)
    assert cycle.rtts[0] == pytest.approx(0.01, rel=PRECISE)


def test_a_change_of_path_begins_a_span() -> None:
    """Two cycles, a change that a short trace confirms, one more cycle: nothing is mixed up."""
    recent = Recent(3)
    for number in range(2):
        recent.add(trace(number, (0.01,)))
    recent.cut()
    recent.cut()
    recent.add(trace(1, (0.5,), sent=1), confirming=True)
    assert [span.start for span in recent.spans()] == [EPOCH, EPOCH + 60]
    recent.add(trace(2, (0.5,)))
    before, after = recent.spans()
    assert (before.start, before.end, before.hops[0].sent) == (EPOCH, EPOCH + 60, 6)
    assert (after.start, after.end, after.hops[0].sent) == (EPOCH + 120, EPOCH + 120, 4)
    assert before.hops[0].worst == pytest.approx(0.01, rel=PRECISE)
    assert after.hops[0].best == pytest.approx(0.5, rel=PRECISE)


def test_of_many_rounds_those_that_tell_are_kept() -> None:
    """A hundred rounds: the least, the quarters and the greatest; the loss as counted."""
    recent = Recent(100)
    recent.add(trace(0, tuple((1 + n) / 1000 for n in range(90)), sent=100))
    (cycle,) = recent.cycles()
    assert (cycle.sent, cycle.lost) == (100, 10)
    assert cycle.rtts == pytest.approx((0.001, 0.023, 0.045, 0.068, 0.09), rel=0.03)


def test_nothing_sent_and_a_clock_set_back_do_no_harm() -> None:
    """A cycle that failed at once has no figures; time does not go before the first cycle."""
    recent = Recent(3)
    assert (list(recent.cycles()), list(recent.spans())) == ([], [])
    recent.add(trace(10, (0.01,)))
    recent.add(trace(0, (), sent=0, hops=0))
    latest = list(recent.cycles(1))
    assert [(each.at, each.sent, each.rtts) for each in latest] == [(EPOCH + 600, 0, ())]
