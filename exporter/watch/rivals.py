"""Pure: addresses that answer instead of the known ones, and whether that can be chance.

A balancer can hide branches for a while. With k known and c new addresses, all of one balancer and
used evenly, the chance that first b answers all come from known ones and then s answers all from
new ones is (k/(k+c))^b (c/(k+c))^s. That is the stopping rule of multipath detection (Augustin,
Friedman and Teixeira, "Multipath tracing with Paris traceroute", 2007), which asks how likely it is
that branches stay unseen, put to another use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import IntEnum

from exporter.watch.saved import items, number, text, whole

_RIVALS = 32
"""How many rivals at one TTL are told apart at most."""
_COUNTS = ("streak", "start", "_shelved")


class Spread(IntEnum):
    """Whether a TTL shows several addresses by turns: from cycle to cycle, or even within one."""

    NONE = 0
    OVER_CYCLES = 1
    WITHIN_CYCLES = 2


_CHANCE = {Spread.NONE: 2e-2, Spread.OVER_CYCLES: 1e-4, Spread.WITHIN_CYCLES: 1e-7}
"""Which chance is too small to be one."""


class Rivals:
    """A row of cycles that showed none of the known addresses.

    `streak` counts the cycles of the row that agree, since `start` (a cycle; `began` in wall-clock
    seconds); `answers` has how often each address answered in them. Cycles agree where they share
    an address; those that spread over several agree with any. Where they do not, the count begins
    again, but what was counted until then is put on a shelf: should one of its addresses be back,
    then all of them are ways through one balancer, and it counts after all.
    """

    __slots__ = ("_shelf", "_shelved", "answers", "began", "start", "streak")

    def __init__(self) -> None:
        self.answers: dict[str, int] = {}
        self.streak = 0
        self.start = 0
        self.began = 0.0
        self._shelf: dict[str, int] = {}
        self._shelved = 0

    @property
    def number(self) -> int:
        """How many answers the streak has."""
        return sum(self.answers.values())

    def addresses(self) -> Iterator[str]:
        """All that are remembered."""
        yield from self.answers
        yield from self._shelf

    def see(self, answers: Sequence[str], cycle: int, now: float) -> None:
        """One more cycle of the row."""
        fresh = set(answers)
        if not self.streak:
            self.start, self.began = cycle, now
        elif not fresh.isdisjoint(self._shelf):
            self.streak += self._shelved
            self._shelved = 0
            self.answers, self._shelf = _sum(self._shelf, self.answers), {}
        elif fresh.isdisjoint(self.answers) and len(fresh) == len(self.answers) == 1:
            self._shelf = _sum(self._shelf, self.answers)
            self._shelved += self.streak
            self.answers, self.streak = {}, 0
        self.streak += 1
        self.answers = _sum(self.answers, {address: answers.count(address) for address in fresh})

    def state(self) -> list[object]:
        """All that is remembered, fit for JSON."""
        counts = [getattr(self, name) for name in _COUNTS]
        return [list(self.answers.items()), list(self._shelf.items()), counts, self.began]

    @classmethod
    def restored(cls, state: object) -> Rivals:
        """What `state` gave; raises `TypeError` or `ValueError` where it is not."""
        answers, shelf, counts, began = items(state)
        rivals = cls()
        rivals.answers = {text(address): whole(n) for address, n in items(answers)[:_RIVALS]}
        rivals._shelf = {text(address): whole(n) for address, n in items(shelf)[:_RIVALS]}
        for name, count in zip(_COUNTS, items(counts), strict=True):
            setattr(rivals, name, whole(count))
        rivals.began = number(began)
        if rivals.streak and not rivals.answers:
            raise ValueError("a streak of nothing")
        return NO_RIVALS if rivals.state() == NO_RIVALS.state() else rivals


NO_RIVALS = Rivals()
"""Where nothing answers instead; the same for all TTLs, so never to be changed."""


def is_excluded(known: int, new: int, before: int, since: int, spread: Spread) -> bool:
    """Whether chance is excluded, for numbers of addresses and of answers as above."""
    chance: float = (known / (known + new)) ** before * (new / (known + new)) ** since
    return chance < _CHANCE[spread]


def is_mixture(answers: Sequence[str], known: Collection[str]) -> bool:
    """Whether one flow shows several addresses in a cycle, not just a known and then a new one."""
    shown = set(answers)
    if len(shown) < 2:
        return False
    first, last = answers[0], answers[-1]
    has_turned = len(shown) == 2 and answers.index(last) == answers.count(first)
    return not (has_turned and first in known and last not in known)


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """The counts of both, as far as there is room; those of `one` come first."""
    both = dict(one)
    for address in sorted(other):
        if address in both or len(both) < _RIVALS:
            both[address] = both.get(address, 0) + other[address]
    return both
