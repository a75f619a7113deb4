"""The search for the path MTU on simulated paths: what it finds, what it costs, what misleads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import Family
from exporter.trace.mtu import LARGEST, MOST_PROBES, MtuSearch, PathMtu
from tests.mtupath import LINK, ROUTER, Path, each_family, each_floor, honest, old


def test_wide_path_costs_one_probe_a_cycle() -> None:
    """This host's link is the narrowest: refused sizes cost nothing, 1500 pass, ten cycles long."""
    path, search = Path(), MtuSearch(Family.IPV4)
    for _ in range(10):
        assert path.play(search) == LINK
        assert path.sizes == [1500]


@each_family
def test_router_that_tells_costs_one_probe_more(family: Family) -> None:
    """1500 are too big, 1400 pass; afterwards one probe a cycle, two where growth is due."""
    path, search = Path(1400), MtuSearch(family, grow_every=3)
    costs = []
    for _ in range(7):
        assert path.play(search) == PathMtu(1400, limited_by=ROUTER)
        costs.append(path.sizes)
    assert costs == [
        *([1500, 1400], [1400], [1400], [1400, 1500]),
        *([1400], [1400], [1400, 1500]),
    ]


@each_family
@settings(deadline=None)
@given(
    mtu=st.integers(1280, 9300), link=st.sampled_from([1500, 9000, None]), kind=st.integers(0, 2)
)
def test_every_mtu_is_found_to_the_byte(
    family: Family, mtu: int, link: int | None, kind: int
) -> None:
    """Whatever it is, and whether a router tells it, says only "too big", or nothing at all."""
    says = (honest, old, None)[kind]
    path, search = Path(mtu, says, link), MtuSearch(family)
    found = path.play(search) or path.play(search)
    assert found is not None
    assert found.size == min(mtu, link or LARGEST, LARGEST)
    narrow = mtu < (link or LARGEST)
    assert found.local is (not narrow and link is not None)
    assert found.black_hole is (narrow and says is None)
    assert (found.limited_by == ROUTER) is (narrow and says is not None)


@pytest.mark.parametrize("mtu", [68, 69, 100, 296, 575, 576, 600, 1006])
@pytest.mark.parametrize("says", [honest, old, None])
def test_narrow_links_of_old_are_found_too(
    mtu: int, says: Callable[[int], int | None] | None
) -> None:
    """IPv4 allows for packets of 68 bytes; small hints are not believed, but tried out."""
    path, search = Path(mtu, says), MtuSearch(Family.IPV4)
    found = path.play(search) or path.play(search)
    assert found is not None
    assert found.size == mtu


@each_floor
@pytest.mark.parametrize("claim", [-1, 0, 1, 67, 68, 200, 1499, 1500, 1501, 65535, 1 << 32])
def test_lying_routers_do_not_lead_astray(family: Family, floor: int, claim: int) -> None:
    """A claim below the least or above what was tried is none: the search finds what passes."""
    path, search = Path(1400, lambda _: claim), MtuSearch(family)
    found = path.play(search) or path.play(search)
    assert found is not None
    assert found == PathMtu(1400, limited_by=ROUTER)
    assert all(floor <= size <= 1500 for size in path.sizes)


@each_floor
def test_nothing_below_the_least_mtu_is_reported(family: Family, floor: int) -> None:
    """A router calls everything too big, or a hole swallows all but small packets."""
    path, search = Path(0, lambda _: 0), MtuSearch(family)
    found = path.play(search) or path.play(search)
    assert found is not None
    assert found.size == floor
    hole, search = Path(floor, None), MtuSearch(family)
    found = hole.play(search) or hole.play(search)
    assert found == PathMtu(floor, black_hole=True)


@pytest.mark.parametrize("says", [honest, None])
def test_loss_lowers_nothing(says: Callable[[int], int | None] | None) -> None:
    """One packet in ten lost, and a month of cycles, one a minute: no change, and few probes."""
    random = Random(1)
    path = Path(1400, says, lost=lambda: random.random() < 0.1)
    search = MtuSearch(Family.IPV4)
    while path.play(search) is None:
        pass
    first = search.result
    assert first is not None
    assert first.size == 1400
    sent = 0
    for _ in range(40_000):
        assert path.play(search) == first
        sent += len(path.sizes)
    assert sent < 40_000 * 1.6


def test_destination_that_answers_nothing_is_no_black_hole() -> None:
    """It was reached a moment ago, now it is silent to small packets too: no news of the MTU."""
    path, search = Path(1400), MtuSearch(Family.IPV4, grow_every=100)
    assert path.play(search) == PathMtu(1400, limited_by=ROUTER)
    path.down = True
    for _ in range(20):
        assert path.play(search) == PathMtu(1400, limited_by=ROUTER)
        assert len(path.sizes) <= 6
    path.down = False
    assert path.play(search) == PathMtu(1400, limited_by=ROUTER)
    assert path.sizes == [1400]


def test_silence_before_an_unasked_control_does_not_count() -> None:
    """The cycle ends between the large probe and the small one, again and again: no evidence."""
    search = MtuSearch(Family.IPV4)
    assert Path().play(search) == LINK
    for _ in range(20):
        search.begin()
        assert search.wanted == 1500
        search.silent(1500)
        assert search.wanted == 68
    assert Path().play(search) == LINK


def test_answer_that_comes_late_still_says_that_its_size_passes() -> None:
    """It arrives while the small packet is asked: the size is settled, and that answer idle."""
    search = MtuSearch(Family.IPV4)
    assert Path().play(search) == LINK
    search.begin()
    search.silent(1500)
    search.passed(1500)
    search.passed(68)
    search.silent(68)
    assert wanted_and_result(search) == (None, LINK)


def test_late_answer_of_a_size_given_up_takes_that_back() -> None:
    """1500 counted as vanishing and 1400 is on its way when 1500 is answered after all."""
    search = MtuSearch(Family.IPV4)
    search.begin()
    search.refused(LARGEST, 1500)
    for _ in range(2):
        search.silent(1500)
        search.passed(68)
    assert search.wanted == 1400
    search.passed(1500)
    search.passed(1400)
    assert wanted_and_result(search) == (None, LINK)


def wanted_and_result(search: MtuSearch) -> tuple[int | None, PathMtu | None]:
    """Where the search stands."""
    return search.wanted, search.result


@each_floor
@settings(deadline=None)
@given(verdicts=st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 10_000)), max_size=300))
def test_no_sequence_of_verdicts_leads_out_of_bounds(
    family: Family, floor: int, verdicts: Sequence[tuple[int, int]]
) -> None:
    """However contradictory a path is: every cycle ends, sizes and results stay possible."""
    search = MtuSearch(family, grow_every=2)
    search.begin()
    asked = 0
    for kind, number in verdicts:
        size = search.wanted
        if size is None:
            asked = 0
            search.begin()
            continue
        asked += 1
        assert asked <= MOST_PROBES
        assert floor <= size <= LARGEST or size in (68, 104)
        tell(search, kind, size, number)
        assert search.result is None or floor <= search.result.size <= LARGEST


def tell(search: MtuSearch, kind: int, size: int, number: int) -> None:
    """One verdict; kind 4 is a late one about another size."""
    match kind:
        case 0:
            search.passed(size)
        case 1:
            search.too_big(size, number or None, ROUTER)
        case 2:
            search.refused(size, number)
        case 3:
            search.silent(size)
        case _:
            search.passed(max(68, number % LARGEST))
