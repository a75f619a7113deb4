"""All targets that are traced: starts them, changes them while they run, ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from exporter.model import Family
from exporter.monitoring.differences import Differences, compare
from exporter.monitoring.scheduler import Scheduler
from exporter.monitoring.services import Services
from exporter.monitoring.target import TargetMonitor
from exporter.settings import Target

T = TypeVar("T")

_SLICE = 200
"""Targets that come or go in one go, before the event loop gets its turn: some milliseconds."""
_SHOWN_SLICE = 10
"""As `_SLICE`, where each target is shown anew."""


class Fleet:
    """The monitors of all targets, and their places in the schedule.

    `ended` is told the name of each target that is gone, when all that it had on show is gone too.
    """

    def __init__(
        self, services: Services, scheduler: Scheduler, ended: Callable[[str], None]
    ) -> None:
        self._services = services
        self._scheduler = scheduler
        self._ended = ended
        self._monitors: dict[str, TargetMonitor] = {}
        self.targets: dict[str, Target] = {}

    def compare(self, targets: Iterable[Target]) -> Differences:
        """What these targets would mean for those that are traced now."""
        return compare(self.targets, targets)

    async def apply(
        self, differences: Differences, targets: Iterable[Target], warm_up: float
    ) -> None:
        """Trace these targets from now on; the first cycles of what is new are spread over

        `warm_up` seconds. Sockets, tasks and series of what is removed are gone on return.
        """
        self.targets = {target.name: target for target in targets}
        for names in _slices(differences.removed):
            await self._remove(names)
        for changed in _slices(differences.changed):
            await self._replace(changed, warm_up)
        for adapted in _slices((*differences.relabelled, *differences.retimed), _SHOWN_SLICE):
            for target in adapted:
                self._monitors[target.name].adapt(target)
            await asyncio.sleep(0)
        for retimed in _slices(differences.retimed):
            self._scheduler.retime(target.name for target in retimed)
            await asyncio.sleep(0)
        for added in _slices(differences.added):
            self._add([TargetMonitor(target, self._services) for target in added], warm_up)
            await asyncio.sleep(0)

    def close(self) -> None:
        """Give all sockets back. The schedule must have ended."""
        for monitor in self._monitors.values():
            monitor.close()

    def _add(self, monitors: Sequence[TargetMonitor], warm_up: float) -> None:
        self._monitors.update((monitor.name, monitor) for monitor in monitors)
        self._scheduler.add(monitors, warm_up)

    async def _remove(self, names: Sequence[str]) -> None:
        await self._scheduler.remove(names)
        for name in names:
            self._monitors.pop(name).close()
            for family in Family:
                self._services.withdraw((name, family))
            self._ended(name)
        await asyncio.sleep(0)

    async def _replace(self, targets: Sequence[Target], warm_up: float) -> None:
        """The sockets are closed first: the new ones ask for the same local ports."""
        await self._scheduler.remove([target.name for target in targets])
        for some in _slices(targets, _SHOWN_SLICE):
            successors = [self._successor(target) for target in some]
            self._add(successors, warm_up)
            await asyncio.sleep(0)

    def _successor(self, target: Target) -> TargetMonitor:
        former = self._monitors[target.name]
        former.close()
        successor = TargetMonitor(target, self._services)
        successor.succeed(former)
        return successor


def _slices(items: Iterable[T], size: int = _SLICE) -> Iterator[list[T]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
