"""Simulated paths for tests of the search for the path MTU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from exporter.model import Family
from exporter.trace.mtu import MOST_PROBES, MtuSearch, PathMtu

ROUTER = "198.51.100.1"
LINK = PathMtu(1500, local=True)
each_family = pytest.mark.parametrize("family", list(Family))
each_floor = pytest.mark.parametrize(("family", "floor"), [(Family.IPV4, 68), (Family.IPV6, 1280)])


def honest(mtu: int) -> int | None:
    """A router that tells the MTU of its next link."""
    return mtu


def old(mtu: int) -> int | None:
    """A router from before RFC 1191: too big, but it does not say what fits."""
    return None


@dataclass
class Path:
    """This host's link and one narrow link behind it; `says` is None for a black hole.

    `lost` decides for each packet on the wire whether it is lost. `sizes` are those that left.
    """

    mtu: int = 1500
    says: Callable[[int], int | None] | None = honest
    link: int | None = 1500
    told_by_kernel: bool = True
    lost: Callable[[], bool] = lambda: False
    down: bool = False

    def __post_init__(self) -> None:
        self.sizes: list[int] = []

    def play(self, search: MtuSearch) -> PathMtu | None:
        """One cycle."""
        self.sizes = []
        search.begin()
        for _ in range(MOST_PROBES + 1):
            if search.wanted is None:
                return search.result
            self._try(search, search.wanted)
        raise AssertionError("the cycle does not end")

    def _try(self, search: MtuSearch, size: int) -> None:
        if self.link is not None and size > self.link:
            search.refused(size, self.link if self.told_by_kernel else None)
            return
        self.sizes.append(size)
        if self.lost() or self.down:
            search.silent(size)
        elif size <= self.mtu:
            search.passed(size)
        elif self.says is None:
            search.silent(size)
        else:
            search.too_big(size, self.says(self.mtu), ROUTER)
