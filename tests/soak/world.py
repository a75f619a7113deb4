"""A world with a 4-way and a 16-way diamond, silent hops, rate limits, 5 % loss and jitter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.lab.world import Addresses, Node, RateLimit, Target, World

PROTOCOLS = ("icmp", "udp", "tcp")
LOSS = 0.05
_SPARES = 2000
_JITTER = 0.002
_FOUR = [[f"four{n}", f"fore{n}"] for n in range(4)]
_SIXTEEN = [[f"sixteen{n}"] for n in range(16)]
_SILENT = {"hush", "mute", "four2", "sixteen5"}
_LIMITED = {"slow", "shy", "fore1", "sixteen0", "sixteen7"}
PATH: list[Any] = ["home", "slow", _FOUR, "core", "hush", _SIXTEEN, "shy", "mute", "edge"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One target of the daemon and the destination in the world that is its own."""

    name: str
    protocol: str
    address: str


def subjects(protocols: tuple[str, ...], each: int) -> list[Subject]:
    """So many targets for each protocol."""
    pairs = [(protocol, number) for protocol in protocols for number in range(each)]
    return [
        Subject(f"{protocol}{number}", protocol, f"198.18.{index // 200}.{index % 200 + 1}")
        for index, (protocol, number) in enumerate(pairs)
    ]


def make_world(found: list[Subject], seed: int = 1) -> World:
    """Every target behind the same routers; unused routers stand by for changes."""
    names = [name for step in PATH for name in _names(step)]
    spares = [f"spare{number}" for number in range(_SPARES)]
    hops = {name: _router(name, number) for number, name in enumerate(names + spares)}
    targets = {
        each.name: Target(
            Node(each.name, Addresses(each.address), jitter=_JITTER, loss=LOSS, delay=0.0005),
            tuple(_step(step) for step in PATH),
            udp=(("default", "unreachable"),),
            tcp=(("default", "refused"), (443, "open")),
        )
        for each in found
    }
    return World(seed=seed, hops=hops, targets=targets)


def _names(step: Any) -> Iterator[str]:
    if isinstance(step, str):
        yield step
    else:
        for branch in step:
            yield from branch


def _step(step: Any) -> Any:
    return step if isinstance(step, str) else tuple(map(tuple, step))


def _router(name: str, number: int) -> Node:
    return Node(
        name,
        Addresses(f"203.0.{number // 250}.{number % 250 + 1}"),
        delay=0.0005,
        jitter=_JITTER,
        loss=LOSS,
        silent=name in _SILENT,
        rate_limit=RateLimit(1.0, 1.0) if name in _LIMITED else None,
    )


class Route:
    """The path of one target as it changes; each change of another kind than the one before."""

    def __init__(self, seed: int, spares: Iterator[int]) -> None:
        self._random = Random(seed)
        self._spares = spares
        self._kind = seed
        self.steps: list[Any] = list(PATH)

    def change(self) -> str:
        """Change the path in a way that an observer can tell; gives the kind of change."""
        kind = KINDS[self._kind % len(KINDS)]
        self._kind += 1
        getattr(self, f"_{kind}")()
        return kind

    def _fresh(self) -> str:
        return f"spare{next(self._spares)}"

    def _plain(self) -> int:
        """Where a router stands that answers and is alone at its TTL; not the first one."""
        ok = [n for n, step in enumerate(self.steps) if n and _answers(step)]
        return self._random.choice(ok)

    def _new_router(self) -> None:
        self.steps[self._plain()] = self._fresh()

    def _longer(self) -> None:
        place = self._plain()
        self.steps[place:place] = [self._fresh() for _ in range(self._random.choice((1, 2)))]

    def _shorter(self) -> None:
        del self.steps[self._plain()]
        if len(self.steps) < 7:
            self.steps[1:1] = [self._fresh() for _ in range(3)]

    def _new_way(self) -> None:
        place = min(self._plain(), len(self.steps) - 3)
        number = self._random.choice((3, 4))
        self.steps[place : place + 3] = [self._fresh() for _ in range(number)]

    def _new_diamond(self) -> None:
        width = self._random.choice((2, 4, 8))
        self.steps[self._plain()] = [[self._fresh()] for _ in range(width)]

    def _other_diamond(self) -> None:
        place = self._wide()
        step = self.steps[place]
        if isinstance(step, str):
            self.steps[place] = self._fresh()
        else:
            self.steps[place] = [[self._fresh() for _ in branch] for branch in step]

    def _no_diamond(self) -> None:
        self.steps[self._wide()] = self._fresh()

    def _wide(self) -> int:
        """Where a balanced segment stands; where there is none, a router that answers."""
        wide = [n for n, step in enumerate(self.steps) if not isinstance(step, str)]
        return self._random.choice(wide) if wide else self._plain()


KINDS = ("new_router", "longer", "shorter", "new_way", "new_diamond", "other_diamond", "no_diamond")


def _answers(step: Any) -> bool:
    return isinstance(step, str) and step not in _SILENT and step not in _LIMITED
