"""Many targets on a simulated internet, and what the daemon is told of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from tests.lab.generate import Shape, generate
from tests.lab.world import World

SHAPE = Shape(min_hops=8, max_hops=20)
PROBES_PER_TRACE = (SHAPE.min_hops + SHAPE.max_hops) / 2 + 1
_BUDGET = 20_000
_TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many targets that one round in each `interval` (seconds) makes about `rate` probes/s."""

    rate: int
    interval: float
    protocol: str = "icmp"

    @classmethod
    def of(cls, targets: int, interval: float) -> Fleet:
        """So many targets, whatever rate that makes."""
        return cls(round(targets * PROBES_PER_TRACE / interval), interval)

    @property
    def targets(self) -> int:
        """How many there are."""
        return max(1, round(self.rate * self.interval / PROBES_PER_TRACE))

    def world(self) -> World:
        """The internet they live in: lossless, with paths of 8 to 20 routers."""
        return _world(self.targets)

    def configuration(self) -> str:
        """The daemon's configuration; JSON is YAML. Nothing is looked up in the DNS."""
        targets = [
            {"host": target.node.addresses.ipv4, "name": target.name}
            for target in self.world().targets.values()
        ]
        return json.dumps(
            {
                "defaults": {
                    "interval": self.interval,
                    "probes": 1,
                    "protocol": self.protocol,
                    "timeout": min(_TIMEOUT, self.interval),
                },
                "targets": targets,
                "enrichment": {"rdns": False, "asn": {"source": "none"}},
                "limits": {"probes_per_second": _BUDGET},
            }
        )

    def bursts(self) -> list[tuple[str, int]]:
        """What the daemon sends in each interval: the address and number of TTLs of each target."""
        return [
            (str(target.node.addresses.ipv4), len(target.path) + 1)
            for target in self.world().targets.values()
        ]


@cache
def _world(targets: int) -> World:
    return generate(targets, SHAPE)
