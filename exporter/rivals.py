"""Pure: addresses that answer instead of the known ones, and how many cycles agree on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.saved import items, number, text, whole

_RIVALS = 32
"""How many rivals at one TTL are told apart at most."""
_COUNTS = ("streak", "start", "_shelved")


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
        self.clear()

    def clear(self) -> None:
        """A known address is back."""
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
        return rivals


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """The counts of both, as far as there is room; those of `one` come first."""
    both = dict(one)
    for address in sorted(other):
        if address in both or len(both) < _RIVALS:
            both[address] = both.get(address, 0) + other[address]
    return both
