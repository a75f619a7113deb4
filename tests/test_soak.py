"""A minute of what `make soak` holds for half an hour, and that its judge can tell."""

from __future__ import annotations

import pytest

from tests.conftest import LabFactory
from tests.lab.truth import Record, Truth
from tests.soak.judge import Event, Judgement, TrueChange, judge
from tests.soak.loss import lossy_world, told_loss
from tests.soak.run import Size, changing, steady
from tests.soak.world import subjects

SMALL = Size(
    ("icmp", "udp", "tcp"), targets=4, cycles=12, changes=12, interval=2.0, warm_up=8, apart=8
)
HOST = "192.0.2.1"


def test_trouble_is_no_change(lab_factory: LabFactory) -> None:
    """Balancing, loss, silence, limits and jitter in 144 cycles: nothing is reported."""
    outcome = steady(lab_factory(SMALL.world), SMALL)
    assert outcome.cycles >= 144
    assert outcome.reports == []


def test_changes_are_reported_once(lab_factory: LabFactory) -> None:
    """Twelve changes in the same world: none missed, none doubled, none invented."""
    found = changing(lab_factory(SMALL.world), SMALL).judgement
    assert (found.missed, found.repeated, found.invented) == ([], [], [])
    assert len(found.found) + len(found.hidden) == 12
    assert len(found.found) >= 9
    assert max(seconds for _, seconds in found.found) < 20


def test_loss_is_told_as_it_is(lab_factory: LabFactory) -> None:
    """A tenth is lost behind hop 3, hops 2 and 5 limit their answers: 18 targets say so.

    One ratio of a hundred may be outside of its 99 % interval, by chance.
    """
    found = subjects(("icmp", "udp", "tcp"), 6)
    tally = told_loss(lab_factory(lossy_world(found)), found)
    assert tally.looked_at >= 18 * 10
    assert tally.outside.total() <= 0.03 * tally.looked_at, tally.outside


def truth(*answers: tuple[float, int, str]) -> Truth:
    """Records of probes to one target: second, TTL, who answered."""
    return Truth(
        Record(
            received_ns=int(at * 1e9),
            target="web",
            destination=HOST,
            family="ipv4",
            protocol="icmp",
            ttl=ttl,
            first=1,
            second=1,
            size=84,
            position=ttl,
            fate="answered",
            address=who,
        )
        for at, ttl, who in answers
    )


ROUNDS = (0.1, 0.2, 0.3)
STEADY = [(at + 10 * n, 1, "198.51.100.1") for at in ROUNDS for n in range(4)]
END = [(at + 10 * n, 3, HOST) for at in ROUNDS for n in range(4)]
MOVED = [(at + 10 * n, 2, f"203.0.113.{1 + (n > 1)}") for at in ROUNDS for n in range(4)]
STAYED = [(at + 10 * n, 2, "203.0.113.1") for at in ROUNDS for n in range(4)]
CHANGE = TrueChange(15.0, "web", "new_router")


def judged(answers: list[tuple[float, int, str]], *reports: float) -> Judgement:
    """What is made of reports at these times of one change at second 15; cycles every 10 s."""
    told = [Event(at, "web", "hop 2") for at in reports]
    return judge([CHANGE], told, {"web": [0.0, 10.0, 20.0, 30.0]}, truth(*answers), 40.0)


@pytest.mark.parametrize(
    ("answers", "reports", "field"),
    [
        (MOVED, (22.0,), "found"),
        (MOVED, (), "missed"),
        (MOVED, (22.0, 33.0), "repeated"),
        (MOVED, (3.0, 22.0), "invented"),
        (STAYED, (22.0,), "invented"),
        (STAYED, (), "hidden"),
    ],
)
def test_the_judge_can_tell(
    answers: list[tuple[float, int, str]], reports: tuple[float, ...], field: str
) -> None:
    """Right, missed, doubled, too early, about nothing, and not to be seen at all."""
    judgement = judged(STEADY + END + answers, *reports)
    assert getattr(judgement, field)
    if field == "found":
        assert judgement.found == [(CHANGE, 2.0)]
        assert [judgement.repeated, judgement.missed, judgement.invented] == [[], [], []]
