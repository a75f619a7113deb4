"""Loss on simulated paths is within the binomial 99 % interval of the truth, and never invented."""

from __future__ import annotations

from collections import Counter

import pytest

from exporter.statistics.loss import CONFIDENCE, HopCondition, assess
from tests.losing import LossyPath, interval

RUNS = 1000
PATHS = {
    "one lossy link": LossyPath(10, {4: 0.05}),
    "the first link": LossyPath(6, {1: 0.05}),
    "the last link": LossyPath(10, {10: 0.05}),
    "heavy loss": LossyPath(10, {4: 0.2}),
    "light loss": LossyPath(10, {4: 0.01}),
    "two lossy links": LossyPath(10, {3: 0.02, 7: 0.1}),
    "loss among limits": LossyPath(10, {6: 0.05}, {2: 0.05, 3: 0.5, 8: 0.3, 9: 1.0}),
    "loss behind limits": LossyPath(10, {10: 0.05}, {2: 0.03, 5: 0.1, 8: 0.02}),
    "one answer a second": LossyPath(10, {5: 0.05}, one_a_second=(3, 7, 8)),
    "limits alone": LossyPath(10, {}, {2: 0.05, 3: 0.3, 6: 0.97, 7: 1.0}, one_a_second=(5,)),
    "no loss": LossyPath(10),
    "one hop": LossyPath(1, {1: 0.05}),
}


@pytest.mark.parametrize("sent", [60, 200])
@pytest.mark.parametrize("name", list(PATHS))
def test_forward_loss_is_true(name: str, sent: int) -> None:
    """At every hop, in at least 98 % of windows; before the loss that interval is 0 alone."""
    path = PATHS[name]
    outside: Counter[int] = Counter()
    for hops, destination in path.runs(sent, RUNS):
        for ttl, ratio in assess(hops, destination).forward.items():
            least, most = interval(sent, path.truth(ttl))
            outside[ttl] += not least - 1e-9 <= ratio <= most + 1e-9
    assert max(outside.values(), default=0) <= 0.02 * RUNS, outside


@pytest.mark.parametrize("name", list(PATHS))
def test_counts_are_true(name: str) -> None:
    """The ratio of the counters at a hop that answers whenever it can is that of the truth."""
    path = PATHS[name]
    outside: Counter[int] = Counter()
    for hops, destination in path.runs(60, RUNS):
        for hop in (*hops, destination):
            if hop.ttl not in path.limits and hop.ttl not in path.one_a_second:
                least, most = interval(60, path.truth(hop.ttl))
                outside[hop.ttl] += not least <= hop.lost / hop.sent <= most
    assert max(outside.values(), default=0) <= 0.02 * RUNS, outside


@pytest.mark.parametrize(
    ("name", "ttl", "sent", "least"),
    [
        ("one lossy link", 4, 60, 0.65),
        ("one lossy link", 4, 200, 0.97),
        ("heavy loss", 4, 60, 0.98),
        ("the first link", 1, 200, 0.97),
        ("the last link", 10, 60, 0.94),
        ("loss among limits", 6, 200, 0.97),
        ("one answer a second", 5, 200, 0.97),
        ("two lossy links", 3, 200, 0.9),
        ("no loss", 0, 60, 1.0),
        ("limits alone", 0, 60, 1.0),
    ],
)
def test_loss_starts_where_it_does(name: str, ttl: int, sent: int, least: float) -> None:
    """The right hop is named in most windows; where there is no loss, none ever is."""
    starts = Counter(assess(*counts).starts_at or 0 for counts in PATHS[name].runs(sent, 500))
    assert starts[ttl] >= least * 500, starts


@pytest.mark.parametrize("name", list(PATHS))
def test_loss_never_starts_too_near(name: str) -> None:
    """What is not known is left open: no hop before the lossy link is accused."""
    path = PATHS[name]
    true = min(path.links, default=path.length + 1)
    starts = [assess(*counts).starts_at for counts in path.runs(60, RUNS)]
    too_near = sum(start is not None and start < true for start in starts)
    assert too_near <= (1.0 - CONFIDENCE) * RUNS


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05, 0.2])
@pytest.mark.parametrize("lossy", [2, 6, 10])
def test_a_router_that_limits_its_answers_is_never_lossy(loss: float, lossy: int) -> None:
    """Hops that answer once a second, half, or hardly ever: of 1,000 windows hardly one errs."""
    path = LossyPath(10, {lossy: loss}, {4: 0.5, 8: 0.97}, one_a_second=(3, 7))
    limited = (3, 4, 7, 8)
    wrong = 0
    for counts in path.runs(60, RUNS):
        conditions = assess(*counts).conditions
        wrong += any(conditions[ttl] is HopCondition.LOSSY for ttl in limited)
    assert wrong <= (1.0 - CONFIDENCE) * RUNS, wrong


def test_silent_and_limited_hops_are_called_so() -> None:
    """In every window of a path without loss: one answer a second, none at all, and the rest."""
    path = LossyPath(8, {}, {5: 1.0}, one_a_second=(3,))
    for hops, destination in path.runs(60, 100):
        found = dict(assess(hops, destination).conditions)
        assert (found.pop(3), found.pop(5)) == (HopCondition.RATE_LIMITED, HopCondition.SILENT)
        assert set(found.values()) == {HopCondition.CLEAR}


def test_without_a_destination_the_last_hops_decide() -> None:
    """A firewall hides the destination: loss shared by the hops before it is still found."""
    path = LossyPath(10, {4: 0.2}, {2: 0.6})
    starts: Counter[int | None] = Counter()
    for hops, _ in path.runs(60, 500):
        found = assess(hops, None)
        starts[found.starts_at] += 1
        assert found.forward[9] == found.forward[8]
    assert starts[4] >= 0.95 * 500, starts


def test_without_a_destination_a_limited_last_hop_is_believed_in_nothing() -> None:
    """The farthest hop that answers does so once a second: nobody confirms its loss."""
    path = LossyPath(6, {}, one_a_second=(5,))
    for hops, _ in path.runs(60, 500):
        assert not any(assess(hops, None).forward.values())
