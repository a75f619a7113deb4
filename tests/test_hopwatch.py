"""What one TTL is known to show: branches come, go, and are forgotten."""

from __future__ import annotations

from itertools import count

from exporter.watch.hopmemory import ADDRESSES
from exporter.watch.hopwatch import FORGET_CYCLES, HopWatch
from exporter.watch.verdict import Balancing


class Ttl:
    """A watch with a clock."""

    def __init__(self) -> None:
        self.watch = HopWatch()
        self._cycles = count(1)
        self.cycle = 0

    def see(self, *answers: str, elsewhere: tuple[str, ...] = (), times: int = 1) -> bool:
        """The same answers in so many cycles; whether the last was news."""
        news = False
        for _ in range(times):
            self.cycle = next(self._cycles)
            news = self.watch.see(answers, self.cycle, float(self.cycle), elsewhere)
        return news


def test_nothing_new_is_no_news() -> None:
    """Thousands of equal cycles save nothing."""
    ttl = Ttl()
    assert ttl.see("a", "a")
    assert not ttl.see("a", "a", times=100)
    assert not ttl.see()
    assert ttl.see("x")
    assert ttl.see("a")


def test_a_branch_long_unseen_is_forgotten() -> None:
    """A balancer lost a way: a day later it is no longer known."""
    ttl = Ttl()
    ttl.see("a", "b")
    ttl.see("a", times=FORGET_CYCLES)
    assert set(ttl.watch.known) == {"a", "b"}
    ttl.see("a", times=40)
    assert set(ttl.watch.known) == {"a"}
    assert ttl.watch.balancing(ttl.cycle) is Balancing.NONE


def test_what_is_shown_follows_the_flow() -> None:
    """Of two ways the flow takes the second for good: it stands for the TTL in time."""
    ttl = Ttl()
    ttl.see("a", "b", "a")
    ttl.see("b", "b", "b", times=4)
    assert ttl.watch.primary == "a"
    ttl.see("b", "b", "b", times=10)
    assert ttl.watch.primary == "b"
    assert set(ttl.watch.known) == {"a", "b"}


def test_more_branches_than_can_be_known() -> None:
    """A router makes addresses up: those longest unseen go, the one that is shown stays."""
    ttl = Ttl()
    ttl.see("a")
    for number in range(2 * ADDRESSES):
        for _ in range(2):
            ttl.see("a", f"x{number}", "a")
    assert len(ttl.watch.known) == ADDRESSES
    assert ttl.watch.primary == "a"
    assert f"x{2 * ADDRESSES - 1}" in ttl.watch.known
    ttl.see(*(f"y{number}" for number in range(300)), times=3)
    assert len(ttl.watch.rivals.answers) < 40
    assert len(list(ttl.watch.addresses())) < ADDRESSES + 80


def test_an_address_seen_twice_in_a_day_is_no_branch() -> None:
    """Two short detours with hours in between; then the detour becomes the route: a change."""
    ttl = Ttl()
    ttl.see("a", times=100)
    for _ in range(2):
        ttl.see("x")
        ttl.see("a", times=200)
    assert set(ttl.watch.known) == {"a"}
    ttl.see("x", times=3)
    assert ttl.watch.is_replaced(3, ttl.watch.spread(ttl.cycle))


def test_balancing_by_packet_is_called_so_while_it_lasts() -> None:
    """One flow shows two addresses in a cycle; later it does not any more."""
    ttl = Ttl()
    ttl.see("a", "b", "a")
    assert ttl.watch.balancing(ttl.cycle) is Balancing.PER_PACKET
    ttl.see("a", times=150)
    assert ttl.watch.balancing(ttl.cycle) is Balancing.PER_FLOW


def test_branches_that_only_other_flows_show() -> None:
    """The followed flow hears nothing here; others do, and then it does too."""
    ttl = Ttl()
    ttl.see(elsewhere=("b", "c"))
    assert set(ttl.watch.known) == {"b", "c"}
    ttl.see(elsewhere=("b", "d"), times=3)
    ttl.see("d", "d", "d", elsewhere=("b", "c"), times=9)
    assert "d" in ttl.watch.known
