"""The latest cycles count, older ones do not, and what belongs to another path never does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Hop, StopReason, Trace
from exporter.statistics.loss import HopCounts, PathLoss, assess
from exporter.statistics.losswindow import CYCLES, MOST_CYCLES, LossWindow
from tests.measured import a_hop, a_response, a_trace


def a_cycle(*answered: int, sent: int = 3, stop: StopReason = StopReason.DESTINATION) -> Trace:
    """A cycle with so many answers at each TTL, the last of them the destination."""
    hops = [
        a_hop(ttl, *(a_response(f"r{ttl}", ttl=ttl, number=n) for n in range(count)), sent=sent)
        for ttl, count in enumerate(answered, 1)
    ]
    rtts = (0.01,) * answered[-1] if stop is StopReason.DESTINATION else ()
    return a_trace(*hops, stop=stop, sent=sent, rtts=rtts)


@pytest.mark.parametrize(("probes", "cycles"), [(1, 60), (2, 30), (3, 20), (10, 20), (100, 20)])
def test_how_many_cycles(probes: int, cycles: int) -> None:
    """Twenty, or as many as make sixty probes a hop."""
    assert LossWindow(probes).span == cycles
    assert CYCLES <= cycles <= MOST_CYCLES


def test_loss_is_that_of_the_window() -> None:
    """Ten good cycles, then ten that lose a third from hop 2 on; later all is good again."""
    window = LossWindow(3)
    for _ in range(10):
        window.add(a_cycle(3, 3, 3))
    for _ in range(10):
        window.add(a_cycle(3, 2, 2))
    assert window.loss.forward == {1: 0.0, 2: 10 / 60, 3: 10 / 60}
    assert window.loss.starts_at == 2
    for _ in range(9):
        window.add(a_cycle(3, 3, 3))
    assert window.loss.forward[3] == 10 / 60
    for _ in range(11):
        window.add(a_cycle(3, 3, 3))
    assert window.loss.forward == {1: 0.0, 2: 0.0, 3: 0.0}


def test_nothing_is_known_before_the_first_cycle() -> None:
    """Nor after one that could not send."""
    window = LossWindow(3)
    assert window.loss == PathLoss()
    window.add(a_trace(stop=StopReason.ERROR, errors=(("send", 1),)))
    assert window.loss == PathLoss()


def test_another_address_is_another_path() -> None:
    """The destination moved: the loss on the way to its old address is not its own."""
    window = LossWindow(3)
    for _ in range(5):
        window.add(a_cycle(3, 0, 0))
    moved = a_trace(a_hop(1, a_response("r1"), sent=1), sent=1, rtts=(0.1,), address="203.0.113.9")
    window.add(moved)
    assert window.loss.forward == {1: 0.0}


def test_a_failure_to_resolve_is_no_other_address() -> None:
    """What was counted stays."""
    window = LossWindow(3)
    window.add(a_cycle(3, 1, 1))
    before = window.loss
    window.add(a_trace(stop=StopReason.ERROR, address=None, errors=(("resolve", 1),)))
    assert window.loss is before


def test_an_outage_is_told_from_a_destination_that_never_answers() -> None:
    """Once it has answered, its silence is loss; a firewall's is not."""
    lost, filtered = LossWindow(3), LossWindow(3)
    lost.add(a_cycle(3, 3, 3))
    for _ in range(25):
        for window in (lost, filtered):
            window.add(a_cycle(3, 3, 0, stop=StopReason.MAX_HOPS))
    assert lost.loss.forward == {1: 0.0, 2: 0.0, 3: 1.0}
    assert filtered.loss.forward == {1: 0.0, 2: 0.0}


def test_a_shorter_path_ends_where_it_does_now() -> None:
    """The destination came nearer: the hops behind it are gone at once."""
    window = LossWindow(3)
    window.add(a_cycle(3, 3, 3, 3))
    window.add(a_cycle(3, 3, 3))
    assert list(window.loss.forward) == [1, 2, 3]


def test_a_hop_heard_once_is_no_stranger() -> None:
    """Hop 2 went dark with all behind it: the outage begins there, not behind it."""
    window = LossWindow(3)
    window.add(a_cycle(3, 3, 3))
    for _ in range(30):
        window.add(a_cycle(3, 0, 0, stop=StopReason.MAX_HOPS))
    assert window.loss.starts_at == 2


def test_a_steady_path_costs_nothing_anew() -> None:
    """The cycle that comes is like the one that goes: what was concluded stands."""
    window = LossWindow(3)
    for _ in range(20):
        window.add(a_cycle(3, 3, 2))
    before = window.loss
    window.add(a_cycle(3, 3, 2))
    assert window.loss is before
    window.add(a_cycle(3, 3, 3))
    assert window.loss.forward[3] == 19 / 60


CYCLE = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 70_000)), min_size=1, max_size=5)


@settings(max_examples=50)
@given(
    st.lists(CYCLE, min_size=1, max_size=4).flatmap(
        lambda few: st.lists(st.sampled_from(few), max_size=60)
    ),
    st.integers(1, 4),
)
def test_sums_are_those_of_the_latest_cycles(
    cycles: list[list[tuple[int, int]]], probes: int
) -> None:
    """However many cycles came and went, the figures are those of the window alone."""
    window = LossWindow(probes * 10)
    traces = [
        a_trace(
            *(
                Hop(ttl, sent, tuple(a_response("r", ttl=ttl) for _ in range(answers)))
                for ttl, (answers, sent) in enumerate(cycle, 1)
            ),
            stop=StopReason.GAP,
        )
        for cycle in cycles
    ]
    for trace in traces:
        window.add(trace)
    totals: dict[int, HopCounts] = {}
    for trace in traces[-window.span :]:
        for hop in trace.hops:
            sent = min(hop.sent, 65535)
            former = totals.get(hop.ttl, HopCounts(hop.ttl, 0, 0))
            gone = min(max(0, hop.lost), sent)
            totals[hop.ttl] = HopCounts(hop.ttl, former.sent + sent, former.lost + gone)
    heard = {hop.ttl for trace in traces for hop in trace.hops if hop.responses}
    hops = [totals[ttl]._replace(heard=ttl in heard) for ttl in sorted(totals)]
    assert window.loss == assess(hops, None)
