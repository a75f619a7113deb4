"""What an imaginary internet consists of, as frozen records. `world_file` reads them from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from exporter.errors import FtrError
from exporter.model import ExtensionObject, MplsEntry

#: Codes of `unreachable` by name, for IPv4 (RFC 792, RFC 1812) and IPv6 (RFC 4443).
UNREACHABLE_CODES = {
    "net": (0, 0),
    "host": (1, 3),
    "protocol": (2, 1),
    "port": (3, 4),
    "admin": (13, 1),
    "reject": (10, 6),
}


class WorldError(FtrError):
    """A description of a world that cannot be used; says where and why."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: `rate` answers a second, at most `burst` at once."""

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Addresses:
    """An address in each family, None where there is none."""

    ipv4: str | None = None
    ipv6: str | None = None

    def of(self, version: int) -> str | None:
        """The address for IP version 4 or 6."""
        return self.ipv4 if version == 4 else self.ipv6


@dataclass(frozen=True, slots=True)
class Node:
    """A router or a destination, and how it behaves. Durations in seconds.

    `delay` is what the link that leads here adds to every round trip, also to those that go
    further; `slow` and `jitter` (uniform, up to it) are added to this node's own answers only.
    `loss` loses this node's answers: a probability, or a pattern of 0 and 1 (lost) that repeats.
    `forward_loss` loses what passes through. `quote` counts the bytes quoted behind the IP
    header, None quotes as much as fits. `initial_ttl` is the answer's TTL as it leaves,
    `return_hops` how many routers decrement it on its way back (None: as many as on the way
    there). `answers_as` answers from foreign addresses (TCP never does).
    `unreachable` (codes for IPv4, IPv6), `blackhole` and `mtu` (bytes) apply to what would be
    forwarded beyond.
    """

    name: str
    addresses: Addresses = Addresses()
    hostname: str | None = None
    delay: float = 0.0
    slow: float = 0.0
    jitter: float = 0.0
    loss: float | tuple[int, ...] = 0.0
    forward_loss: float = 0.0
    rate_limit: RateLimit | None = None
    silent: bool = False
    quote: int | None = None
    mpls: tuple[MplsEntry, ...] = ()
    extensions: tuple[ExtensionObject, ...] = ()
    initial_ttl: int = 64
    return_hops: int | None = None
    duplicate: int = 0
    answers_as: Addresses = Addresses()
    unreachable: tuple[int, int] | None = None
    blackhole: bool = False
    mtu: int | None = None


#: One step of a path: a hop's name, or branches (each several hops) among which flows are spread.
Branch = tuple[str, ...]
Step = str | tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A destination: its own behaviour, the way there, and the services it runs.

    `balance` spreads by `flow`, `packet` or `destination`. `loop` repeats the last so many hops
    for ever. `unreachable` is sent in this target's place by the last router of its path.
    `icmp` is `reply` or `silent`; `udp` and `tcp` map a port, or `default`, to `unreachable`,
    `silent`, `echo`, `quic`, `dns` (refuses), `ntp`, `banner` (says the same to everybody); to
    `refused`, `silent`, `open`.
    """

    node: Node
    path: tuple[Step, ...]
    balance: str = "flow"
    loop: int = 0
    unreachable: tuple[int, int] | None = None
    icmp: str = "reply"
    udp: tuple[tuple[int | str, str], ...] = (("default", "unreachable"),)
    tcp: tuple[tuple[int | str, str], ...] = (("default", "refused"),)

    @property
    def name(self) -> str:
        """The key in the world; the destination's node has the same."""
        return self.node.name

    def hop_names(self) -> tuple[str, ...]:
        """Every hop that may be on the way, in order, branches one after the other."""
        names: list[str] = []
        for step in self.path:
            names.extend((step,) if isinstance(step, str) else sum(step, ()))
        return tuple(names)


@dataclass(frozen=True, slots=True)
class AutonomousSystem:
    """Who announces which prefixes."""

    number: int
    name: str
    country: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class World:
    """An imaginary internet as one host sees it. `seed` makes jitter and loss repeatable."""

    host: Addresses = Addresses("10.9.0.2", "fd09::2")
    mtu: int = 1500
    seed: int = 0
    systems: tuple[AutonomousSystem, ...] = ()
    hops: dict[str, Node] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)

    def with_node(self, node: Node) -> World:
        """The same world with a hop, or a target's own node, replaced by this one."""
        if node.name in self.hops:
            return replace(self, hops={**self.hops, node.name: node})
        target = replace(self.targets[node.name], node=node)
        return self.with_target(target)

    def with_target(self, target: Target) -> World:
        """The same world with a target added or replaced."""
        return replace(self, targets={**self.targets, target.name: target})
