"""Where loss is put down, on paths written out; and what holds for any path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.statistics.loss import (
    HopCondition,
    HopCounts,
    PathLoss,
    assess,
    forward_loss,
    hop_condition,
    loss_starts_at,
)

CLEAR, LOSSY = HopCondition.CLEAR, HopCondition.LOSSY
LIMITED, SILENT = HopCondition.RATE_LIMITED, HopCondition.SILENT
SENT = 60


def lost(*counts: int) -> list[HopCounts]:
    """Hops from TTL 1 on, with so many of sixty probes lost."""
    return [HopCounts(ttl, SENT, count) for ttl, count in enumerate(counts, 1)]


def judged(*counts: int) -> PathLoss:
    """A path of which the last hop is the destination."""
    hops = lost(*counts)
    return assess(hops[:-1], hops[-1])


@pytest.mark.parametrize(
    ("counts", "conditions", "starts_at"),
    [
        ((0, 0, 0, 0), [CLEAR] * 4, None),
        ((0, 60, 0, 0), [CLEAR, SILENT, CLEAR, CLEAR], None),
        ((0, 40, 0, 0), [CLEAR, LIMITED, CLEAR, CLEAR], None),
        ((0, 1, 0, 0), [CLEAR] * 4, None),
        ((0, 0, 12, 11), [CLEAR, CLEAR, LOSSY, LOSSY], 3),
        ((12, 11, 12, 13), [LOSSY] * 4, 1),
        ((0, 0, 0, 12), [CLEAR, CLEAR, CLEAR, LOSSY], 4),
        ((0, 12, 50, 60, 11, 12), [CLEAR, LOSSY, LIMITED, SILENT, LOSSY, LOSSY], 2),
        ((0, 50, 0, 12, 11), [CLEAR, LIMITED, CLEAR, LOSSY, LOSSY], 4),
        ((0, 0, 60, 60, 60), [CLEAR, CLEAR, LOSSY, LOSSY, LOSSY], 3),
        ((0, 60, 30, 30, 30), [CLEAR, SILENT, LOSSY, LOSSY, LOSSY], 3),
        ((0, 1, 0, 0, 0, 1), [CLEAR] * 5 + [LOSSY], 6),
        ((60,), [LOSSY], 1),
    ],
)
def test_paths(counts: tuple[int, ...], conditions: list[HopCondition], starts_at: int) -> None:
    """Limits, silence, loss, and all of them at once."""
    found = judged(*counts)
    assert list(found.conditions.values()) == conditions
    assert found.starts_at == starts_at
    hops = lost(*counts)
    assert forward_loss(hops[:-1], hops[-1]) == found.forward
    for hop, condition in zip(hops, conditions, strict=True):
        assert hop_condition(hops[:-1], hops[-1], hop.ttl) is condition


def test_ratios() -> None:
    """Hops that share a loss show it alike; a limited one what the hop before it shows."""
    forward = judged(0, 0, 12, 50, 12, 12).forward
    assert forward == {1: 0.0, 2: 0.0, 3: 0.2, 4: 0.2, 5: 0.2, 6: 0.2}


def test_loss_grows_on_a_second_link() -> None:
    """A tenth is lost on the way to hop 2, half on the way to hop 5."""
    found = judged(0, 6, 5, 6, 30, 31, 30)
    assert found.forward[1] == 0.0
    assert found.forward[4] == pytest.approx(0.1, abs=0.02)
    assert found.forward[7] == 0.5
    assert found.starts_at == 2


def test_an_outage_is_total_loss_from_its_place_on() -> None:
    """Behind hop 3 nothing answers any more; hop 2 never has: that is no part of the outage."""
    hops = [HopCounts(1, 60, 0), HopCounts(2, 60, 60, heard=False), HopCounts(3, 60, 0)]
    hops += [HopCounts(ttl, 60, 60) for ttl in (4, 5)]
    found = assess(hops, HopCounts(6, 60, 60))
    assert found.starts_at == 4
    assert found.forward == {1: 0.0, 2: 0.0, 3: 0.0, 4: 1.0, 5: 1.0, 6: 1.0}
    dark = [hops[0], hops[1], *hops[3:]]
    assert assess(dark, HopCounts(6, 60, 60)).starts_at == 4


def test_a_hop_that_never_answered_is_silent_even_then() -> None:
    """Total loss reaches it for all that is known, but it shows nothing of it."""
    hops = [HopCounts(1, 60, 60), HopCounts(2, 60, 60, heard=False)]
    found = assess(hops, HopCounts(3, 60, 60))
    assert (found.forward[2], found.conditions[2]) == (1.0, SILENT)


def test_no_destination() -> None:
    """Hops behind the last that answers are unknown; that one's own loss is not believed."""
    found = assess(lost(0, 12, 12, 12, 60, 60), None)
    assert found.forward == {1: 0.0, 2: 0.2, 3: 0.2, 4: 0.2}
    assert hop_condition(lost(0, 60), None, 2) is None
    alone = assess(lost(0, 0, 40), None)
    assert (alone.starts_at, alone.forward[3]) == (None, 0.0)
    assert assess(lost(30), None).forward == {1: 0.0}


