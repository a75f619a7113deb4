"""The daemon put together: who gets what, who lives how long, and what is said about it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Collection, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import structlog

from exporter import systemd
from exporter.announce import Announcer
from exporter.enrichment.enricher import Enricher
from exporter.events import Hub
from exporter.history import History
from exporter.historydb import IN_MEMORY
from exporter.measure import Services
from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics
from exporter.model import Family, Response
from exporter.pacer import Pacer
from exporter.resolver import Resolver
from exporter.scheduler import Scheduler
from exporter.server import make_app
from exporter.server.listen import start_server
from exporter.server.source import TargetState
from exporter.settings import Config, Target
from exporter.sockets.factory import open_probe_socket
from exporter.store import Store
from exporter.target import TargetMonitor
from exporter.view import View

if TYPE_CHECKING:
    from exporter.server.guard import Guard

log = structlog.get_logger("daemon")

_PROBES_OF_A_FIRST_TRACE = 40
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the configuration."""

    listen: tuple[str, ...] = (":10334",)
    telemetry_path: str = "/metrics"
    guard: Guard | None = None
    sockets: tuple[socket.socket, ...] = ()


class Daemon:
    """All parts, wired; a `Source` for the server. Make it inside a running event loop."""

    def __init__(self, config: Config, storage_path: str | None = None) -> None:
        self._config = config
        self._history = _open_history(storage_path)
        self.own = OwnMetrics(lambda: self._enricher.entries(), lambda: self._history.errors)
        self._exposition = Exposition(self.own, config.limits.series_per_target)
        resolver = Resolver(config.resolver)
        self._enricher = Enricher(
            config.enrichment, resolver, on_update=self._address_known, observe=self.own.lookup
        )
        self.events = Hub()
        self._announcer = Announcer(self.events)
        self._store = Store(self._enricher.info, self._render, self._exposition.remove)
        self._pacer = Pacer(config.limits.probes_per_second)
        services = Services(
            resolve=resolver.addresses,
            open_socket=open_probe_socket,
            pacer=self._pacer,
            counts=self.own.responses,
            info=self._enricher.info,
            recorded=self.own.response_recorded,
            heard=self._heard,
            publish=self._publish,
            withdraw=self._store.withdraw,
            changed=self._announcer.changed,
            keeper=self._history,
        )
        self._monitors = [TargetMonitor(target, services) for target in config.targets]
        self._targets = {target.name: target for target in config.targets}
        self._scheduler = Scheduler(
            config.limits.concurrent_traces, self._warm_up(), self.own.scheduler_lag
        )
        self._ready = False

    async def run(self, options: Options, stop: asyncio.Event) -> None:
        """Serve and measure until `stop` is set. Raises `ListenError`."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            self.own.set_targets(len(self._monitors))
            self.own.config_loaded(ok=True, wall_time=time.time())
            app = make_app(self, telemetry_path=options.telemetry_path)
            server = await start_server(
                app, options.listen, guard=options.guard, sockets=options.sockets
            )
            stack.push_async_callback(server.stop, _STOP_SECONDS)
            log.info("server.listening", addresses=list(server.addresses))
            self._scheduler.add(self._monitors)
            schedule = asyncio.create_task(self._scheduler.run(), name="schedule")
            stack.push_async_callback(_cancelled, schedule)
            self._ready = True
            log.info("daemon.ready", targets=len(self._monitors))
            systemd.notify("READY=1")
            watchdog = asyncio.create_task(systemd.feed_watchdog(lambda: not schedule.done()))
            stack.push_async_callback(_cancelled, watchdog)
            await stop.wait()
            log.info("daemon.stopping")
            systemd.notify("STOPPING=1")

    # -- what the server asks ---------------------------------------------------------------

    def is_ready(self) -> bool:
        """See `Source`."""
        return self._ready

    def metrics_chunks(
        self, targets: Collection[str] | None, names: Collection[str] | None, openmetrics: bool
    ) -> list[bytes]:
        """See `Source`."""
        return self._exposition.chunks(targets, names, openmetrics)

    def targets(self) -> Iterator[TargetState]:
        """See `Source`."""
        return map(self._state_of, list(self._targets.values()))

    def target(self, name: str) -> TargetState | None:
        """See `Source`."""
        target = self._targets.get(name)
        return None if target is None else self._state_of(target)

    async def incidents(self, name: str, limit: int) -> list[dict[str, object]]:
        """See `Source`."""
        found = [
            {"family": family.value, **each}
            for family in Family
            for each in await self._history.incidents(name, family, limit)
        ]
        found.sort(key=lambda each: str(each["at"]), reverse=True)
        return found[:limit]

    def _state_of(self, target: Target) -> TargetState:
        views = self._store.views(target.name)
        return TargetState(target, views, self._scheduler.next_start(target.name))

    def trace_now(self, name: str) -> bool:
        """See `Source`."""
        return bool(self._scheduler.run_now(name))

    # -- what happens ------------------------------------------------------------------------

    def _warm_up(self) -> float:
        """Seconds in which every target can have its first trace within the probe budget."""
        probes = _PROBES_OF_A_FIRST_TRACE * len(self._config.targets)
        return probes / self._config.limits.probes_per_second

    def _address_known(self, address: str) -> None:
        self._store.address_known(address)

    def _heard(self, target: Target, family: Family, response: Response) -> None:
        if self._announcer.wants_hops(target):
            info = self._enricher.info(response.address)
            self._announcer.heard(target, family, response, info)

    def _publish(self, view: View) -> None:
        self._store.publish(view)
        self._announcer.published(view)

    def _render(self, view: View) -> None:
        self._exposition.update(view)
        self._announcer.shown(view)

    async def _close(self) -> None:
        self._ready = False
        self.events.close()
        for monitor in self._monitors:
            monitor.close()
        self._pacer.close()
        self._store.close()
        await self._enricher.close()
        await self._history.close()


def _open_history(path: str | None) -> History:
    if path is None:
        return History(None, bounds=IN_MEMORY)
    return History(FilePath(path), report=_report_storage)


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended; its own error, if any, comes out."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _report_storage(message: str) -> None:
    log.warning("storage.state", message=message)
