"""One cycle of a target whose views nobody else sees, and of which nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from exporter.errors import FtrError
from exporter.history.database import PathKey
from exporter.model import Family
from exporter.monitoring.services import Services
from exporter.monitoring.target import TargetMonitor
from exporter.monitoring.view import Key, View

ENDING_SECONDS = 0.02
"""What a trace that is cut short needs to be published."""


class Log:
    """What happened when."""

    def __init__(self) -> None:
        self.now = asyncio.get_running_loop().time
        self.started = self.now()
        self.steps: list[tuple[float, str]] = []

    def add(self, words: str) -> None:
        """Note what has just happened."""
        self.steps.append((self.now() - self.started, words))


class Views:
    """What a monitor shows, and nobody else sees. Knows no monitor: that would hold both alive."""

    def __init__(self, log: Log) -> None:
        self.by_key: dict[Key, View] = {}
        self._log = log

    def publish(self, view: View) -> None:
        """See `Services`."""
        self.by_key[view.key] = view
        if view.trace is not None:
            hops = view.trace.path_hops
            words = "1 hop" if hops == 1 else f"{hops} hops"
            self._log.add(f"{view.family}: {view.trace.stop_reason}, {words}")

    def withdraw(self, key: Key) -> None:
        """See `Services`."""
        self.by_key.pop(key, None)


def apart(services: Services, views: Views, log: Log) -> Services:
    """The same services, but for where results go, and with a log of what is resolved."""

    async def resolve(host: str, family: Family) -> tuple[str, ...]:
        try:
            addresses = await services.resolve(host, family)
        except FtrError as error:
            log.add(f"no address over {family}: {error}")
            raise
        log.add(f"{family}: {', '.join(addresses)}")
        return addresses

    return replace(
        services,
        resolve=resolve,
        heard=lambda target, family, response: None,
        publish=views.publish,
        withdraw=views.withdraw,
        changed=lambda target, family, verdict: None,
        mtu_changed=lambda view, change: None,
        keeper=Forgetful(),
    )


async def trace_once(monitor: TargetMonitor, log: Log, until: float) -> bool:
    """One cycle to its end, or `until` that time; returns whether it was cut short."""
    task = asyncio.create_task(monitor.run(), name="probe")
    try:
        done, _ = await asyncio.wait([task], timeout=max(0.0, until - log.now()))
        if not done:
            log.add("the time is over; what there is has to do")
            monitor.cut_short()
            await asyncio.wait([task], timeout=ENDING_SECONDS)
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return not done


class Forgetful:
    """A `Keeper` that keeps nothing."""

    def save(self, key: PathKey, state: str) -> None:
        """See `Keeper`."""

    def add_change(self, key: PathKey, at: float, change: Mapping[str, object]) -> None:
        """See `Keeper`."""

    def add_incident(
        self, key: PathKey, at: float, reason: str, trace: Mapping[str, object]
    ) -> None:
        """See `Keeper`."""

    async def state(self, key: PathKey) -> str | None:
        """See `Keeper`."""
        return None

    async def changes(
        self, target: str, family: Family, limit: int = 100
    ) -> list[dict[str, object]]:
        """See `Keeper`."""
        return []
