"""Pure: what is remembered of one TTL of a path: in little room, and over a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from exporter.watch.comers import NO_COMERS, Comers
from exporter.watch.rivals import NO_RIVALS, Rivals
from exporter.watch.saved import items, text, whole

ADDRESSES = 64
"""How many addresses are known of one TTL at most."""
_STEADY = 1000
_COUNTED = tuple(range(_STEADY + 1))
"""The counts, once for all TTLs: as numbers of their own they would take more than they say."""
_COUNTS = ("hit", "_answers", "_cycles", "_stray", "_mixed_at", "_restless_at")


class HopMemory:
    """What is known of one TTL, and what is under observation there, as `HopWatch` finds it.

    `rivals` are what answers instead: `NO_RIVALS` where nothing does. `hit` is the cycle in which
    the followed flow last showed a known address. What is `tentative` may be replaced without a
    word.
    """

    __slots__ = (
        "_answers",
        "_comers",
        "_cycles",
        "_known",
        "_latest",
        "_mixed_at",
        "_restless_at",
        "_stray",
        "hit",
        "rivals",
        "tentative",
    )

    def __init__(self) -> None:
        self._known: dict[str, int] | tuple[str, ...] = ()
        self.rivals = NO_RIVALS
        self.hit = 0
        self.tentative = False
        self._comers = NO_COMERS
        self._answers = 0
        self._cycles = 0
        self._stray = 0
        self._latest = ""
        self._mixed_at = 0
        self._restless_at = 0

    @property
    def known(self) -> dict[str, int]:
        """The known addresses, each with the cycle it was last seen in.

        Nearly always all were last seen when it was `hit`; there a tuple is kept, which takes less.
        """
        self._known = known = self._unfolded()
        return known

    def _unfolded(self) -> dict[str, int]:
        known = self._known
        return known if isinstance(known, dict) else dict.fromkeys(known, self.hit)

    @property
    def shown(self) -> tuple[str, ...]:
        """The known addresses, the one that stands for this TTL first."""
        return tuple(self._known)

    @property
    def primary(self) -> str | None:
        """The address that stands for this TTL; None where none is known."""
        return next(iter(self._known), None)

    def addresses(self) -> Iterator[str]:
        """All that are remembered, known or not."""
        yield from self.shown
        yield from self.rivals.addresses()
        yield from self._comers

    def state(self) -> list[object]:
        """All that is remembered, fit for JSON."""
        counts = [getattr(self, name) for name in _COUNTS]
        known, rivals = list(self._unfolded().items()), self.rivals.state()
        return [known, rivals, self._comers.state(), counts, self.tentative, self._latest]

    @classmethod
    def restored(cls, state: object) -> Self:
        """What `state` gave; raises `TypeError` or `ValueError` where it is not."""
        known, rivals, comers, counts, tentative, latest = items(state)
        watch = cls()
        watch._known = {text(address): whole(seen) for address, seen in items(known)[:ADDRESSES]}
        watch.rivals = Rivals.restored(rivals)
        watch._comers = Comers.restored(comers)
        for name, count in zip(_COUNTS, items(counts), strict=True):
            setattr(watch, name, whole(count))
        watch.tentative, watch._latest = bool(tentative), text(latest)
        if watch.rivals.streak and not watch._known:
            raise ValueError("a streak instead of nothing")
        return watch

    def _count_steady(self, answers: int) -> None:
        self._answers = _COUNTED[min(self._answers + answers, _STEADY)]
        self._cycles = _COUNTED[min(self._cycles + 1, _STEADY)]

    def _learn(self, address: str, cycle: int) -> None:
        self._comers.forget(address)
        if address not in self.known and len(self.known) >= ADDRESSES:
            branches = list(self.known)[1:]
            del self.known[min(branches, key=self.known.__getitem__)]
        self.known[address] = cycle
