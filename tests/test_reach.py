"""When silence or loss is out of the usual, and when it has become the usual."""

from __future__ import annotations

from exporter.model import StopReason, Trace
from exporter.watch.reach import Reach
from exporter.watch.verdict import Suspicion
from tests.pathcases import a_trace, traces


def cycle(lost: int, sent: int = 3) -> Trace:
    """A cycle with so many answers of the destination lost; all of them means silence."""
    if lost == sent:
        return a_trace(traces("a *")[0].hops, StopReason.GAP)
    whole = traces("a D")[0]
    hops = whole.hops
    trace = a_trace(hops, StopReason.DESTINATION, (0.01,) * (sent - lost))
    assert trace.destination_sent == 3
    return trace


def seen(reach: Reach, *lost: int, confirm: int = 3) -> list[Suspicion | None]:
    """What each of these cycles arouses."""
    return [reach.see(cycle(each), confirm) for each in lost]


LOSS, SILENT = Suspicion.LOSS, Suspicion.DESTINATION_SILENT


def test_loss_is_suspicious_until_it_is_confirmed() -> None:
    """Out of the blue answers are lost: two more cycles are asked for, then it is a fact."""
    reach = Reach()
    assert seen(reach, 0, 0, 0, 2, 2, 2, 2) == [None, None, None, LOSS, LOSS, None, None]


def test_usual_loss_arouses_nothing() -> None:
    """One answer of three is lost in every other cycle; in time that is the usual."""
    reach = Reach()
    first = seen(reach, *[0, 1] * 10)
    assert LOSS in first
    assert set(seen(reach, *[0, 1] * 20)) == {None}
    assert seen(reach, 2, 0)[1] is None


def test_silence_is_suspicious_until_it_is_confirmed() -> None:
    """Two more cycles settle it; from then on it is an outage, until an answer comes."""
    reach = Reach()
    assert seen(reach, 0, 3, 3) == [None, SILENT, SILENT]
    assert not reach.is_out(3)
    assert seen(reach, 3) == [None]
    assert reach.is_out(3)
    assert seen(reach, *[3] * 50) == [None] * 50
    assert reach.is_out(3)
    assert seen(reach, 0) == [None]
    assert not reach.is_out(3)


def test_silence_after_a_long_outage() -> None:
    """It lasted fifty cycles; what counts is how the destination answers otherwise."""
    reach = Reach()
    seen(reach, *[0] * 5, *[3] * 50, *[0] * 5)
    assert seen(reach, 3, 0) == [SILENT, None]


def test_a_destination_that_never_answered() -> None:
    """Its silence is nothing new, and no outage."""
    reach = Reach()
    assert set(seen(reach, *[3] * 10)) == {None}
    assert not reach.is_out(3)


def test_one_confirming_cycle_is_none_more() -> None:
    """With `confirm` 1 every cycle speaks for itself: nothing is suspicious."""
    reach = Reach()
    assert set(seen(reach, 0, 2, 3, 0, confirm=1)) == {None}
    seen(reach, 3, confirm=1)
    assert reach.is_out(1)


def test_more_lost_than_sent() -> None:
    """Answers counted twice or losses counted wrongly break nothing."""
    reach = Reach()
    odd = a_trace(traces("a D")[0].hops, StopReason.DESTINATION, (0.01,) * 9)
    assert reach.see(odd, 3) is None
    nothing = a_trace((), StopReason.DESTINATION)
    assert reach.see(nothing, 3) is None
