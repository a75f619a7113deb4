"""What the server asks, answered from the parts of the daemon."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from exporter.history.recorder import History
from exporter.metrics.exposition import Exposition
from exporter.model import Family
from exporter.monitoring.fleet import Fleet
from exporter.monitoring.scheduler import Scheduler
from exporter.monitoring.store import Store
from exporter.server.events import Hub
from exporter.server.source import TargetState
from exporter.settings import Target


@dataclass(slots=True)
class Answers:
    """A `Source`. `ready` is for the daemon to set."""

    events: Hub
    exposition: Exposition
    store: Store
    history: History
    fleet: Fleet
    scheduler: Scheduler
    ready: bool = False

    def is_ready(self) -> bool:
        """See `Source`."""
        return self.ready

    def metrics_chunks(
        self, targets: Collection[str] | None, names: Collection[str] | None, openmetrics: bool
    ) -> Iterable[bytes]:
        """See `Source`."""
        return self.exposition.chunks(targets, names, openmetrics)

    def targets(self) -> Iterator[TargetState]:
        """See `Source`."""
        return map(self._state_of, list(self.fleet.targets.values()))

    def target(self, name: str) -> TargetState | None:
        """See `Source`."""
        target = self.fleet.targets.get(name)
        return None if target is None else self._state_of(target)

    async def incidents(self, name: str, limit: int) -> list[dict[str, object]]:
        """See `Source`."""
        found = [
            {"family": family.value, **each}
            for family in Family
            for each in await self.history.incidents(name, family, limit)
        ]
        found.sort(key=lambda each: str(each["at"]), reverse=True)
        return found[:limit]

    def trace_now(self, name: str) -> bool:
        """See `Source`."""
        return bool(self.scheduler.run_now(name))

    def _state_of(self, target: Target) -> TargetState:
        views = self.store.views(target.name)
        return TargetState(target, views, self.scheduler.next_start(target.name))
