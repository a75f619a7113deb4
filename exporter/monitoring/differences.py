"""Pure: what a new list of targets means for those that are traced already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from exporter.settings import Module, Target


@dataclass(frozen=True, slots=True)
class Differences:
    """What to do with each target; those that stay as they are are only counted.

    `relabelled` and `retimed` (another interval, and labels perhaps) go on with all that they know,
    sockets included. `changed` are probed in another way but are the same target: they begin anew,
    and their counters go on. A target whose host is another is removed and added.
    """

    kept: int = 0
    relabelled: tuple[Target, ...] = ()
    retimed: tuple[Target, ...] = ()
    changed: tuple[Target, ...] = ()
    added: tuple[Target, ...] = ()
    removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        numbers = {
            "added": len(self.added),
            "removed": len(self.removed),
            "changed": len(self.changed) + len(self.retimed) + len(self.relabelled),
        }
        return ", ".join(f"{count} {word}" for word, count in numbers.items())


def compare(old: Mapping[str, Target], new: Iterable[Target]) -> Differences:
    """Compare the targets that are traced, by name, with those that shall be."""
    comparison = _Comparison()
    wanted = {target.name: target for target in new}
    for name, target in wanted.items():
        comparison.look_at(old.get(name), target)
    comparison.removed += [name for name in old if name not in wanted]
    return comparison.result()


class _Comparison:
    def __init__(self) -> None:
        self.kept = 0
        self.relabelled: list[Target] = []
        self.retimed: list[Target] = []
        self.changed: list[Target] = []
        self.added: list[Target] = []
        self.removed: list[str] = []
        self._modules: dict[tuple[int, int], bool] = {}

    def look_at(self, before: Target | None, now: Target) -> None:
        if before is None:
            self.added.append(now)
        elif before.host != now.host:
            self.removed.append(now.name)
            self.added.append(now)
        elif not self._same_but_for_interval(before.module, now.module):
            self.changed.append(now)
        elif before.module.interval != now.module.interval:
            self.retimed.append(now)
        elif before.labels != now.labels:
            self.relabelled.append(now)
        else:
            self.kept += 1

    def _same_but_for_interval(self, before: Module, now: Module) -> bool:
        """Targets share their modules, so that few pairs are looked at in full."""
        pair = (id(before), id(now))
        same = self._modules.get(pair)
        if same is None:
            same = self._modules[pair] = replace(before, interval=now.interval) == now
        return same

    def result(self) -> Differences:
        return Differences(
            self.kept,
            tuple(self.relabelled),
            tuple(self.retimed),
            tuple(self.changed),
            tuple(self.added),
            tuple(self.removed),
        )
