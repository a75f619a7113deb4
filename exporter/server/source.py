"""What the HTTP server wants to know of the daemon, and nothing more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol as Interface

from exporter.monitoring.view import View
from exporter.server.events import Hub
from exporter.settings import Target


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target and its latest measurements, one `View` for each family.

    `next_cycle_at` is wall-clock time in seconds since the epoch; None where none is planned.
    """

    target: Target
    views: tuple[View, ...] = ()
    next_cycle_at: float | None = None


class Source(Interface):
    """The daemon, as the server sees it. Called from the event loop; answers at once."""

    @property
    def events(self) -> Hub:
        """Where to listen to what happens; closed when the server ends."""
        ...

    def is_ready(self) -> bool:
        """Whether the configuration is loaded and the schedule runs."""
        ...

    def metrics_chunks(
        self,
        targets: Collection[str] | None,
        names: Collection[str] | None,
        openmetrics: bool,
    ) -> Iterable[bytes]:
        """The exposition of these targets and metrics (None: of all), in pieces made one by one."""
        ...

    def targets(self) -> Iterable[TargetState]:
        """Every target, in the order of the configuration: a snapshot, read bit by bit."""
        ...

    def target(self, name: str) -> TargetState | None:
        """One target by its name, None where there is none."""
        ...

    async def incidents(self, name: str, limit: int) -> list[dict[str, object]]:
        """Traces of a target kept from around changes and outages, in JSON form, newest first."""
        ...

    def trace_now(self, name: str) -> bool:
        """Start a cycle of this target out of turn; False where one runs already."""
        ...
