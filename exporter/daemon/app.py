"""The daemon put together: who gets what, who lives how long, and what is said about it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

import structlog

from exporter.daemon.announce import Announcer
from exporter.daemon.answers import Answers
from exporter.daemon.supply import Supply
from exporter.enrichment.enricher import Enricher
from exporter.history.database import IN_MEMORY
from exporter.history.recorder import History
from exporter.metrics.exposition import Exposition
from exporter.metrics.own import OwnMetrics, SourceCounts
from exporter.model import Family, HostInfo, Response
from exporter.monitoring.fleet import Fleet
from exporter.monitoring.scheduler import Scheduler
from exporter.monitoring.services import Services
from exporter.monitoring.store import Store
from exporter.monitoring.view import View
from exporter.names.resolver import Resolver
from exporter.probe.prober import Names, Prober
from exporter.process import systemd
from exporter.server import make_app
from exporter.server.events import EventKind, Hub
from exporter.server.listen import start_server
from exporter.server.probe import ProbeEndpoint
from exporter.settings import Config, Target
from exporter.sockets.factory import open_probe_socket
from exporter.trace.pacer import Pacer

if TYPE_CHECKING:
    from exporter.server.guard import Guard

log = structlog.get_logger("daemon")

_PROBES_OF_A_FIRST_TRACE = 40
_SECONDS_OF_A_FIRST_CYCLE = 0.004
"""What a target's first cycle may take of one core, and more than twice of what it does."""
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the configuration."""

    listen: tuple[str, ...] = (":10334",)
    telemetry_path: str = "/metrics"
    lifecycle: bool = False
    probe: bool = False
    guard: Guard | None = None
    sockets: tuple[socket.socket, ...] = ()


class Daemon:
    """All parts, wired. Make it inside a running event loop; `answers` is for the server.

    `load` reads the configuration again; without it a reload brings back what is in use.
    """

    def __init__(
        self,
        config: Config,
        storage_path: str | None = None,
        load: Callable[[], Config] | None = None,
    ) -> None:
        self._config = config
        self._history = _open_history(storage_path)
        self.own = OwnMetrics(
            lambda: self._enricher.entries(), lambda: self._history.errors, self._source_counts
        )
        self._resolver = Resolver(config.resolver)
        self._enricher = self._new_enricher()
        self._events = Hub()
        self._announcer = Announcer(self._events)
        self._exposition = Exposition(
            self.own, config.limits.series_per_target, self._announcer.not_shown
        )
        self._store = Store(self._info, self._render, self._exposition.remove)
        self._pacer = Pacer(config.limits.probes_per_second)
        services = Services(
            resolve=self._resolver.addresses,
            open_socket=open_probe_socket,
            pacer=self._pacer,
            counts=self.own.responses,
            info=self._info,
            recorded=self.own.response_recorded,
            heard=self._heard,
            publish=self._publish,
            withdraw=self._store.withdraw,
            changed=self._announcer.changed,
            mtu_changed=self._announcer.mtu_changed,
            keeper=self._history,
        )
        self._scheduler = Scheduler(config.limits.concurrent_traces, 0.0, self.own.scheduler_lag)
        names = Names(self._info, self._settled)
        self._prober = Prober(config, services, names, self.own.probe_request)
        self._fleet = Fleet(services, self._scheduler, self._announcer.forget)
        self._supply = Supply(config, load or (lambda: config), self._use, self._config_loaded)
        self.answers = Answers(
            self._events,
            self._exposition,
            self._store,
            self._history,
            self._fleet,
            self._scheduler,
        )

    async def run(self, options: Options, stop: asyncio.Event) -> None:
        """Serve and measure until `stop` is set.

        Raises `ListenError`, and what has ended the schedule or the supply with targets.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._close)
            await self._supply.begin()
            app = make_app(
                self.answers,
                telemetry_path=options.telemetry_path,
                reload=self._supply.reload if options.lifecycle else None,
                probe=self._probe_endpoint() if options.probe else None,
            )
            if options.guard is not None:
                self.own.web_config_good = options.guard.is_good
            server = await start_server(
                app, options.listen, guard=options.guard, sockets=options.sockets
            )
            stack.push_async_callback(server.stop, _STOP_SECONDS)
            log.info("server.listening", addresses=list(server.addresses))
            schedule = asyncio.create_task(self._scheduler.run(), name="schedule")
            stack.push_async_callback(_cancelled, schedule)
            supply = asyncio.create_task(self._supply.run(), name="supply")
            stack.push_async_callback(_cancelled, supply)
            self.answers.ready = True
            log.info("daemon.ready", targets=len(self._fleet.targets))
            systemd.notify("READY=1")
            watchdog = asyncio.create_task(
                systemd.feed_watchdog(lambda: not (schedule.done() or supply.done()))
            )
            stack.push_async_callback(_cancelled, watchdog)
            await _stopped(stop, schedule, supply)
            log.info("daemon.stopping")
            systemd.notify("STOPPING=1")

    def request_reload(self) -> None:
        """Read the configuration again in a moment; the log tells how it went."""
        self._supply.request_reload()

    # -- what the configuration asks ----------------------------------------------------------

    async def _use(self, config: Config, targets: tuple[Target, ...]) -> str:
        """Take settings and targets into use; see `Supply`."""
        before, limits = self._config, config.limits
        self._config = config
        if config.resolver != before.resolver:
            self._resolver.use(config.resolver)
        if config.enrichment != before.enrichment:
            former, self._enricher = self._enricher, self._new_enricher()
            await former.close()
        self._prober.use(config)
        if limits != before.limits:
            self._pacer.set_rate(limits.probes_per_second)
            self._scheduler.resize(limits.concurrent_traces)
            self._exposition.series_per_target = limits.series_per_target
        differences = self._fleet.compare(targets)
        new = len(differences.added) + len(differences.changed)
        # All that is new can have its first trace in this time, within the probe budget, and
        # leaves half of a core to what is traced already.
        warm_up = new * max(
            _PROBES_OF_A_FIRST_TRACE / limits.probes_per_second, _SECONDS_OF_A_FIRST_CYCLE
        )
        await self._fleet.apply(differences, targets, warm_up)
        self.own.set_targets(len(targets))
        self._events.renew()
        return str(differences)

    def _config_loaded(self, ok: bool) -> None:
        self.own.config_loaded(ok, time.time())

    def _new_enricher(self) -> Enricher:
        return Enricher(
            self._config.enrichment,
            self._resolver,
            on_update=self._address_known,
            observe=self.own.lookup,
        )

    def _info(self, address: str) -> HostInfo:
        return self._enricher.info(address)

    async def _settled(self, addresses: Iterable[str], seconds: float) -> None:
        await self._enricher.settled(addresses, seconds)

    def _probe_endpoint(self) -> ProbeEndpoint:
        return ProbeEndpoint(self._prober.probe, lambda: self._config.limits.series_per_target)

    def _source_counts(self) -> Iterator[SourceCounts]:
        for source in self._supply.sources():
            yield SourceCounts(source.name, len(source.targets), source.failures, not source.faults)

    # -- what happens ------------------------------------------------------------------------

    def _address_known(self, address: str) -> None:
        self._store.address_known(address)

    def _heard(self, target: Target, family: Family, response: Response) -> None:
        if self._events.interests and self._events.wants(EventKind.HOP, target.name):
            self._announcer.heard(target, family, response, self._info(response.address))

    def _publish(self, view: View) -> None:
        self._store.publish(view)
        self._announcer.published(view)

    def _render(self, view: View) -> None:
        self._exposition.update(view)
        self._announcer.shown(view)

    async def _close(self) -> None:
        self.answers.ready = False
        self._events.close()
        self._fleet.close()
        self._pacer.close()
        self._store.close()
        await self._enricher.close()
        await self._history.close()


def _open_history(path: str | None) -> History:
    if path is None:
        return History(None, bounds=IN_MEMORY)
    return History(FilePath(path), report=_report_storage)


async def _stopped(stop: asyncio.Event, *endless: asyncio.Task[None]) -> None:
    """Wait for `stop`; where a task that never ends has ended nevertheless, raise its error."""
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait([stopping, *endless], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    for task in endless:
        if task.done():
            task.result()


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended; its own error, if any, comes out."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _report_storage(message: str) -> None:
    log.warning("storage.state", message=message)
