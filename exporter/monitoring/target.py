"""A scheduler's job: one target, cycle after cycle, in the address families that it wants."""

from __future__ import annotations

import asyncio

from exporter.errors import ErrorReason, ResolveError
from exporter.model import Family, FamilyChoice
from exporter.monitoring.measure import PathMonitor
from exporter.monitoring.services import Services
from exporter.names.families import first_family
from exporter.settings import Target


class TargetMonitor:
    """A scheduler's job: one target, in one family or in both."""

    def __init__(self, target: Target, services: Services) -> None:
        self._target = target
        self._services = services
        self._monitors: dict[Family, PathMonitor] = {}
        self._family = Family.IPV4

    @property
    def name(self) -> str:
        """The target's name."""
        return self._target.name

    @property
    def interval(self) -> float:
        """Seconds between two cycles."""
        return self._target.module.interval

    async def run(self) -> None:
        """One cycle."""
        choice = self._target.module.family
        if choice is FamilyChoice.AUTO:
            await self._run_auto()
        elif choice is FamilyChoice.BOTH:
            await self._run_both()
        else:
            await self._run_family(Family(choice.value))

    def skipped(self, cycles: int) -> None:
        """See `Job`."""
        for monitor in self._monitors.values():
            monitor.skipped(cycles)

    def adapt(self, target: Target) -> None:
        """Go on under these labels and this interval; all else of the target must be the same."""
        self._target = target
        for monitor in self._monitors.values():
            monitor.adapt(target)

    def succeed(self, former: TargetMonitor) -> None:
        """Take over what a monitor of the same host, which has ended, counted and has on show.

        What it showed of a family that is no longer traced ends.
        """
        choice = self._target.module.family
        if choice is FamilyChoice.AUTO:
            self._family = former._family_in_use()
        for family, monitor in former._monitors.items():
            if choice in (FamilyChoice.BOTH, family) or (
                choice is FamilyChoice.AUTO and family is self._family
            ):
                self._monitor(family).succeed(monitor)
            else:
                self._services.withdraw((self.name, family))

    def cut_short(self) -> None:
        """End the cycle that runs with what it has; something is on show then."""
        if not self._monitors:
            self._monitor(self._family)
        for monitor in self._monitors.values():
            monitor.cut_short()

    def close(self) -> None:
        """Give all sockets back, for good."""
        for monitor in self._monitors.values():
            monitor.end()

    async def _run_auto(self) -> None:
        """The family used so far, IPv4 at first; the other where the host has no such address."""
        families = sorted(Family, key=lambda family: family is not self._family)
        try:
            family, addresses = await first_family(
                self._services.resolve, self._target.host, families
            )
        except ResolveError as error:
            self._monitor(self._family).fail(ErrorReason.RESOLVE, str(error))
        else:
            self._settle_on(family)
            await self._trace(self._monitor(family), addresses)

    def _settle_on(self, family: Family) -> None:
        """`auto` shows one family at a time."""
        if family is not self._family:
            former = self._monitors.pop(self._family, None)
            if former is not None:
                former.end()
                self._services.withdraw((self._target.name, self._family))
            self._family = family

    async def _run_both(self) -> None:
        """Both families to their end: a bug in one neither spoils nor leaves behind the other."""
        cycles = (self._run_family(family) for family in Family)
        for bug in await asyncio.gather(*cycles, return_exceptions=True):
            if bug is not None:
                raise bug

    async def _run_family(self, family: Family) -> None:
        monitor = self._monitor(family)
        try:
            addresses = await self._services.resolve(self._target.host, family)
        except ResolveError as error:
            monitor.fail(ErrorReason.RESOLVE, str(error))
        else:
            await self._trace(monitor, addresses)

    async def _trace(self, monitor: PathMonitor, addresses: tuple[str, ...]) -> None:
        """A bug shows as an error of the target, and goes on to the scheduler."""
        try:
            await monitor.run(addresses)
        except Exception:
            monitor.fail(ErrorReason.INTERNAL, "an internal error; the log has the details")
            raise

    def _family_in_use(self) -> Family:
        """The one that `auto` chose, or that was asked for."""
        if self._family in self._monitors:
            return self._family
        return next(iter(self._monitors), self._family)

    def _monitor(self, family: Family) -> PathMonitor:
        if family not in self._monitors:
            self._monitors[family] = PathMonitor(self._target, family, self._services)
        return self._monitors[family]
