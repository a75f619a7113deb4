"""What a target's path is known for outlives another way to probe it, and a restart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.history.database import PathKey
from exporter.model import FamilyChoice, Probe, Protocol
from exporter.monitoring.target import TargetMonitor
from exporter.settings import Module, Target
from tests.monitoring import HOST, Forgetful, Stage
from tests.simulated import Answer
from tests.virtual import chain, run_virtual

MODULE = Module(protocol=Protocol.TCP, port=443, family=FamilyChoice.IPV4, probes=1, interval=10.0)


class Remembering(Forgetful):
    """Keeps states, as a history does."""

    def __init__(self) -> None:
        self.states: dict[PathKey, str] = {}

    def save(self, key: PathKey, state: str) -> None:
        """See `Keeper`."""
        self.states[key] = state

    async def state(self, key: PathKey) -> str | None:
        """See `Keeper`."""
        return self.states.get(key)


@pytest.mark.parametrize(
    "options", [{"port": 80}, {"source": "198.51.100.77"}, {"dscp": 46}, {"interface": "eth1"}]
)
def test_another_flow_on_another_branch_is_no_change_of_path(options: dict[str, Any]) -> None:
    """A balancer at hop 2 sends the flow, of which a reload has changed what routers look at, to
    another of its branches. The network did not change; nor does the path."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01, 0.01))
        services = replace(stage.services, keeper=Remembering())
        way = stage.network.routing

        def balanced(destination: str, probe: Probe) -> Answer | None:
            answer = way(destination, probe)
            other = stage.network.opened[-1] != stage.network.opened[0]
            if other and probe.ttl == 2 and answer is not None:
                return answer._replace(address="203.0.113.2")
            return answer

        stage.network.routing = balanced
        former = TargetMonitor(Target("example", HOST, MODULE), services)
        for _ in range(10):
            await former.run()
        former.close()
        changed = replace(MODULE, **options)
        monitor = TargetMonitor(Target("example", HOST, changed), services)
        monitor.succeed(former)
        for _ in range(10):
            await monitor.run()
        assert stage.network.opened[-1] != stage.network.opened[0]
        view = stage.views[-1]
        assert (view.facts.changes, view.facts.branches) == (0, 2)

    run_virtual(test())


def test_path_of_a_target_with_a_long_name_outlives_a_restart() -> None:
    """As long as a name may be. While the exporter was down the path became another: known still,
    it is seen to have changed."""

    async def test() -> None:
        stage = Stage(chain(0.01, 0.01, 0.01, 0.01))
        services = replace(stage.services, keeper=Remembering())
        target = Target("n" * 255, HOST, MODULE)
        for network in ("198.51.100", "203.0.113"):
            stage.network.routing = chain(0.01, 0.01, 0.01, 0.01, network=network)
            monitor = TargetMonitor(target, services)
            for _ in range(10):
                await monitor.run()
            monitor.close()
        assert stage.views[-1].facts.changes == 1

    run_virtual(test())
