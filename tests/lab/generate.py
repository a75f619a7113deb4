"""Makes worlds of any size: a tree of shared routers with targets at its leaves. Pure.

Routers live in 198.19.0.0/16 and 2001:db8:1::/48, targets in 198.18.0.0/16 and 2001:db8:2::/48,
so a world holds up to 60,000 targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.lab.world import Addresses, AutonomousSystem, Node, Target, World

MAX_TARGETS = 60_000
SYSTEMS = (
    AutonomousSystem(64510, "LAB-ROUTERS", "DE", ("198.19.0.0/16", "2001:db8:1::/48")),
    AutonomousSystem(64511, "LAB-TARGETS", "NL", ("198.18.0.0/16", "2001:db8:2::/48")),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a generated world is like: hops on the way (both inclusive), seconds, shares."""

    min_hops: int = 8
    max_hops: int = 20
    min_delay: float = 0.0002
    max_delay: float = 0.002
    jitter: float = 0.0
    loss: float = 0.0


def generate(count: int, shape: Shape | None = None, *, seed: int = 1) -> World:
    """A world of `count` targets t0, t1, …; the same arguments give the same world.

    The routers of level n, at most 2**n of them, each serve neighbouring targets; so the first
    hop is common to all, and from some level on a handful of targets share one.
    """
    if not 1 <= count <= MAX_TARGETS:
        raise ValueError(f"1 to {MAX_TARGETS} targets, not {count}")
    shape = shape or Shape()
    random = Random(seed)
    hops: dict[str, Node] = {}
    targets: dict[str, Target] = {}
    for number in range(count):
        length = random.randint(shape.min_hops, shape.max_hops)
        path = tuple(
            f"r{level}-{number * min(2**level, max(1, count // 8)) // count}"
            for level in range(length)
        )
        for name in path:
            if name not in hops:
                hops[name] = _router(name, len(hops) + 1, shape, random)
        name = f"t{number}"
        node = Node(
            name,
            Addresses(f"198.18.{number >> 8}.{number & 255}", f"2001:db8:2::{number + 1:x}"),
            f"{name}.targets.example",
            delay=random.uniform(shape.min_delay, shape.max_delay),
            jitter=shape.jitter,
            loss=shape.loss,
        )
        targets[name] = Target(node, path)
    return World(systems=SYSTEMS, seed=seed, hops=hops, targets=targets)


def _router(name: str, number: int, shape: Shape, random: Random) -> Node:
    return Node(
        name,
        Addresses(f"198.19.{number >> 8}.{number & 255}", f"2001:db8:1::{number:x}"),
        f"{name}.routers.example",
        delay=random.uniform(shape.min_delay, shape.max_delay),
        jitter=shape.jitter,
        loss=shape.loss,
        initial_ttl=255,
    )
