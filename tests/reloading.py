"""A daemon in virtual time whose configuration a test can change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from exporter.daemon.app import Daemon, Options
from exporter.errors import ConfigError
from exporter.model import FamilyChoice
from exporter.monitoring.view import View
from exporter.settings import Config, EnrichmentSettings, Module, Target
from tests.clock import until
from tests.daemon import Scrape
from tests.monitoring import Forgetful
from tests.virtual import DAEMON_CLOCKS, Routing, SimulatedNetwork, run_virtual, use_virtual_clock

QUIET = EnrichmentSettings(rdns=False, asn_source="none")


def target(name: str, number: int = 1, **fields: Any) -> Target:
    """A target given by its address, traced every ten seconds by one probe a hop."""
    labels = fields.pop("labels", ())
    module = Module(**{"family": FamilyChoice.IPV4, "interval": 10.0, "probes": 1, **fields})
    return Target(name, f"192.0.2.{number}", module, labels)


class Stage:
    """A running daemon, and the file that it would load."""

    def __init__(self, config: Config, network: SimulatedNetwork) -> None:
        self.file: Config | ConfigError = replace(config, enrichment=QUIET)
        self.network = network
        self.daemon = Daemon(self.file, load=self._load)

    async def reload(self, *targets: Target, **sections: Any) -> str:
        """Reload with other targets, and other sections perhaps."""
        assert isinstance(self.file, Config)
        self.file = replace(self.file, targets=targets, **sections)
        return await self.daemon._supply.reload()

    def scrape(self) -> Scrape:
        """What Prometheus would get now."""
        return Scrape(self.text())

    def text(self, *names: str) -> str:
        """The exposition of these metrics, or of all."""
        return b"".join(self.daemon.answers.metrics_chunks(None, names or None, False)).decode()

    def view(self, name: str) -> View:
        """The one view of a target."""
        state = self.daemon.answers.target(name)
        assert state is not None
        (view,) = state.views
        return view

    def ports(self) -> dict[str, int]:
        """Which socket, by its identity, leads where."""
        return {socket.destination: id(socket) for socket in self.network.sockets}

    def _load(self) -> Config:
        if isinstance(self.file, ConfigError):
            raise self.file
        return self.file


def play(
    patch: pytest.MonkeyPatch,
    routing: Routing,
    targets: tuple[Target, ...],
    scene: Callable[[Stage], Awaitable[None]],
    **sections: Any,
) -> None:
    """Run a daemon during a scene, in virtual time; nothing of it is left afterwards."""
    use_virtual_clock(patch, *DAEMON_CLOCKS, "exporter.monitoring.memory")
    network = SimulatedNetwork(routing, recording=False)
    patch.setattr("exporter.daemon.app.open_probe_socket", network.open)
    patch.setattr("exporter.daemon.app._open_history", lambda path: Forgetful())
    # A thread works in real time, which virtual time does not wait for.
    patch.setattr("exporter.daemon.supply.asyncio.to_thread", _inline)

    async def run() -> None:
        stop, stage = asyncio.Event(), Stage(Config(targets, **sections), network)
        running = asyncio.create_task(stage.daemon.run(Options(("127.0.0.1:0",)), stop))
        await until(stage.daemon.answers.is_ready)
        await scene(stage)
        stop.set()
        await running
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert network.sockets == []

    run_virtual(run())


async def _inline(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    await asyncio.sleep(0)
    return function(*args, **kwargs)