def test_nothing_was_sent() -> None:
    """No probe, no answer, no hop: nothing is known."""
    assert assess([], None) == PathLoss()
    assert assess(lost(60, 60), None) == PathLoss()
    assert assess(lost(1, 2), HopCounts(3, 0, 0)) == PathLoss()
    assert loss_starts_at({}) is None


def test_hops_from_the_destination_on_are_ignored() -> None:
    """The path got shorter: what lies behind the destination is history."""
    assert list(assess(lost(0, 0, 40, 40), HopCounts(3, 60, 0)).forward) == [1, 2, 3]


COUNTS = st.integers(0, 200).flatmap(
    lambda sent: st.tuples(st.just(sent), st.integers(0, sent), st.booleans())
)
PATHS = st.lists(COUNTS, max_size=12)


def counted(counts: list[tuple[int, int, bool]]) -> list[HopCounts]:
    """Hops from TTL 1 on."""
    return [
        HopCounts(ttl, sent, gone, heard or gone < sent)
        for ttl, (sent, gone, heard) in enumerate(counts, 1)
    ]


@given(PATHS, st.none() | COUNTS, st.sampled_from([0.9, 0.99, 0.999]))
def test_any_path(
    counts: list[tuple[int, int, bool]], end: tuple[int, int, bool] | None, confidence: float
) -> None:
    """Loss never falls with distance, is never above the destination's, and has a condition."""
    hops = counted(counts)
    destination = None if end is None else HopCounts(len(hops) + 1, end[0], end[1])
    found = assess(hops, destination, confidence)
    ratios = list(found.forward.values())
    assert ratios == sorted(ratios)
    assert all(0.0 <= ratio <= 1.0 for ratio in ratios)
    assert list(found.forward) == list(found.conditions) == sorted(found.forward)
    if destination is not None and destination.sent:
        assert found.forward[destination.ttl] == destination.lost / destination.sent
        assert list(found.forward) == [hop.ttl for hop in (*hops, destination) if hop.sent]
    for hop in hops:
        if found.conditions.get(hop.ttl) is LOSSY:
            assert hop.lost or found.forward[hop.ttl] > 0.0
        if hop.sent and not hop.lost and hop.ttl in found.conditions:
            assert found.conditions[hop.ttl] in (CLEAR, LOSSY)


@given(PATHS, COUNTS, st.integers(0, 12))
def test_a_hop_that_never_answers_changes_nothing(
    counts: list[tuple[int, int, bool]], end: tuple[int, int, bool], place: int
) -> None:
    """With or without it, the other hops show what they show."""
    hops = [hop._replace(ttl=2 * hop.ttl) for hop in counted(counts)]
    destination = HopCounts(100, end[0], end[1])
    silent = HopCounts(2 * place + 1, 60, 60, heard=False)
    with_it = dict(assess(sorted([*hops, silent]), destination).forward)
    with_it.pop(silent.ttl, None)
    assert with_it == pytest.approx(dict(assess(hops, destination).forward))
