"""Pure: the AS path of a path, and when it has changed.

A hop shows a set of AS numbers: one address may have several origins, and one TTL several
addresses. Silent, unannounced and not yet looked up hops show none, and match any one AS. Two AS
paths agree where both can be the same sequence. One that does not agree is a change unless it can
be a router's foreign address (Mao et al., "Towards an accurate AS-level traceroute tool", 2003;
Hyun, Broido and Claffy, "On third-party addresses in traceroute paths", 2003): a single hop in an
AS of its own between hops of one AS; or one at an AS border, where the address at that one TTL is
all that changed. The same addresses with another origin are no change either: the registry's data
changed, not the path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from exporter.model import NOTHING_KNOWN, HostInfo
from exporter.watch.saved import items, mapping, text, whole

Origins = frozenset[int]
NONE: Origins = frozenset()
_ORIGINS, _STEPS = 8, 256
"""How many origins of one address are remembered, and how many steps of a path."""


class Step(NamedTuple):
    """One TTL of the path: the address that stands for it, and the origins of all known there."""

    address: str | None
    origins: Origins


def flat(steps: Sequence[Step]) -> tuple[int, ...]:
    """AS numbers in their order, each hop's lowest: gaps bridged, repeats and odd hops left out."""
    return tuple(min(origins) for origins in _runs([each for each in _even(steps) if each]))


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a path; what follows them is not known where they are `open`."""

    steps: tuple[Step, ...] = ()
    open: bool = True

    def is_told(self) -> bool:
        """Whether any AS is known."""
        return any(step.origins for step in self.steps)


def agree(one: Steps, other: Steps) -> bool:
    """Whether both can be the same AS path."""
    return _agree(_even(one.steps), _even(other.steps), one.open, other.open)


def is_foreign_address(one: Steps, other: Steps) -> bool:
    """Whether all that differs are single addresses at AS borders, each between unchanged hops.

    There, one of the two addresses has the AS of a neighbour, and the other an AS of its own.
    """
    old, new = one.steps, other.steps
    if len(old) != len(new):
        return False
    before, after = _even(old), _even(new)
    for index in range(1, len(old) - 1):
        if _is_swapped(old, new, index) and _is_odd(old, new, index):
            before[index] = after[index] = NONE
    return _agree(before, after, one.open, other.open)


def _is_swapped(old: Sequence[Step], new: Sequence[Step], index: int) -> bool:
    """Only here, and not at the neighbours, stands another address."""
    before, after = ([path[index + each].address for each in (-1, 1)] for path in (old, new))
    return before == after != [None, None] and old[index].address != new[index].address


def _is_odd(old: Sequence[Step], new: Sequence[Step], index: int) -> bool:
    near = new[index - 1].origins | new[index + 1].origins
    was, now = old[index].origins, new[index].origins
    return bool(was) and bool(now) and bool(was & near) != bool(now & near)


def _even(steps: Sequence[Step]) -> list[Origins]:
    """The origins by hop, without a single odd one between hops of the same AS."""
    even = [step.origins for step in steps]
    known = [index for index, origins in enumerate(even) if origins]
    for before, index, after in zip(known, known[1:], known[2:], strict=False):
        if even[before] & even[after] and not even[index] & (even[before] | even[after]):
            even[index] = NONE
    return even


def _agree(
    one: Sequence[Origins], other: Sequence[Origins], one_open: bool, other_open: bool
) -> bool:
    """Walk both at once: whether the ends can be reached together, or the end of an open one."""
    rows, columns = _runs(one), _runs(other)
    found, places = {(0, 0)}, [(0, 0)]
    while places:
        fresh = _next(rows, columns, *places.pop()) - found
        found |= fresh
        places += fresh
    return any(
        (row == len(rows) or other_open) and (column == len(columns) or one_open)
        for row, column in found
        if row == len(rows) or column == len(columns)
    )


def _next(
    rows: Sequence[Origins], columns: Sequence[Origins], row: int, column: int
) -> set[tuple[int, int]]:
    """Where to go from here: an unknown hop is one AS, or none of its own."""
    found: set[tuple[int, int]] = set()
    here = rows[row] if row < len(rows) else None
    there = columns[column] if column < len(columns) else None
    if here is not None and _is_passed(here, columns, column):
        found.add((row + 1, column))
    if there is not None and _is_passed(there, rows, row):
        found.add((row, column + 1))
    if here is not None and there is not None and (not here or not there or here & there):
        found.add((row + 1, column + 1))
    return found


def _is_passed(origins: Origins, others: Sequence[Origins], reached: int) -> bool:
    """Whether a hop needs no AS of its own: nothing is known of it, or it goes on as before."""
    return not origins or bool(reached and origins & others[reached - 1])


def _runs(even: Sequence[Origins]) -> list[Origins]:
    """Neighbours of the same AS as one."""
    runs: list[Origins] = []
    for origins in even:
        if runs and origins and runs[-1] & origins:
            runs[-1] &= origins
        else:
            runs.append(origins)
    return runs


class AsWatch:
    """Follows the AS path of one target: tells each confirmed change once. `path` is as known."""

    __slots__ = ("_candidate", "_origins", "_settled", "_steps", "_streak", "path")

    def __init__(self) -> None:
        self._steps = _NO_STEPS
        self._origins: dict[str, Origins] = {}
        self._candidate: tuple[int, ...] = ()
        self._streak = 0
        self._settled: Steps | None = None
        self.path: tuple[int, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether the same input once more would change nothing."""
        return self._settled is not None

    def see(
        self,
        hops: Sequence[Sequence[str]],
        infos: Mapping[str, HostInfo],
        confirm: int,
        *,
        turned: bool,
        complete: bool = True,
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Take in the confirmed path: all addresses of each TTL, and what is known of them.

        `turned` says that a change of path was confirmed right now: then the AS path needs no
        confirmation of its own. `complete` says that the path is known up to the destination.
        Gives (old, new) where the AS path has changed.
        """
        steps = Steps(tuple(self._step(each, infos) for each in hops), not complete)
        if steps == self._settled:
            self._streak = 0
            return None
        self._settled = None
        self._forget_others(hops)
        if not (self._steps.is_told() and steps.is_told()) or agree(self._steps, steps):
            self._learn(steps)
            return None
        if is_foreign_address(self._steps, steps):
            self._learn_but_for_foreign(steps)
            return None
        return self._change(steps, confirm, turned=turned)

    def _change(
        self, steps: Steps, confirm: int, *, turned: bool
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        old, new = self.path, flat(steps.steps)
        self._streak = self._streak + 1 if new == self._candidate else 1
        self._candidate = new
        if not turned and self._streak < confirm:
            return None
        self._settled = steps
        self._streak = 0
        self._adopt(steps)
        return old, new

    def _adopt(self, steps: Steps) -> None:
        self._steps, self.path = steps, flat(steps.steps)

    def _learn(self, steps: Steps) -> None:
        """Nothing contradicts. Keep what says more: a look-up may only be missing for now."""
        self._streak, self._settled = 0, steps
        is_whole = not steps.open and all(step.origins for step in steps.steps)
        if is_whole or _contains(flat(steps.steps), self.path):
            self._adopt(steps)

    def _learn_but_for_foreign(self, new: Steps) -> None:
        """Keep the origins that the neighbours share, also for the address that has others."""
        self._streak = 0
        before, steps = self._steps.steps, list(new.steps)
        for index in range(1, len(steps) - 1):
            near = steps[index - 1].origins | steps[index + 1].origins
            address, was = steps[index].address, before[index].origins
            if address and _is_swapped(before, new.steps, index) and was & near:
                steps[index] = Step(address, was)
                self._origins[address] = self._origins.get(address, NONE) | was
        self._adopt(Steps(tuple(steps), new.open))

    def _step(self, addresses: Sequence[str], infos: Mapping[str, HostInfo]) -> Step:
        if not addresses:
            return Step(None, NONE)
        found = [self._origins_of(each, infos.get(each, NOTHING_KNOWN)) for each in addresses]
        return Step(addresses[0], found[0] if len(found) == 1 else NONE.union(*found))

    def _origins_of(self, address: str, info: HostInfo) -> Origins:
        """All origins ever seen of this address: which one is told may change from day to day."""
        if info.asn is None:
            return self._origins.get(address, NONE)
        known = self._origins.get(address, NONE)
        if info.asn not in known and len(known) < _ORIGINS:
            known = known | {info.asn} if known else _alone(info.asn)
            self._origins[address] = known
        return known

    def _forget_others(self, hops: Sequence[Sequence[str]]) -> None:
        """Only addresses of the path matter."""
        kept = {address for addresses in hops for address in addresses}
        self._origins = {each: found for each, found in self._origins.items() if each in kept}

    # -- to be kept ---------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """All that is remembered, fit for JSON."""
        return {
            "steps": [[step.address, sorted(step.origins)] for step in self._steps.steps],
            "open": self._steps.open,
            "origins": {address: sorted(found) for address, found in self._origins.items()},
            "candidate": list(self._candidate),
            "streak": self._streak,
        }

    @classmethod
    def restored(cls, state: object) -> AsWatch:
        """What `state` gave; raises `KeyError`, `TypeError` or `ValueError` where it is not."""
        form = mapping(state)
        watch = cls()
        steps = tuple(
            Step(None if address is None else text(address), _numbers(found))
            for address, found in items(form["steps"])[:_STEPS]
        )
        watch._adopt(Steps(steps, bool(form["open"])))
        watch._origins = {
            text(address): _numbers(found) for address, found in mapping(form["origins"]).items()
        }
        watch._candidate = tuple(whole(each) for each in items(form["candidate"])[:_STEPS])
        watch._streak = whole(form["streak"])
        return watch


_NO_STEPS = Steps()


@lru_cache(maxsize=4096)
def _alone(asn: int) -> Origins:
    """One AS; a set of its own for each address would take more than all else known of it."""
    return frozenset((asn,))


def _numbers(value: object) -> Origins:
    numbers = frozenset(whole(each) for each in items(value)[:_STEPS])
    return _alone(*numbers) if len(numbers) == 1 else numbers


def _contains(longer: Sequence[int], shorter: Sequence[int]) -> bool:
    """Whether the numbers of one stand in the other, in their order."""
    rest = iter(longer)
    return all(number in rest for number in shorter)
