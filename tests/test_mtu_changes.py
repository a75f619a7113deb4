"""The search for the path MTU when links change: shrinking at once, growth when it is due."""

from __future__ import annotations

import pytest

from exporter.model import Family
from exporter.trace.mtu import LARGEST, MtuSearch, PathMtu
from tests.mtupath import LINK, ROUTER, Path


def test_shrinking_is_noticed_at_once_and_growth_when_it_is_due() -> None:
    """Told or silent, the next cycle knows the smaller MTU; the larger one takes its time."""
    path, search = Path(1400), MtuSearch(Family.IPV4, grow_every=4)
    assert path.play(search) == PathMtu(1400, limited_by=ROUTER)
    path.mtu = 1300
    assert path.play(search) == PathMtu(1300, limited_by=ROUTER)
    path.mtu, path.says = 1290, None
    assert path.play(search) == PathMtu(1290, black_hole=True)
    path.mtu = 1350
    sizes = [mtu.size for _ in range(5) if (mtu := path.play(search))]
    assert sizes == [1290, 1290, 1290, 1350, 1350]
    path.mtu = 1500
    search.look_up()
    assert path.play(search) == LINK


def test_growth_that_is_none_leaves_everything_as_it_was() -> None:
    """Behind a black hole growth is looked for with two probes: the largest, and one byte more."""
    path, search = Path(1400, None), MtuSearch(Family.IPV4, grow_every=2)
    hole = PathMtu(1400, black_hole=True)
    assert path.play(search) == hole
    assert path.play(search) == hole
    assert path.sizes == [1400]
    assert path.play(search) == hole
    assert path.sizes == [1400, 1500, 1401]
    assert path.play(search) == hole
    assert path.sizes == [1400]


def test_limit_that_falls_silent_keeps_its_router() -> None:
    """A router that told the MTU once tells no more: what it said still holds."""
    path, search = Path(1400), MtuSearch(Family.IPV4, grow_every=1)
    found = PathMtu(1400, limited_by=ROUTER)
    assert path.play(search) == found
    path.says = None
    assert path.play(search) == found
    assert path.sizes == [1400, 1500, 1401]


def test_link_that_widens_before_a_black_hole() -> None:
    """This host's link grew to 9000, but 1501 vanish: no longer local, and it needs its proof."""
    path, search = Path(1500, None), MtuSearch(Family.IPV4, grow_every=1)
    assert path.play(search) == LINK
    path.link = 9000
    assert path.play(search) == PathMtu(1500, black_hole=True)


@pytest.mark.parametrize("told", [True, False])
def test_own_link_may_change_as_well(told: bool) -> None:
    """Down to 1300 and up to 1500, whether or not the kernel says what its link takes."""
    path, search = Path(link=1300, told_by_kernel=told), MtuSearch(Family.IPV4, grow_every=2)
    assert path.play(search) == PathMtu(1300, local=True)
    assert all(size <= 1300 for size in path.sizes)
    path.link = 1290
    assert path.play(search) == PathMtu(1290, local=True)
    path.link = 1500
    assert path.play(search) == PathMtu(1290, local=True)
    assert path.play(search) == LINK


def test_growth_finds_a_narrower_link_of_our_own() -> None:
    """The link shrank below what is known, and the kernel tells just when growth is looked for."""
    search = MtuSearch(Family.IPV4, grow_every=1)
    assert Path().play(search) == LINK
    search.begin()
    search.passed(1500)
    assert search.wanted == LARGEST
    search.refused(LARGEST, 1300)
    assert search.wanted == 1300
    search.passed(1300)
    assert search.result == PathMtu(1300, local=True)
